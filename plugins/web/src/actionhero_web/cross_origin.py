"""`CrossOriginProtection`: keeps pages of other sites from using the session of a user.

A browser sends the session cookie with some requests of other sites, and stores the cookie in the
response. It reports the sender in `Sec-Fetch-Site` and `Origin`, which a page cannot change.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aiohttp import hdrs, web
from multidict import istr

from actionhero import Connection, Forbidden, MalformedRequest, Session
from actionhero_web.connections.client_resolver import ClientResolver
from actionhero_web.responses.cors import Cors
from actionhero_web.responses.origins import has_host, trusted_origin
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from actionhero import Application

#: Methods that change nothing (RFC 9110 §9.2.1).
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Names of this class, and those of `hdrs`, are found in a third of the time.
FETCH_SITE: Final = istr("Sec-Fetch-Site")
_OWN_SITES: Final = frozenset({"same-origin", "none"})
#: Credentials that browsers add to requests of any page, as they do with cookies.
_AMBIENT_SCHEMES: Final = frozenset({"basic", "digest", "negotiate", "ntlm"})
_MESSAGE: Final = "The request comes from a page of another site"


class CrossOriginProtection:
    """Detects requests of pages of other sites.

    Args:
        app: The application, whose pipeline exists when the first request is checked.
    """

    def __init__(self, app: Application) -> None:
        settings = app.get(WebSettings)
        #: The setting `web.cross_origin_protection`.
        self.enabled = settings.cross_origin_protection
        self._app = app
        #: Resolves the clients of requests without an action.
        self.clients = ClientResolver(settings.trusted_proxies)
        self._trusted = Cors(settings.allowed_origins).listed.union(
            map(trusted_origin, settings.trusted_origins)
        )
        #: The names of actions with `cross_origin = True`.
        self.exempt = frozenset(
            name
            for action in app.actions
            if action.attribute("cross_origin") is True
            for name in action.names
        )

    @classmethod
    def of(cls, app: Application) -> CrossOriginProtection:
        """Return the protection of an application, of which there is one."""
        if not app.has(cls):
            app.provide(cls, cls(app))
        return app.get(cls)

    def check(self, request: web.BaseRequest, connection: Connection) -> None:
        """Mark the connection if the request is from a page of another site.

        Such a call cannot change a session, and its response sets no cookie. The body of the
        request is not read. Does nothing if the protection is disabled.

        Args:
            request: The request.
            connection: Its connection, with the credentials that an authenticator reads.

        Raises:
            Forbidden: The request has a session, or credentials that browsers add themselves.
        """
        if not self.refuses_session(request):
            return
        schemes = [_scheme(value) for value in request.headers.getall(hdrs.AUTHORIZATION, ())]
        credentials = connection.credentials
        if credentials is not None:
            schemes = [credentials.scheme]
        has_ambient = not _AMBIENT_SCHEMES.isdisjoint(schemes)
        if schemes and not has_ambient:
            # A page cannot send such credentials without a preflight request.
            return
        connection.is_cross_site = True
        store = self._app.pipeline.session_store
        if has_ambient or (store is not None and store.has_session(connection)):
            raise Forbidden(_MESSAGE)

    def check_native(self, request: web.BaseRequest, connection: Connection | None = None) -> None:
        """Check a request without an action.

        Args:
            request: The request.
            connection: A connection that is marked as by `check`.

        Raises:
            Forbidden: The request has a session, or credentials that browsers add themselves.
        """
        if connection is None:
            connection = Connection("web", raw=request)
        authentication = self._app.pipeline.authentication
        if authentication and connection.credentials is None:
            with suppress(MalformedRequest):
                connection.credentials = authentication.read(request.headers)
        self.check(request, connection)

    def refuses_session(self, request: web.BaseRequest) -> bool:
        """Return whether a request may neither use nor change a session, unless it is exempt."""
        return self.enabled and request.method not in SAFE_METHODS and self.is_cross_site(request)

    def is_cross_site(self, request: web.BaseRequest, *, own_only: bool = False) -> bool:
        """Return whether a request is from a page of another site.

        Args:
            request: The request.
            own_only: Whether trusted and allowed origins are other sites, too.
        """
        headers = request.headers
        site = headers.get(FETCH_SITE)
        if site in _OWN_SITES:
            return False
        origin = headers.get(hdrs.ORIGIN)
        if site is None:
            if origin is None:
                # Without any of the headers, the client is not a browser.
                return False
            # Browsers omit it for connections without TLS to other machines.
            host = self.clients.client(request).host or headers.get("Host") or ""
            if has_host(origin, host):
                return False
        return own_only or origin not in self._trusted


class CrossSiteSession(Session):
    """The session of a call for a page of another site: it is empty, and cannot be changed."""

    __slots__ = ()

    def __setitem__(self, key: str, value: Any) -> None:
        raise Forbidden(_MESSAGE)

    async def regenerate(self) -> None:
        """Raise an error, as a page of another site must not sign a user in.

        Raises:
            Forbidden: Always.
        """
        raise Forbidden(_MESSAGE)

    async def destroy(self) -> None:
        """Do nothing: there is no session."""


#: The protection, in an aiohttp application.
CROSS_ORIGIN: web.AppKey[CrossOriginProtection] = web.AppKey(
    "actionhero_cross_origin", CrossOriginProtection
)


def check_origin(request: web.Request, *, own_only: bool = False, reads: bool = False) -> None:
    """Raise an error if a request is from a page of another site.

    For native routes that identify users by something else than sessions, such as a cookie of
    their own. Requests with a session cookie are checked without it.

    Args:
        request: The request for a native route.
        own_only: Whether to refuse pages of trusted and allowed origins as well, and to check even
            if `web.cross_origin_protection` is disabled.
        reads: Whether to check requests with safe methods, such as `GET`, too.

    Raises:
        Forbidden: The request is from a page of another site.
    """
    if request.method in SAFE_METHODS and not reads:
        return
    protection = request.config_dict[CROSS_ORIGIN]
    if (own_only or protection.enabled) and protection.is_cross_site(request, own_only=own_only):
        raise Forbidden(_MESSAGE)


def _scheme(authorization: str) -> str:
    return authorization.strip().partition(" ")[0].lower()
