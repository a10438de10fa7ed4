"""`Gate`: the checks of an HTTP request before anything of its body is read."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from actionhero import Connection, MalformedRequest, Principal, SignInRequired, TypedError
from actionhero.transport import is_loopback
from actionhero_mcp.admission import Admitted, Refused
from actionhero_mcp.catalog import catalog_for
from actionhero_mcp.challenges import Challenge, header_of
from actionhero_mcp.handshake import SESSION
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.limits import CallerLimits
from actionhero_mcp.origins import OriginCheck
from actionhero_mcp.refusals import Refusals
from actionhero_mcp.revisions import INTERNAL_ERROR, INVALID_REQUEST
from actionhero_mcp.settings import McpSettings
from actionhero_web import MediaType, WebSettings, media_type_of

if TYPE_CHECKING:
    from aiohttp import web
    from multidict import CIMultiDictProxy

    from actionhero import Application
    from actionhero_web import EndpointRequest, Headers

_ALLOWED_HEADERS: Final = (
    "Content-Type, Accept, Authorization, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, "
    "Mcp-Name, Last-Event-ID"
)
_EXPOSED_HEADERS: Final = "Mcp-Session-Id, WWW-Authenticate, Retry-After, X-Request-Id"


class Gate:
    """Checks requests, and identifies their callers.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._settings = settings = app.get(McpSettings)
        web_settings = app.get(WebSettings)
        is_local = web_settings.unix_socket is None and is_loopback(web_settings.host)
        self._auth = settings.auth or ("optional" if is_local else "required")
        #: Whether credentials are read.
        self.reads_credentials = self._auth != "none" and bool(app.pipeline.authentication)
        self._origins = OriginCheck(
            settings, is_local=is_local, requires_credentials=self._auth == "required"
        )
        self._is_legacy = settings.legacy
        self._limits = CallerLimits(settings.max_concurrent_calls)
        #: Records refused requests.
        self.refusals = Refusals(app)

    def cors_headers(self, headers: CIMultiDictProxy[str]) -> Headers:
        """Return the headers of every response to a page."""
        if self._origins.refusal(headers) is not None:
            return ()
        return (
            ("Access-Control-Allow-Origin", headers["Origin"]),
            ("Access-Control-Expose-Headers", _EXPOSED_HEADERS),
            ("Vary", "Origin"),
        )

    @cached_property
    def _preflight_headers(self) -> Headers:
        """The headers of the response to a preflight (Fetch §3.2)."""
        tools = catalog_for(self._app).tools.values()
        repeated = sorted({header for tool in tools for header in tool.header_parameters})
        return (
            ("Access-Control-Allow-Methods", "POST, GET, OPTIONS"),
            ("Access-Control-Allow-Headers", ", ".join((_ALLOWED_HEADERS, *repeated))),
            ("Access-Control-Max-Age", "7200"),
        )

    def challenge(self, parameters: dict[str, str]) -> dict[str, str]:
        """Return the parameters of `WWW-Authenticate`."""
        schemes = self._app.pipeline.authentication.challenges("mcp")
        return {**schemes.get("Bearer", {}), **parameters}

    def admit(self, request: EndpointRequest) -> Admitted:
        """Return a request that has passed the checks that precede its credentials.

        Raises:
            Refused: It is refused.
        """
        http = request.request
        if (reason := self._origins.refusal(http.headers)) is not None:
            self.refusals.record_from(request.remote, None, reason, 403)
            raise _refused(403, reason)
        if http.method != "POST":
            if http.method == "OPTIONS":
                raise _refused(204, "", self._preflight_headers)
            if not (http.method == "GET" and SESSION in http.headers and self._is_legacy):
                raise _refused(405, "Method not allowed", (("Allow", "POST, OPTIONS"),))
        if self._app.is_stopping:
            error = RpcError(INTERNAL_ERROR, "The server is shutting down", status=503)
            error.headers = (("Retry-After", "1"),)
            raise Refused(error)
        if "?" in http.raw_path and "access_token" in http.query:
            raise _refused(400, "Tokens in a query are not accepted; send the header Authorization")
        return Admitted(request, self._limits)

    def count(self, admitted: Admitted) -> None:
        """Count a request whose caller is known, which `Admitted.end` ends.

        Raises:
            Refused: Its caller has sent too many.
        """
        # Not by the header: a grant has another token after each refresh.
        caller = admitted.caller
        if caller:
            per_minute = self._settings.calls_per_minute
        else:
            caller, per_minute = self._address_limit(admitted.request)
        self._check_rate(self._limits.enter(caller, per_minute), admitted)
        admitted.counted_as = caller

    def _address_limit(self, request: EndpointRequest) -> tuple[str, int]:
        """Return the key of an anonymous caller, and how many requests it may send a minute."""
        address = request.remote
        is_local = address is None or is_loopback(address)
        return address or "", 0 if is_local else self._settings.anonymous_calls_per_minute

    def _check_rate(self, retry_seconds: float | None, admitted: Admitted) -> None:
        """Refuse a request if there is a time after which to retry."""
        if retry_seconds is not None:
            retry = (("Retry-After", f"{retry_seconds:.0f}"),)
            remote, principal = admitted.request.remote, admitted.principal
            self.refusals.record_from(remote, principal, "Too many requests", 429)
            raise _refused(429, "Too many requests", retry)

    async def identify(self, admitted: Admitted) -> None:
        """Set the principal of a request; `None` without credentials.

        Raises:
            Refused: The credentials are invalid, or missing although they are required.
        """
        try:
            admitted.principal = await self._identify(admitted.request)
        except Refused as refused:
            if refused.error.status == 401:
                # Otherwise invalid credentials would escape the limit of anonymous callers.
                key, per_minute = self._address_limit(admitted.request)
                self._check_rate(self._limits.take(key, per_minute), admitted)
            raise

    async def _identify(self, request: EndpointRequest) -> Principal | None:
        pipeline = self._app.pipeline
        principal = None
        try:
            credentials = pipeline.authentication.read(request.request.headers)
            if credentials is not None:
                principal = pipeline.authentication.recall(credentials)
                if principal is None:
                    connection = Connection("mcp", request.remote)
                    connection.credentials = credentials
                    principal = await pipeline.identify(connection)
        except SignInRequired as error:
            raise self._unauthorized(error.message, dict(error.challenge or {})) from error
        except MalformedRequest as error:
            raise _refused(400, error.message) from error
        except TypedError as error:
            raise _refused(503, error.message, (("Retry-After", "1"),)) from error
        if principal is None and self._auth == "required":
            self.refusals.record_from(request.remote, None, "Sign-in required", 401)
            raise self._unauthorized("Sign-in required", {})
        return principal

    async def confirm(self, admitted: Admitted) -> None:
        """Identify the caller of a request again, whose credentials may be revoked since.

        Raises:
            RpcError: They are.
        """
        if not self.reads_credentials:
            return
        try:
            await self._identify(admitted.request)
        except Refused as refused:
            raise refused.error from refused

    def _unauthorized(self, message: str, parameters: dict[str, str]) -> Refused:
        error = Challenge(message, 401, parameters)
        error.headers = (("WWW-Authenticate", header_of(self.challenge(parameters))),)
        return Refused(error)

    def check_media(self, request: web.BaseRequest) -> None:
        """Check the format of the body, and those that the client accepts.

        Raises:
            Refused: They are not those of the protocol.
        """
        headers = request.headers
        accepted = ", ".join(headers.getall("Accept", ("*/*",)))
        if request.method == "GET":
            if not _accepts(accepted, "text/event-stream"):
                raise _refused(406, "Accept has to list text/event-stream")
            return
        if headers.get("Content-Type") != "application/json" and not _is_json(headers):
            raise _refused(415, "The message has to be application/json in UTF-8")
        if not _accepts(accepted, "application/json", "text/event-stream"):
            raise _refused(406, "Accept has to list application/json and text/event-stream")


def _is_json(headers: CIMultiDictProxy[str]) -> bool:
    try:
        return media_type_of(headers.get("Content-Type")) is MediaType.JSON
    except TypedError:
        return False


# A client sends the same in all of its requests.
@lru_cache(maxsize=256)
def _accepts(accept: str, *media_types: str) -> bool:
    """Return whether a client accepts all of some media types."""
    accepted = accept.lower()
    return all(
        media_type in accepted or f"{media_type.partition('/')[0]}/*" in accepted
        for media_type in media_types
    ) or ("*/*" in accepted)


def _refused(status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Refused:
    return Refused(RpcError(INVALID_REQUEST, message, status=status, headers=headers))
