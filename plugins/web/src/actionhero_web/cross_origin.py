"""`CrossOriginProtection`: keeps pages of other sites from using the session of a user.

A browser sends the session cookie with some requests of other sites, and stores the cookie in the
response. It reports the sender in `Sec-Fetch-Site` and `Origin`, which a page cannot change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero import Forbidden

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Connection, SessionStore
    from actionhero_web.connections.client_resolver import ClientResolver
    from actionhero_web.responses.cors import Cors

#: Methods that change nothing (RFC 9110 §9.2.1).
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES: Final = frozenset({"same-origin", "none"})


class CrossOriginProtection:
    """Detects requests of pages of other sites.

    Args:
        cors: The allowed origins, whose pages may use sessions. `*` allows no page to do so.
        store: The store of sessions.
        clients: The clients of requests, also behind proxies.
    """

    def __init__(self, cors: Cors, store: SessionStore, clients: ClientResolver) -> None:
        self._cors = cors
        self._clients = clients
        self._store = store

    def check(self, request: web.BaseRequest, connection: Connection) -> None:
        """Mark the connection if the request is from a page of another site.

        Such a call cannot change a session, and its response sets no cookie.

        Raises:
            Forbidden: The request has a session.
        """
        if request.method in _SAFE_METHODS or connection.credentials is not None:
            # A page cannot send credentials of its own without a preflight request, and the
            # session of the cookie is not opened.
            return
        if not self._is_cross_site(request):
            return
        connection.is_cross_site = True
        if self._store.has_session(connection):
            raise Forbidden("The request is from a page of another site")

    def _is_cross_site(self, request: web.BaseRequest) -> bool:
        headers = request.headers
        site = headers.get("Sec-Fetch-Site")
        origin = headers.get("Origin")
        if site in _OWN_SITES or (site is None and origin is None):
            # Without any header, the client is not a browser.
            return False
        if "Authorization" in headers or self._cors.lists(origin):
            return False
        if site is not None:
            return True
        own_host = self._clients.client(request).host or headers.get("Host", "")
        # Not by the scheme, which a proxy may not report.
        return _host(origin) != _host(f"//{own_host}")


def remove_cookies(connection: Connection) -> None:
    """Remove cookies from the response to a page of another site."""
    connection.response_headers = tuple(
        header for header in connection.response_headers or () if header[0] != "Set-Cookie"
    )


def _host(origin: str | None) -> str:
    """Return host and port of an origin, in the form that browsers send."""
    _, _, host = (origin or "").lower().partition("//")
    return host.removesuffix(":80").removesuffix(":443")
