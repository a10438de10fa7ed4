"""`OperatorAccess`: the origin of requests for a page of operators, and its cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import HttpVersion11

from actionhero import UnsupportedMediaType
from actionhero.transport import is_loopback
from actionhero_web.bodies.media import MediaType, media_type_of
from actionhero_web.connections.client_resolver import remote_address
from actionhero_web.connections.proxy import TrustedProxies
from actionhero_web.cross_origin import check_origin
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application
    from actionhero_web.connections.proxy import ForwardedClient

#: The headers by which a trusted proxy forwards the address of the client.
_CLIENT_HEADERS: Final = ("Forwarded", "X-Forwarded-For")
#: The headers of any proxy. The client behind an untrusted proxy is unknown.
_PROXY_HEADERS: Final = (
    *("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port"),
    *("X-Forwarded-Proto", "X-Forwarded-Server", "X-Real-IP"),
)


class OperatorAccess:
    """Checks the origin of requests for a page of operators, and makes its cookie.

    Args:
        app: The application.
        cookie: The name of the cookie of the page.
    """

    def __init__(self, app: Application, cookie: str) -> None:
        self._proxies = TrustedProxies(app.get(WebSettings).trusted_proxies)
        self._cookie = cookie

    def client(self, request: web.Request) -> ForwardedClient:
        """Return the client of a request, behind trusted proxies."""
        return self._proxies.client(remote_address(request), request.scheme, request.headers)

    def token(self, request: web.Request) -> str | None:
        """Return the token in the cookie of a request."""
        return request.cookies.get(self._cookie_name(request))

    def is_local(self, request: web.Request) -> bool:
        """Whether a request is from this machine, by one of its names, and not from a proxy."""
        # Behind a proxy on this machine every client has a loopback address. A trusted proxy
        # forwards the address; others are recognized by their headers, or by HTTP/1.0.
        is_trusted = self._proxies.trusts(remote_address(request))
        headers = _CLIENT_HEADERS if is_trusted else _PROXY_HEADERS
        is_forwarded = any(name in request.headers for name in headers)
        if is_forwarded is not is_trusted or request.version < HttpVersion11:
            return False
        if not _is_loopback(self.client(request).address or ""):
            return False
        # Against DNS rebinding: another site's name may resolve to this machine.
        return _is_loopback(_host_of(request.headers.get("Host", "")))

    def check_read(self, request: web.Request) -> None:
        """Raise an error if a request for data is from another page.

        Raises:
            Forbidden: It is from another page.
        """
        check_origin(request, own_only=True, reads=True)

    def check_change(self, request: web.Request) -> None:
        """Raise an error if a request is from another page; without a browser it is not.

        Raises:
            Forbidden: It is from another page.
        """
        check_origin(request, own_only=True)

    def check_json(self, request: web.Request) -> None:
        """Raise an error unless a request is JSON; a form of any page could send it.

        Raises:
            UnsupportedMediaType: It is something else.
        """
        if media_type_of(request.headers.get("Content-Type")) is not MediaType.JSON:
            raise UnsupportedMediaType("send application/json")

    def cookie(self, request: web.Request, value: str, seconds: int) -> str:
        """Return the `Set-Cookie` header of a token; 0 seconds delete the cookie.

        It has no `Path`: the default is the folder of the page as the browser sees it, even if a
        proxy changes paths.
        """
        secure = "; Secure" if self._is_secure(request) else ""
        name = self._cookie_name(request)
        return f"{name}={value}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"

    def _cookie_name(self, request: web.Request) -> str:
        # Browsers accept a cookie with this prefix only over TLS.
        return f"__Secure-{self._cookie}" if self._is_secure(request) else self._cookie

    def _is_secure(self, request: web.Request) -> bool:
        return self.client(request).scheme == "https"


def _host_of(host: str) -> str:
    """Return the host of `host:port` or `[address]:port`."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    return name.endswith(".localhost") or is_loopback(name)
