"""Where sockets come in: at the paths of our messages, and at those of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import PluginError
from actionhero_web import Cors, Upgrade, WebSettings
from actionhero_websocket.endpoint import Endpoint, EndpointSocket
from actionhero_websocket.handshake import agree
from actionhero_websocket.session import WebSocketSession
from actionhero_websocket.session_registry import SessionRegistry, conversations_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from actionhero import Application
    from actionhero_web import UpgradeRequest


class MessageUpgrade(Upgrade):
    """Lets in who speaks our messages.

    Args:
        shared: What all sockets share.
        settings: Where it listens, and whose pages may ask.
    """

    def __init__(self, shared: SessionRegistry, settings: WebSettings) -> None:
        self.paths = tuple(dict.fromkeys((settings.prefix or "/", "/", "/ws")))
        self._shared = shared
        self._cors = Cors(settings.allowed_origins)

    async def accept(
        self, request: UpgradeRequest
    ) -> tuple[Mapping[str, str], asyncio.BaseProtocol]:
        """Agree on how to speak."""
        compress = self._shared.settings.compress
        headers, window_bits = agree(request, self._cors, compress=compress)
        return headers, WebSocketSession(self._shared, request, window_bits=window_bits)


class EndpointUpgrade(Upgrade):
    """Lets in who speaks what a plugin understands.

    Args:
        endpoint: The plugin's.
        shared: What all sockets share.
        settings: Whose pages may ask.
    """

    def __init__(self, endpoint: Endpoint, shared: SessionRegistry, settings: WebSettings) -> None:
        self.paths = (endpoint.path,)
        self._endpoint = endpoint
        self._shared = shared
        self._cors = Cors(settings.allowed_origins)

    async def accept(
        self, request: UpgradeRequest
    ) -> tuple[Mapping[str, str], asyncio.BaseProtocol]:
        """Agree on how to speak."""
        compress = self._shared.settings.compress
        headers, window_bits = agree(request, self._cors, compress=compress)
        sockets, serve = self._shared.sockets, self._endpoint.serve
        return headers, EndpointSocket(sockets, request, serve, window_bits=window_bits)


def upgrades_for(app: Application) -> list[Upgrade]:
    """Return all doors for sockets of an application.

    Raises:
        PluginError: Two plugins have an endpoint at one path, or one of them is ours.
    """
    shared = conversations_of(app)
    settings = app.get(WebSettings)
    ours = MessageUpgrade(shared, settings)
    found: list[Upgrade] = [ours]
    owners = dict.fromkeys(ours.paths, "the messages of actionhero-websocket")
    for plugin, endpoint in app.plugins.collect(
        "actionhero_websocket_endpoints", Endpoint, app=app
    ):
        path = endpoint.path.rstrip("/") or "/"
        if path in owners:
            raise PluginError(
                f"the endpoint {path!r} of {plugin.owner} is taken by {owners[path]}; "
                "change its path, or disable one of the plugins"
            )
        owners[path] = plugin.owner
        found.append(EndpointUpgrade(endpoint, shared, settings))
    return found
