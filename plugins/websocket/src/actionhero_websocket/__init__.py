"""WebSocket for ActionHero: actions, subscriptions and broadcasts over one socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_websocket.client import CallFailed as CallFailed
    from actionhero_websocket.client import Client as Client
    from actionhero_websocket.client import ConnectionLost as ConnectionLost
    from actionhero_websocket.client import InvalidInputs as InvalidInputs
    from actionhero_websocket.client import connect as connect
    from actionhero_websocket.connections.connection_info import ConnectionInfo as ConnectionInfo
    from actionhero_websocket.connections.connections import Connections as Connections
    from actionhero_websocket.connections.listener import ConnectionListener as ConnectionListener
    from actionhero_websocket.connections.live_connection import LiveConnection as LiveConnection
    from actionhero_websocket.endpoint import Endpoint as Endpoint
    from actionhero_websocket.endpoint import EndpointSocket as EndpointSocket
    from actionhero_websocket.exposure import is_exposed as is_exposed
    from actionhero_websocket.settings import WebSocketSettings as WebSocketSettings

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".client": ["CallFailed", "Client", "ConnectionLost", "InvalidInputs", "connect"],
        ".connections.connection_info": ["ConnectionInfo"],
        ".connections.connections": ["Connections"],
        ".connections.listener": ["ConnectionListener"],
        ".connections.live_connection": ["LiveConnection"],
        ".endpoint": ["Endpoint", "EndpointSocket"],
        ".exposure": ["is_exposed"],
        ".settings": ["WebSocketSettings"],
    },
)
