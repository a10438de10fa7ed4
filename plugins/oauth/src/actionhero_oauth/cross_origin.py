"""The check of the origin of forms, and the headers for clients in browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero import Forbidden

if TYPE_CHECKING:
    from aiohttp import web

#: Any page may call the endpoints for clients, which read no cookie.
PUBLIC_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
}


def check_form_origin(request: web.Request, issuer: str) -> None:
    """Raise an error unless a form is from a page of this server.

    Raises:
        Forbidden: It is from another page, or its origin is unknown.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site == "same-origin":
            return
    else:
        # Older browsers, and connections without TLS to other machines.
        origins = request.headers.getall("Origin", [])
        own = {issuer, f"{request.scheme}://{request.host}"}
        if len(origins) == 1 and origins[0] in own:
            return
    raise Forbidden("The form is from a page of another site")
