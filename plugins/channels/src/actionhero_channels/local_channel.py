"""`Room`: one channel in this process: who listens here, and what they have heard."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from actionhero_channels.delivery import START, position

if TYPE_CHECKING:
    from actionhero_channels.broadcasts import Broadcasts, Kept, Published
    from actionhero_channels.delivery import Delivery
    from actionhero_channels.subscriber import Subscriber

logger = logging.getLogger("actionhero.channels")

#: After how many deliveries others get their turn: they take some microseconds each.
TURN: Final = 256
#: How many broadcasts without history are known again if they were sent twice.
KNOWN_AGAIN: Final = 32
#: How long to wait before the stream is read again, if that failed.
AGAIN_SECONDS: Final = 0.2


class Room:
    """Those in this process who listen to one channel.

    Args:
        channel: Its name.
        history: Whether what is broadcast is kept.
        broadcasts: Reads what is kept.
    """

    def __init__(self, channel: str, *, history: bool, broadcasts: Broadcasts) -> None:
        self.channel = channel
        self.subscribers: dict[Subscriber, None] = {}
        #: How many are about to join or to leave: as long as there is one, it is not empty.
        self.visitors = 0
        #: Whether Redis tells us what is broadcast here.
        self.listening = asyncio.Event()
        #: With history: the last broadcast that was delivered here. `None` as long as it is not
        #: known where to begin.
        self.last: str | None = None
        self._history = history
        self._broadcasts = broadcasts
        self._recent: deque[str] = deque(maxlen=KNOWN_AGAIN)
        self._catching_up: asyncio.Task[None] | None = None
        self._again = False

    @property
    def is_empty(self) -> bool:
        """Whether nobody is in it or on their way."""
        return not self.subscribers and not self.visitors

    async def take(self, published: Published) -> None:
        """Deliver what was published, if it is what comes next."""
        delivery = published.delivery
        if published.previous is None:
            if delivery.id is not None:
                if delivery.id in self._recent:
                    return
                self._recent.append(delivery.id)
            await self._deliver(delivery)
            return
        if delivery.id is None:
            return
        if self.last is None or self._catching_up is not None:
            # It is in the stream too, which is being read, or will be.
            self._again = True
        elif published.previous == self.last:
            self.last = delivery.id
            await self._deliver(delivery)
        elif position(delivery.id) > position(self.last) or published.previous == START:
            self.catch_up()

    async def begin(self) -> None:
        """Find out what was broadcast last: from there on, everything is delivered."""
        if not self._history or self.last is not None:
            return
        head = await self._broadcasts.head(self.channel)
        if self.last is None:
            self.last = head
            if self._again:
                self.catch_up()

    def resume(self) -> None:
        """Look for what was missed: Redis was away, and is back."""
        if not self._history:
            self._tell_gap()
        elif self.last is not None:
            self.catch_up()

    def catch_up(self) -> None:
        """Deliver from the stream what was missed."""
        if self._catching_up is None:
            self._catching_up = asyncio.get_running_loop().create_task(self._catch_up())
        else:
            self._again = True

    async def close(self) -> None:
        """End what it has begun."""
        task, self._catching_up = self._catching_up, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _catch_up(self) -> None:
        try:
            while True:
                self._again = False
                try:
                    await self._read_on()
                except Exception as error:  # noqa: BLE001 - whatever it is, it must be tried again
                    logger.warning(
                        "channel %r: reading its history failed: %s", self.channel, error
                    )
                    await asyncio.sleep(AGAIN_SECONDS)
                    continue
                if not self._again:
                    return
        finally:
            self._catching_up = None

    async def _read_on(self) -> None:
        last = self.last or START
        kept = await self._broadcasts.after(self.channel, last)
        if not kept:
            head = await self._broadcasts.head(self.channel)
            if position(head) < position(last):
                # Redis has lost what it had: it begins anew, and so do we.
                self.last = START
                self._tell_gap()
                self._again = True
            return
        if kept[0].previous != last:
            self._tell_gap()
        for entry in kept:
            self.last = entry.delivery.id
            await self._deliver(entry.delivery)

    async def read_between(self, since: str) -> tuple[list[Delivery], bool]:
        """Return what follows a broadcast up to the last that was delivered, and if some is lost.

        When this returns, whoever is let in before the next turn of the loop misses nothing.
        """
        await self._reach(since)
        kept: list[Kept] = []
        begin, is_first = since, True
        gap = False
        while True:
            more = await self._broadcasts.after(self.channel, begin)
            last = self.last or START
            if is_first:
                gap = await self._is_gap(since, more)
                is_first = False
                last = self.last or START
            kept += more
            if kept:
                begin = kept[-1].delivery.id or begin
            # What was delivered while we read is to be read too.
            if not more or position(begin) >= position(last):
                break
        last = self.last or START
        replayed = [
            entry.delivery
            for entry in kept
            if position(entry.delivery.id or START) <= position(last)
        ]
        return replayed, gap

    async def _is_gap(self, since: str, kept: list[Kept]) -> bool:
        if kept:
            return kept[0].previous != since
        if since == await self._broadcasts.head(self.channel):
            return False
        # Unless it came just now.
        kept = await self._broadcasts.after(self.channel, since)
        return not kept or kept[0].previous != since

    async def _reach(self, since: str) -> None:
        """Deliver here what somebody has heard elsewhere: they must not hear it again."""
        while position(since) > position(self.last or START):
            if position(since) > position(await self._broadcasts.head(self.channel)):
                return
            self.catch_up()
            if self._catching_up is not None:
                await asyncio.wait({self._catching_up})

    async def _deliver(self, delivery: Delivery) -> None:
        subscribers = self.subscribers
        for number, subscriber in enumerate(tuple(subscribers), 1):
            if subscriber in subscribers:
                subscriber.deliver(delivery)
            if number % TURN == 0:
                await asyncio.sleep(0)

    def _tell_gap(self) -> None:
        for subscriber in tuple(self.subscribers):
            subscriber.gap(self.channel)
