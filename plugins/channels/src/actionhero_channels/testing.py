"""For tests: what was broadcast, and somebody who listens without a door.

```python
async with running_app(plugin) as app:
    with captured_broadcasts(app) as said:
        await app.call("message:create", {"body": "Hello"})
    assert said[0].channel == "messages"
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


class Listener:
    """A subscriber that keeps what it hears."""

    def __init__(self) -> None:
        self.connection = Connection("test")
        #: What was delivered, in order, without who came and went.
        self.heard: list[Delivery] = []
        #: The events of presence, as they were delivered.
        self.presence: list[Delivery] = []
        #: The channels of which something may have been missed.
        self.gaps: list[str] = []
        self._changed = asyncio.Condition()
        self._waking: set[asyncio.Task[None]] = set()

    def deliver(self, delivery: Delivery, /) -> None:
        """Keep what was broadcast."""
        (self.heard if delivery.id is not None else self.presence).append(delivery)
        self._wake()

    def gap(self, channel: str, /) -> None:
        """Keep that something may have been missed."""
        self.gaps.append(channel)
        self._wake()

    async def until(self, *, heard: int = 0, presence: int = 0, gaps: int = 0) -> None:
        """Wait until so much was heard."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: (
                    len(self.heard) >= heard
                    and len(self.presence) >= presence
                    and len(self.gaps) >= gaps
                )
            )

    def _wake(self) -> None:
        if not self._waking:
            task = asyncio.get_running_loop().create_task(self._notify())
            self._waking.add(task)
            task.add_done_callback(self._waking.discard)

    async def _notify(self) -> None:
        self._waking.clear()
        async with self._changed:
            self._changed.notify_all()


@contextlib.contextmanager
def captured_broadcasts(app: Application | RunningApp) -> Iterator[list[CapturedBroadcast]]:
    """Give a list to which each broadcast of this process is added, for as long as a block."""
    said: list[CapturedBroadcast] = []

    def tap(channel: str, message: Any, sender: str) -> None:
        said.append(CapturedBroadcast(channel, message, sender))

    channels = app.get(Channels)
    channels.taps.append(tap)
    try:
        yield said
    finally:
        channels.taps.remove(tap)
