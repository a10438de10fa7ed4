"""`LocalChannel`: one channel in this process, with its subscribers and its place in the stream."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from actionhero_channels.delivery import STREAM_START, parse_id
from actionhero_channels.recipients import Recipients

if TYPE_CHECKING:
    from actionhero_channels.broadcasts import Broadcasts, PublishedMessage
    from actionhero_channels.channel import Channel
    from actionhero_channels.delivery import Delivery

logger = logging.getLogger("actionhero.channels")

#: How many identifiers are remembered to drop duplicates of broadcasts without history.
RECENT_IDS: Final = 32
#: The delay before the history is read again after a failure.
RETRY_SECONDS: Final = 0.2


@dataclass(eq=False)
class Recording:
    """The deliveries during a read of the history, with their gaps."""

    deliveries: list[Delivery] = field(default_factory=list)
    gap: bool = False


class LocalChannel:
    """One channel in this process.

    Args:
        channel: The channel of the author.
        name: The name, with the values of its placeholders.
        broadcasts: Reads the history.
    """

    def __init__(self, channel: Channel, name: str, broadcasts: Broadcasts) -> None:
        self.name = name
        #: The name of the channel of the author, with placeholders.
        self.declared_name = channel.name
        self.recipients = Recipients(channel, name)
        #: How many subscribers are being added or removed.
        self.pending_subscribers = 0
        #: Set once Redis has confirmed the subscription of this process.
        self.confirmed = asyncio.Event()
        #: With history: the identifier of the last entry that was delivered here. `None` until it
        #: is known where to start.
        self.last_id: str | None = None
        self._history = channel.history > 0
        self._broadcasts = broadcasts
        self._recent_ids: deque[str] = deque(maxlen=RECENT_IDS)
        self._catching_up: asyncio.Task[None] | None = None
        #: Held during deliveries with history, which must not overtake each other.
        self._delivering = asyncio.Lock()
        #: One for each subscriber that is resuming.
        self._recordings: list[Recording] = []
        #: Whether the stream may have entries that are newer than the last read.
        self._is_stale = False

    @property
    def is_empty(self) -> bool:
        """Whether it has no subscribers, not even pending ones."""
        return not self.recipients and not self.pending_subscribers

    async def receive(self, message: PublishedMessage) -> None:
        """Deliver a published message if it is the next in order; else read the history."""
        delivery = message.delivery
        if message.previous is None:
            if delivery.id is not None:
                if delivery.id in self._recent_ids:
                    return
                self._recent_ids.append(delivery.id)
            await self.recipients.deliver(delivery)
            return
        if delivery.id is None:
            return
        if self.last_id is None or self._catching_up is not None:
            # It is in the stream too, which is being read, or will be.
            self._is_stale = True
        elif message.previous == self.last_id:
            # It is free: only a catch-up holds it otherwise.
            async with self._delivering:
                await self._deliver_entry(delivery)
        elif parse_id(delivery.id) > parse_id(self.last_id) or message.previous == STREAM_START:
            self.catch_up()

    async def load_position(self) -> None:
        """Start after the newest entry of the history, unless the position is known already."""
        if not self._history or self.last_id is not None:
            return
        latest = await self._broadcasts.latest_id(self.name)
        if self.last_id is None:
            self.last_id = latest
            if self._is_stale:
                self.catch_up()

    def handle_reconnect(self) -> None:
        """Deliver the entries published during an outage; without history, report a gap."""
        if not self._history:
            self._report_gap()
        elif self.last_id is None:
            # The position that is being loaded may be older than entries of the outage.
            self._is_stale = True
        else:
            self.catch_up()

    def catch_up(self) -> None:
        """Deliver the entries of the history that were not delivered yet, in a task."""
        if self._catching_up is None:
            self._catching_up = asyncio.get_running_loop().create_task(self._catch_up())
        else:
            self._is_stale = True

    async def close(self) -> None:
        """Cancel the task of `catch_up`."""
        task, self._catching_up = self._catching_up, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _catch_up(self) -> None:
        try:
            # A published message may be in the middle of its delivery.
            async with self._delivering:
                while True:
                    self._is_stale = False
                    try:
                        await self._deliver_new_entries()
                    except Exception as error:  # noqa: BLE001 - any error is retried
                        logger.warning(
                            "channel %r: reading the history failed: %s", self.name, error
                        )
                        await asyncio.sleep(RETRY_SECONDS)
                        continue
                    if not self._is_stale:
                        return
        finally:
            self._catching_up = None

    async def _deliver_new_entries(self) -> None:
        last_id = self.last_id or STREAM_START
        deliveries, gap = await self._broadcasts.entries_after(self.name, last_id)
        if gap and not deliveries:
            # Redis has lost the newest entries, and continues after the newest of the others,
            # which were delivered.
            latest = await self._broadcasts.latest_id(self.name)
            if parse_id(latest) < parse_id(last_id):
                self.last_id = latest
                self._report_gap()
            self._is_stale = True
            return
        if gap:
            self._report_gap()
        for delivery in deliveries:
            await self._deliver_entry(delivery)

    async def read_backlog(self, since: str) -> tuple[list[Delivery], bool]:
        """Return the broadcasts after `since` up to the last delivered, and whether some are lost.

        A subscriber that is added before the event loop runs other tasks misses nothing.
        """
        if parse_id(since) > parse_id(self.last_id or STREAM_START):
            # The subscriber received it in another process.
            await self._wait_until_current()
        recording = Recording()
        self._recordings.append(recording)
        try:
            stored, gap = await self._broadcasts.entries_after(self.name, since)
        finally:
            self._recordings.remove(recording)
        # From here on nothing is awaited, so `last_id` stays the last delivery. All deliveries
        # until now were stored before the read, or are recorded.
        delivered = parse_id(self.last_id or STREAM_START)
        read = _position(stored[-1]) if stored else parse_id(since)
        backlog = [each for each in stored if _position(each) <= delivered]
        backlog += [each for each in recording.deliveries if _position(each) > read]
        return backlog, gap or recording.gap

    async def _wait_until_current(self) -> None:
        """Wait until the present entries of the history are delivered."""
        self.catch_up()
        if self._catching_up is not None:
            await asyncio.wait({self._catching_up})

    async def _deliver_entry(self, delivery: Delivery) -> None:
        self.last_id = delivery.id
        for recording in self._recordings:
            recording.deliveries.append(delivery)
        await self.recipients.deliver(delivery)

    def _report_gap(self) -> None:
        for recording in self._recordings:
            recording.gap = True
        self._broadcasts.gaps[self.declared_name] += 1
        self.recipients.report_gap()


def _position(delivery: Delivery) -> tuple[int, int]:
    return parse_id(delivery.id or STREAM_START)
