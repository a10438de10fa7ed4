"""`Access`: authenticates operators, and checks the origin of their requests."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import HttpVersion11

from actionhero import SignInRequired, UnsupportedMediaType
from actionhero.settings import AppSettings
from actionhero_tasks.page.tokens import SignedTokens
from actionhero_tasks.settings import TasksSettings
from actionhero_web import (
    MediaType,
    TrustedProxies,
    WebSettings,
    check_origin,
    media_type_of,
    remote_address,
)

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application
    from actionhero_web import ForwardedClient

_COOKIE: Final = "actionhero_tasks"
#: The headers by which a trusted proxy forwards the address of the client.
_CLIENT_HEADERS: Final = ("Forwarded", "X-Forwarded-For")
#: The headers of any proxy. The client behind an untrusted proxy is unknown.
_PROXY_HEADERS: Final = (
    *("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port"),
    *("X-Forwarded-Proto", "X-Forwarded-Server", "X-Real-IP"),
)


class Access:
    """Decides whether a request is from an operator.

    With `tasks.operator_password`, the request must have a token. Without a password, it must be
    from this machine in development; for all other clients, the page does not exist.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        settings = app.get(TasksSettings)
        password = settings.operator_password
        self._proxies = TrustedProxies(app.get(WebSettings).trusted_proxies)
        #: `None` without a password.
        self.tokens: SignedTokens | None = None
        if password is not None:
            self.tokens = SignedTokens(
                password.get_secret_value(),
                lambda: app.get(AppSettings).get_secret_key(app.environment).get_secret_value(),
                ttl_seconds=int(settings.operator_session.total_seconds()),
            )

    def client(self, request: web.Request) -> ForwardedClient:
        """Return the client of a request, behind trusted proxies."""
        return self._proxies.client(remote_address(request), request.scheme, request.headers)

    def is_hidden(self, request: web.Request) -> bool:
        """Whether the page does not exist for this client."""
        return self.tokens is None and not self._is_local(request)

    def is_signed_in(self, request: web.Request) -> bool:
        """Whether a request is from an operator, provided that the page is not hidden."""
        if self.tokens is None:
            return True
        token = request.cookies.get(self._cookie_name(request))
        return token is not None and self.tokens.is_valid(token)

    def check_read(self, request: web.Request) -> None:
        """Raise an error unless an operator may read data with this request.

        Raises:
            Forbidden: It is from another page.
            SignInRequired: It has no valid token.
        """
        check_origin(request, own_only=True, reads=True)
        if not self.is_signed_in(request):
            raise SignInRequired("Sign in as an operator first")

    def check_change(self, request: web.Request) -> None:
        """Raise an error unless an operator may change data with this request.

        Raises:
            Forbidden: It is from another page.
            SignInRequired: It has no valid token.
            UnsupportedMediaType: It is not JSON; a form of any page could send it.
        """
        self.check_origin(request)
        if not self.is_signed_in(request):
            raise SignInRequired("Sign in as an operator first")
        if media_type_of(request.headers.get("Content-Type")) is not MediaType.JSON:
            raise UnsupportedMediaType("send application/json")

    def check_origin(self, request: web.Request) -> None:
        """Raise an error unless a request is from this page, or not from a browser.

        Raises:
            Forbidden: It is from another page.
        """
        check_origin(request, own_only=True)

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
        return f"__Secure-{_COOKIE}" if self._is_secure(request) else _COOKIE

    def _is_secure(self, request: web.Request) -> bool:
        return self.client(request).scheme == "https"

    def _is_local(self, request: web.Request) -> bool:
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


def _host_of(host: str) -> str:
    """Return the host of `host:port` or `[address]:port`."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if address.version == 6 else None
    return (mapped or address).is_loopback
