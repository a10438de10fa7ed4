"""A WebSocket client: calls, streams and subscriptions, with automatic reconnects.

```python
async with connect("ws://127.0.0.1:8080/api") as client:
    status = await client.call("status")
    async with client.subscribe("messages") as messages:
        async for message in messages:
            print(message.message)
```
"""

from __future__ import annotations

from actionhero_websocket.client.client import Client
from actionhero_websocket.client.connecting import connect
from actionhero_websocket.client.errors import (
    CallFailed,
    ConnectionLost,
    InvalidInputs,
    InvalidResult,
    SubscriptionEnded,
)
from actionhero_websocket.client.events import (
    ClientEvent,
    DirectMessage,
    Gap,
    Message,
    Presence,
    ServerError,
    SessionEnd,
    State,
    StateChange,
)
from actionhero_websocket.client.subscription import Subscription, SubscriptionGroup

__all__ = [
    "CallFailed",
    "Client",
    "ClientEvent",
    "ConnectionLost",
    "DirectMessage",
    "Gap",
    "InvalidInputs",
    "InvalidResult",
    "Message",
    "Presence",
    "ServerError",
    "SessionEnd",
    "State",
    "StateChange",
    "Subscription",
    "SubscriptionEnded",
    "SubscriptionGroup",
    "connect",
]
