"""`LocalChannel`: one channel in this process, with its subscribers and its place in the stream."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from actionhero_channels.delivery import STREAM_START, parse_id

if TYPE_CHECKING:
    from actionhero_channels.broadcasts import Broadcasts, HistoryEntry, PublishedMessage
    from actionhero_channels.delivery import Delivery
    from actionhero_channels.subscriber import Subscriber

logger = logging.getLogger("actionhero.channels")

#: How many deliveries are made before other tasks run; each takes some microseconds.
BATCH_SIZE: Final = 256
#: How many identifiers are remembered to drop duplicates of broadcasts without history.
RECENT_IDS: Final = 32
#: The delay before the history is read again after a failure.
RETRY_SECONDS: Final = 0.2


class LocalChannel:
    """One channel in this process.

    Args:
        name: Its name.
        history: Whether it has a history.
        broadcasts: Reads the history.
    """

    def __init__(self, name: str, *, history: bool, broadcasts: Broadcasts) -> None:
        self.name = name
        self.subscribers: dict[Subscriber, None] = {}
        #: How many subscribers are being added or removed.
        self.pending_subscribers = 0
        #: Set once Redis has confirmed the subscription of this process.
        self.confirmed = asyncio.Event()
        #: With history: the identifier of the last entry that was delivered here. `None` until it
        #: is known where to start.
        self.last_id: str | None = None
        self._history = history
        self._broadcasts = broadcasts
        self._recent_ids: deque[str] = deque(maxlen=RECENT_IDS)
        self._catching_up: asyncio.Task[None] | None = None
        #: Whether the stream may have entries that are newer than the last read.
        self._is_stale = False

    @property
    def is_empty(self) -> bool:
        """Whether it has no subscribers, not even pending ones."""
        return not self.subscribers and not self.pending_subscribers

    async def receive(self, message: PublishedMessage) -> None:
        """Deliver a published message if it is the next in order; else read the history."""
        delivery = message.delivery
        if message.previous is None:
            if delivery.id is not None:
                if delivery.id in self._recent_ids:
                    return
                self._recent_ids.append(delivery.id)
            await self._deliver(delivery)
            return
        if delivery.id is None:
            return
        if self.last_id is None or self._catching_up is not None:
            # It is in the stream too, which is being read, or will be.
            self._is_stale = True
        elif message.previous == self.last_id:
            self.last_id = delivery.id
            await self._deliver(delivery)
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
        elif self.last_id is not None:
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
            while True:
                self._is_stale = False
                try:
                    await self._deliver_new_entries()
                except Exception as error:  # noqa: BLE001 - any error is retried
                    logger.warning("channel %r: reading the history failed: %s", self.name, error)
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                if not self._is_stale:
                    return
        finally:
            self._catching_up = None

    async def _deliver_new_entries(self) -> None:
        last_id = self.last_id or STREAM_START
        entries = await self._broadcasts.entries_after(self.name, last_id)
        if not entries:
            latest = await self._broadcasts.latest_id(self.name)
            if parse_id(latest) < parse_id(last_id):
                # Redis has lost its data: the stream starts over.
                self.last_id = STREAM_START
                self._report_gap()
                self._is_stale = True
            return
        if entries[0].previous != last_id:
            self._report_gap()
        for entry in entries:
            self.last_id = entry.delivery.id
            await self._deliver(entry.delivery)

    async def read_backlog(self, since: str) -> tuple[list[Delivery], bool]:
        """Return the broadcasts after `since` up to the last delivered, and whether some are lost.

        A subscriber that is added before the event loop runs other tasks misses nothing.
        """
        await self._catch_up_to(since)
        backlog: list[HistoryEntry] = []
        start, is_first = since, True
        gap = False
        while True:
            entries = await self._broadcasts.entries_after(self.name, start)
            last_id = self.last_id or STREAM_START
            if is_first:
                gap = await self._has_gap(since, entries)
                is_first = False
                last_id = self.last_id or STREAM_START
            backlog += entries
            if backlog:
                start = backlog[-1].delivery.id or start
            # Entries that were delivered during the read belong to the backlog too.
            if not entries or parse_id(start) >= parse_id(last_id):
                break
        last_id = self.last_id or STREAM_START
        deliveries = [
            entry.delivery
            for entry in backlog
            if parse_id(entry.delivery.id or STREAM_START) <= parse_id(last_id)
        ]
        return deliveries, gap

    async def _has_gap(self, since: str, entries: list[HistoryEntry]) -> bool:
        if entries:
            return entries[0].previous != since
        if since == await self._broadcasts.latest_id(self.name):
            return False
        # Unless an entry has arrived in the meantime.
        entries = await self._broadcasts.entries_after(self.name, since)
        return not entries or entries[0].previous != since

    async def _catch_up_to(self, since: str) -> None:
        """Deliver the entries up to `since`, which the subscriber received in another process."""
        while parse_id(since) > parse_id(self.last_id or STREAM_START):
            if parse_id(since) > parse_id(await self._broadcasts.latest_id(self.name)):
                return
            self.catch_up()
            if self._catching_up is not None:
                await asyncio.wait({self._catching_up})

    async def _deliver(self, delivery: Delivery) -> None:
        subscribers = self.subscribers
        for number, subscriber in enumerate(tuple(subscribers), 1):
            if subscriber in subscribers:
                subscriber.deliver(delivery)
            if number % BATCH_SIZE == 0:
                await asyncio.sleep(0)

    def _report_gap(self) -> None:
        for subscriber in tuple(self.subscribers):
            subscriber.gap(self.name)
