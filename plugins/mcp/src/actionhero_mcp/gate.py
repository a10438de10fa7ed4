"""`Gate`: the checks of an HTTP request before anything of its body is read."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from actionhero import Connection, MalformedRequest, Principal, SignInRequired, TypedError
from actionhero.transport import new_identifier
from actionhero_mcp.challenges import Challenge, header_of
from actionhero_mcp.handshake import SESSION
from actionhero_mcp.input_requests import caller_of
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.limits import CallerLimits
from actionhero_mcp.origins import OriginCheck, is_loopback
from actionhero_mcp.refusals import Refusals
from actionhero_mcp.revisions import INTERNAL_ERROR, INVALID_REQUEST
from actionhero_mcp.settings import McpSettings
from actionhero_web import MediaType, TrustedProxies, WebSettings, media_type_of, remote_address

if TYPE_CHECKING:
    from types import TracebackType

    from aiohttp import web

    from actionhero import Application

_ALLOWED_HEADERS: Final = (
    "Content-Type, Accept, Authorization, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, "
    "Mcp-Name, Last-Event-ID"
)
_EXPOSED_HEADERS: Final = "Mcp-Session-Id, WWW-Authenticate, Retry-After, X-Request-Id"


class Refused(Exception):
    """Raised for a request that is refused before its message is read.

    Args:
        error: The response.
    """

    def __init__(self, error: RpcError) -> None:
        super().__init__(error.message)
        self.error = error


class Admitted:
    """A request that has passed the gate; the end of its block is that of the request."""

    def __init__(
        self, limits: CallerLimits, key: str, principal: Principal | None, remote: str | None,
        request_id: str,
    ) -> None:  # fmt: skip
        self._limits = limits
        self._key = key
        self.principal = principal
        self.remote = remote
        self.request_id = request_id
        connection = Connection("mcp", remote)
        connection.principal = principal
        #: Whether the request ends later than its block.
        self.is_kept = False
        #: The caller that signed values are bound to.
        self.caller = caller_of(connection)

    def __enter__(self) -> Admitted:
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        if not self.is_kept:
            self.end()

    def end(self) -> None:
        """Count the end of the request, or of its call if that goes on without its client."""
        self._limits.leave(self._key)


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
        self._proxies = TrustedProxies(web_settings.trusted_proxies)
        #: Records refused requests.
        self.refusals = Refusals(app)

    def headers(self, request: web.Request) -> dict[str, str]:
        """Return the headers of every response to a request."""
        origin = request.headers.get("Origin")
        if origin is None or self._origins.refusal(request) is not None:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
            "Vary": "Origin",
        }

    def challenge(self, parameters: dict[str, str]) -> dict[str, str]:
        """Return the parameters of `WWW-Authenticate`."""
        schemes = self._app.pipeline.authentication.challenges("mcp")
        return {**schemes.get("Bearer", {}), **parameters}

    async def admit(self, request: web.Request) -> Admitted:
        """Return an admitted request.

        Raises:
            Refused: It is refused.
        """
        if (reason := self._origins.refusal(request)) is not None:
            self.refusals.record_from(self._address(request), None, reason, 403)
            raise _refused(403, reason)
        if request.method == "OPTIONS":
            raise _refused(204, "", _preflight_headers())
        is_stream = request.method == "GET" and SESSION in request.headers and self._is_legacy
        if request.method != "POST" and not is_stream:
            raise _refused(405, "Method not allowed", (("Allow", "POST, OPTIONS"),))
        if self._app.is_stopping:
            error = RpcError(INTERNAL_ERROR, "The server is shutting down", status=503)
            error.headers = (("Retry-After", "1"),)
            raise Refused(error)
        if "access_token" in request.query:
            raise _refused(400, "Tokens in a query are not accepted; send the header Authorization")
        client = self._proxies.client(remote_address(request), request.scheme, request.headers)
        key = self._enter(request, client.address)
        try:
            principal = await self._identify(request, client.address)
            self._check_media(request, is_stream=is_stream)
        except BaseException:
            self._limits.leave(key)
            raise
        request_id = client.request_id or new_identifier()
        return Admitted(self._limits, key, principal, client.address, request_id)

    def _address(self, request: web.Request) -> str | None:
        client = self._proxies.client(remote_address(request), request.scheme, request.headers)
        return client.address

    def _enter(self, request: web.Request, address: str | None) -> str:
        """Count a request, and return the key of its caller."""
        authorization = request.headers.get("Authorization")
        if authorization is not None and self.reads_credentials:
            key = hashlib.sha256(authorization.encode(errors="replace")).hexdigest()
            per_minute = self._settings.calls_per_minute
        else:
            key = address or ""
            local = address is None or is_loopback(address)
            per_minute = 0 if local else self._settings.anonymous_calls_per_minute
        retry_seconds = self._limits.enter(key, per_minute)
        if retry_seconds is not None:
            retry = (("Retry-After", f"{retry_seconds:.0f}"),)
            self.refusals.record_from(address, None, "Too many requests", 429)
            raise _refused(429, "Too many requests", retry)
        return key

    async def _identify(self, request: web.Request, address: str | None) -> Principal | None:
        """Return the principal of a request; `None` without credentials.

        Raises:
            Refused: The credentials are invalid, or missing although they are required.
        """
        if not self.reads_credentials:
            return None
        pipeline = self._app.pipeline
        connection = Connection("mcp", address)
        try:
            connection.credentials = pipeline.authentication.read(request.headers)
            principal = await pipeline.identify(connection)
        except SignInRequired as error:
            raise self._unauthorized(error.message, dict(error.challenge or {})) from error
        except MalformedRequest as error:
            raise _refused(400, error.message) from error
        except TypedError as error:
            raise _refused(503, error.message, (("Retry-After", "1"),)) from error
        if principal is None and self._auth == "required":
            self.refusals.record_from(address, None, "Sign-in required", 401)
            raise self._unauthorized("Sign-in required", {})
        return principal

    async def confirm(self, request: web.Request, admitted: Admitted) -> None:
        """Identify the caller of a request again, whose credentials may be revoked since.

        Raises:
            RpcError: They are.
        """
        try:
            await self._identify(request, admitted.remote)
        except Refused as refused:
            raise refused.error from refused

    def _unauthorized(self, message: str, parameters: dict[str, str]) -> Refused:
        error = Challenge(message, 401, parameters)
        error.headers = (("WWW-Authenticate", header_of(self.challenge(parameters))),)
        return Refused(error)

    def _check_media(self, request: web.Request, *, is_stream: bool) -> None:
        """Check the format of the body, and those that the client accepts."""
        accepted = ", ".join(request.headers.getall("Accept", ["*/*"])).lower()
        if is_stream:
            if not _accepts(accepted, "text/event-stream"):
                raise _refused(406, "Accept has to list text/event-stream")
            return
        try:
            is_json = media_type_of(request.headers.get("Content-Type")) is MediaType.JSON
        except TypedError:
            is_json = False
        if not is_json:
            raise _refused(415, "The message has to be application/json in UTF-8")
        if not _accepts(accepted, "application/json", "text/event-stream"):
            raise _refused(406, "Accept has to list application/json and text/event-stream")


def _accepts(accepted: str, *media_types: str) -> bool:
    """Return whether a client accepts all of some media types."""
    return all(
        media_type in accepted or f"{media_type.partition('/')[0]}/*" in accepted
        for media_type in media_types
    ) or ("*/*" in accepted)


def _refused(status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Refused:
    return Refused(RpcError(INVALID_REQUEST, message, status=status, headers=headers))


def _preflight_headers() -> tuple[tuple[str, str], ...]:
    return (
        ("Access-Control-Allow-Methods", "POST, GET, OPTIONS"),
        ("Access-Control-Allow-Headers", _ALLOWED_HEADERS),
        ("Access-Control-Max-Age", "7200"),
    )
