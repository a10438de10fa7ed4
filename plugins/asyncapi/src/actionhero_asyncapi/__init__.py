"""AsyncAPI for ActionHero: the document of channels, messages and actions over WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_asyncapi.breaking import breaking_changes as breaking_changes
    from actionhero_asyncapi.document import AsyncApiDocument as AsyncApiDocument
    from actionhero_asyncapi.settings import AsyncApiSettings as AsyncApiSettings

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".breaking": ["breaking_changes"],
        ".document": ["AsyncApiDocument"],
        ".settings": ["AsyncApiSettings"],
    },
)
