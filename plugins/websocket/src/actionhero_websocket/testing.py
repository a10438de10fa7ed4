"""For tests: `captured_messages`, which needs neither a server nor a client.

```python
async with running_app(web, websocket, Notify) as app:
    with captured_messages(app) as messages:
        await app.call("notify", user=7, text="Hello")
    assert messages[0].user == 7
```
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero.transport import loads
from actionhero_websocket.connections.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero import Application
    from actionhero.testing import RunningApp
    from actionhero_websocket.connections.operation import Operation


class CapturedMessage(NamedTuple):
    """A message that was sent, whether its client is connected or not."""

    #: The identifier of the connection; `None` for a message to a user.
    id: str | None
    #: The user; `None` for a message to one connection.
    user: Any
    message: Any


@contextlib.contextmanager
def captured_messages(app: Application | RunningApp) -> Iterator[list[CapturedMessage]]:
    """Yield a list that collects what `Connections` of this process sends in a `with` block."""
    captured: list[CapturedMessage] = []

    def capture(operation: Operation, message: Any) -> None:
        user = loads(operation.user.encode()) if operation.user else None
        captured.append(CapturedMessage(operation.id, user, message))

    connections = app.get(Connections)
    connections.observers.append(capture)
    try:
        yield captured
    finally:
        connections.observers.remove(capture)
