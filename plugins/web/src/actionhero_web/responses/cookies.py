"""`remove_cookies`: removes the cookies of responses, however an action has added them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from actionhero_web.responses.encoded_response import EncodedResponse


def remove_cookies(response: EncodedResponse | web.StreamResponse) -> None:
    """Remove all cookies from a response that is not sent yet."""
    if isinstance(response, web.StreamResponse):
        response.cookies.clear()
        response.headers.popall("Set-Cookie", None)
    else:
        response.headers = tuple(
            header for header in response.headers if header[0].lower() != "set-cookie"
        )
