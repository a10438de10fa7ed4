"""`EncodedResponse`: status, body and headers of a response, before it is written."""

from __future__ import annotations

from typing import Final, TypeAlias

#: Names and values of headers; a name may be repeated.
Headers: TypeAlias = tuple[tuple[str, str], ...]

JSON: Final = "application/json"
#: The headers of a response whose media type the client selects.
VARY_BY_ACCEPT: Final[Headers] = (("Vary", "Accept"),)


class EncodedResponse:
    """A response that the encode stage passes to the write stage.

    Args:
        status: The status.
        body: The body.
        content_type: Its media type; empty for a response without a body.
        headers: Its own headers, in addition to those of every response.
    """

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self, status: int, body: bytes, content_type: str = JSON, headers: Headers = ()
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers
