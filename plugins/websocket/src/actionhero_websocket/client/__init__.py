"""A client for tests and scripts: calls, streams and subscriptions, with automatic reconnects.

```python
async with connect("ws://127.0.0.1:8080/api") as client:
    status = await client.call("status")
    async with client.subscribe("messages") as messages:
        async for message in messages:
            print(message.message)
```
"""

from __future__ import annotations

from actionhero_websocket.client.client import Client, connect
from actionhero_websocket.client.messages import CallFailed, ConnectionLost, Message
from actionhero_websocket.client.subscription import Subscription

__all__ = ["CallFailed", "Client", "ConnectionLost", "Message", "Subscription", "connect"]
