"""`AsyncApiDocument`: the AsyncAPI document of an application, cached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero_asyncapi.builder import DocumentBuilder

if TYPE_CHECKING:
    from actionhero import Application


class AsyncApiDocument:
    """Builds the document on first use, and caches it.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._document: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the document, which must not be changed."""
        if self._document is None:
            self._document = DocumentBuilder(self._app).build()
        return self._document
