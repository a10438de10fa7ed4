"""The paths of sockets: those of the message protocol, and the endpoints of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Connection, PluginError
from actionhero.transport import request_id
from actionhero_web import Cors, Upgrade, WebSettings
from actionhero_websocket.endpoint import Endpoint, EndpointSocket
from actionhero_websocket.protocol.handshake import negotiate
from actionhero_websocket.session import WebSocketSession
from actionhero_websocket.session_registry import SessionRegistry, registry_for

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from actionhero import Application
    from actionhero_web import UpgradeRequest
    from actionhero_websocket.protocol.handshake import Handshake


class _SocketUpgrade(Upgrade):
    """An upgrade with the handshake of all sockets.

    Args:
        registry: The registry of sessions.
        settings: The allowed origins, and the format of errors.
    """

    def __init__(self, registry: SessionRegistry, settings: WebSettings) -> None:
        self._registry = registry
        self._cors = Cors(settings.allowed_origins)
        self._protects_sessions = settings.cross_origin_protection
        self._origin_message = settings.response_format.rejected_origin_message

    def _negotiate(self, request: UpgradeRequest) -> Handshake:
        return negotiate(
            request,
            self._cors,
            compress=self._registry.settings.compress,
            origin_message=self._origin_message,
            has_session=self._protects_sessions and self._has_session(request),
        )

    def _has_session(self, request: UpgradeRequest) -> bool:
        store = self._registry.pipeline.session_store
        return store is not None and store.has_session(Connection("websocket", raw=request))


class MessageUpgrade(_SocketUpgrade):
    """Accepts sockets that speak the message protocol of ActionHero.

    Args:
        registry: The registry of sessions.
        settings: The paths, and the allowed origins.
    """

    def __init__(self, registry: SessionRegistry, settings: WebSettings) -> None:
        super().__init__(registry, settings)
        self.paths = tuple(dict.fromkeys((settings.prefix or "/", "/", "/ws")))

    async def accept(
        self, request: UpgradeRequest
    ) -> tuple[Mapping[str, str], asyncio.BaseProtocol]:
        """Negotiate the handshake, and return the headers and the session."""
        headers, window_bits = self._negotiate(request)
        session = WebSocketSession(self._registry, request, window_bits=window_bits)
        await self._authenticate(request, session.connection)
        return headers, self._registry.live.gate(session, session.connection) or session

    async def _authenticate(self, request: UpgradeRequest, connection: Connection) -> None:
        """Check the credentials of a handshake, so that a client learns at once of wrong ones.

        Raises:
            TypedError: They are invalid, or cannot be checked now.
        """
        pipeline = self._registry.pipeline
        if pipeline.authentication:
            connection.credentials = pipeline.authentication.read(request.headers)
            token = request_id.set(request.request_id)
            try:
                await pipeline.identify(connection)
            finally:
                request_id.reset(token)


class EndpointUpgrade(_SocketUpgrade):
    """Accepts the sockets of an endpoint.

    Args:
        endpoint: The endpoint.
        registry: The registry of sessions.
        settings: The allowed origins.
    """

    def __init__(
        self, endpoint: Endpoint, registry: SessionRegistry, settings: WebSettings
    ) -> None:
        super().__init__(registry, settings)
        self.paths = (endpoint.path,)
        self._endpoint = endpoint

    async def accept(
        self, request: UpgradeRequest
    ) -> tuple[Mapping[str, str], asyncio.BaseProtocol]:
        """Negotiate the handshake, and return the headers and the socket."""
        headers, window_bits = self._negotiate(request)
        socket = EndpointSocket(
            self._registry.sockets,
            request,
            self._endpoint,
            window_bits=window_bits,
            report=self._registry.pipeline.report_exception,
        )
        return headers, socket


def create_upgrades(app: Application) -> list[Upgrade]:
    """Return the upgrades of an application.

    Raises:
        PluginError: Two endpoints have one path, or an endpoint has a path of the messages.
    """
    registry = registry_for(app)
    settings = app.get(WebSettings)
    message_upgrade = MessageUpgrade(registry, settings)
    upgrades: list[Upgrade] = [message_upgrade]
    owners = dict.fromkeys(message_upgrade.paths, "the messages of actionhero-websocket")
    for plugin, endpoint in app.plugins.collect(
        "actionhero_websocket_endpoints", Endpoint, app=app
    ):
        path = endpoint.path.rstrip("/") or "/"
        if path in owners:
            raise PluginError(
                f"the endpoint {path!r} of {plugin.owner} has the path of {owners[path]}; "
                "change its path, or disable one of the plugins"
            )
        owners[path] = plugin.owner
        upgrades.append(EndpointUpgrade(endpoint, registry, settings))
    return upgrades
