"""For tests: `captured_broadcasts`, and `RecordingSubscriber`, which needs no transport.

```python
async with running_app(plugin) as app:
    with captured_broadcasts(app) as broadcasts:
        await app.call("message:create", {"body": "Hello"})
    assert broadcasts[0].channel == "messages"
```
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero import Connection
from actionhero_channels.channels import Channels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero import Application
    from actionhero.testing import RunningApp
    from actionhero_channels.delivery import Delivery


class CapturedBroadcast(NamedTuple):
    """A broadcast that succeeded."""

    channel: str
    message: Any
    sender: str


class RecordingSubscriber:
    """A subscriber that records its deliveries."""

    def __init__(self) -> None:
        self.connection = Connection("test")
        #: The deliveries in order, without presence events.
        self.deliveries: list[Delivery] = []
        #: The presence events, in order.
        self.presence: list[Delivery] = []
        #: The channels for which a gap was reported.
        self.gaps: list[str] = []
        self._changed = asyncio.Condition()
        self._notifying: set[asyncio.Task[None]] = set()

    def deliver(self, delivery: Delivery, /) -> None:
        """Record a broadcast."""
        (self.deliveries if delivery.id is not None else self.presence).append(delivery)
        self._wake()

    def gap(self, channel: str, /) -> None:
        """Record a gap."""
        self.gaps.append(channel)
        self._wake()

    async def wait_for(self, *, deliveries: int = 0, presence: int = 0, gaps: int = 0) -> None:
        """Wait until at least that number of each is recorded."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: (
                    len(self.deliveries) >= deliveries
                    and len(self.presence) >= presence
                    and len(self.gaps) >= gaps
                )
            )

    def _wake(self) -> None:
        if not self._notifying:
            task = asyncio.get_running_loop().create_task(self._notify())
            self._notifying.add(task)
            task.add_done_callback(self._notifying.discard)

    async def _notify(self) -> None:
        self._notifying.clear()
        async with self._changed:
            self._changed.notify_all()


@contextlib.contextmanager
def captured_broadcasts(app: Application | RunningApp) -> Iterator[list[CapturedBroadcast]]:
    """Yield a list that collects the broadcasts of this process during a `with` block."""
    captured: list[CapturedBroadcast] = []

    def capture(channel: str, message: Any, sender: str) -> None:
        captured.append(CapturedBroadcast(channel, message, sender))

    channels = app.get(Channels)
    channels.observers.append(capture)
    try:
        yield captured
    finally:
        channels.observers.remove(capture)
