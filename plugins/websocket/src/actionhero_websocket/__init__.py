"""WebSocket for ActionHero: actions, channels and broadcasts over one socket."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionhero_websocket.endpoint import Endpoint as Endpoint
    from actionhero_websocket.endpoint import EndpointSocket as EndpointSocket
    from actionhero_websocket.settings import WebSocketSettings as WebSocketSettings

__all__ = ["Endpoint", "EndpointSocket", "WebSocketSettings"]

_HOME = {
    "Endpoint": "endpoint",
    "EndpointSocket": "endpoint",
    "WebSocketSettings": "settings",
}


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'actionhero_websocket' has no attribute {name!r}")
    return getattr(importlib.import_module(f"actionhero_websocket.{module}"), name)
