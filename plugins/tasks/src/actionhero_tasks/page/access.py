"""`Access`: who may see the page, and from where its requests may come."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import HttpVersion11

from actionhero import Forbidden, SignInRequired, UnsupportedMediaType
from actionhero.settings import AppSettings
from actionhero_tasks.page.tokens import SignedTokens
from actionhero_tasks.settings import TasksSettings
from actionhero_web import Media, TrustedProxies, WebSettings, kind, remote_address

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application
    from actionhero_web import ForwardedClient

_COOKIE: Final = "actionhero_tasks"
#: Where a proxy that is trusted says who asks.
_TELLING: Final = ("Forwarded", "X-Forwarded-For")
#: What proxies add. One that is not trusted has sent who knows whom.
_PROXIED: Final = (
    *("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port"),
    *("X-Forwarded-Proto", "X-Forwarded-Server", "X-Real-IP"),
)


class Access:
    """Decides whether a request is one of an operator.

    With `tasks.operator_password` it is one that shows a pass. Without, one of this very machine,
    in development: nobody else is told that the page is there.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        settings = app.get(TasksSettings)
        password = settings.operator_password
        self._proxies = TrustedProxies(app.get(WebSettings).trusted_proxies)
        #: `None` without a password.
        self.passes: SignedTokens | None = None
        if password is not None:
            self.passes = SignedTokens(
                password.get_secret_value(),
                lambda: app.get(AppSettings).get_secret_key(app.environment).get_secret_value(),
                ttl_seconds=int(settings.operator_session.total_seconds()),
            )

    def client(self, request: web.Request) -> ForwardedClient:
        """Return who asks, behind the proxies that are trusted."""
        return self._proxies.client(remote_address(request), request.scheme, request.headers)

    def is_hidden(self, request: web.Request) -> bool:
        """Whether the page is as if it were not there."""
        return self.passes is None and not self._is_of_this_machine(request)

    def is_signed_in(self, request: web.Request) -> bool:
        """Whether a request is one of an operator, if the page is not hidden from it."""
        if self.passes is None:
            return True
        shown = request.cookies.get(self._cookie_name(request))
        return shown is not None and self.passes.is_good(shown)

    def check_reading(self, request: web.Request) -> None:
        """Raise unless an operator's own page, or who types the address, asks for what it shows.

        Raises:
            Forbidden: A page of somebody else asks.
            SignInRequired: It shows no pass that is good.
        """
        _check_origin(request, may_be_typed=True)
        if not self.is_signed_in(request):
            raise SignInRequired("Sign in as an operator first")

    def check_changing(self, request: web.Request) -> None:
        """Raise unless an operator's own page asks to change something.

        Raises:
            Forbidden: A page of somebody else asks.
            SignInRequired: It shows no pass that is good.
            UnsupportedMediaType: It is no JSON, as a form of any page could send it.
        """
        self.check_origin(request)
        if not self.is_signed_in(request):
            raise SignInRequired("Sign in as an operator first")
        if kind(request.headers.get("Content-Type")) is not Media.JSON:
            raise UnsupportedMediaType("send application/json")

    def check_origin(self, request: web.Request) -> None:
        """Raise unless a request comes from our own page, or from no page at all.

        Raises:
            Forbidden: It comes from somebody else's.
        """
        _check_origin(request, may_be_typed=False)

    def cookie(self, request: web.Request, value: str, seconds: int) -> str:
        """Return the header that lets a browser keep a pass; forget it after 0 seconds.

        It names no path: what a browser takes then is the folder of the page, as *it* sees that,
        whatever proxies make of paths on the way.
        """
        secure = "; Secure" if self._is_secure(request) else ""
        name = self._cookie_name(request)
        return f"{name}={value}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"

    def _cookie_name(self, request: web.Request) -> str:
        # Browsers take no cookie of that name which could be read, or was set, without TLS.
        return f"__Secure-{_COOKIE}" if self._is_secure(request) else _COOKIE

    def _is_secure(self, request: web.Request) -> bool:
        return self.client(request).scheme == "https"

    def _is_of_this_machine(self, request: web.Request) -> bool:
        peer = remote_address(request)
        # A proxy on this machine lets everybody seem to be here. One that is trusted says for whom
        # it asks; one that is not leaves its traces, and HTTP/1.0 is one of them.
        told = _TELLING if self._proxies.trusts(peer) else _PROXIED
        is_told = any(name in request.headers for name in told)
        if is_told is not self._proxies.trusts(peer) or request.version < HttpVersion11:
            return False
        if not _is_loopback(self.client(request).address or ""):
            return False
        # Any page may let its own name lead here. The browser still calls us by that name.
        return _is_loopback(_host_of(request.headers.get("Host", "")))


def _check_origin(request: web.Request, *, may_be_typed: bool) -> None:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        is_ours = site == "same-origin" or (may_be_typed and site == "none")
    else:
        # Browsers leave it out where a connection is neither TLS nor of this machine.
        origins = request.headers.getall("Origin", [])
        # Not the scheme: TLS may end at a proxy that does not tell.
        host = request.headers.get("Host", "").lower()
        is_ours = all(origin.lower().partition("://")[2] == (host or None) for origin in origins)
    if not is_ours:
        raise Forbidden("this can be asked for by its own page alone")


def _host_of(host: str) -> str:
    """Return the name in `name:port` or `[address]:port`."""
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
