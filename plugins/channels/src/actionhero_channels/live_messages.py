"""`LiveMessages`: the latest broadcasts of the channels that operators view, in this process."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero import NotFound, ServiceUnavailable
from actionhero.transport import dumps, new_identifier
from actionhero_channels.errors import translate_redis_errors
from actionhero_channels.registry import CHANNEL_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero_channels.channel import Channel
    from actionhero_channels.delivery import Delivery
    from actionhero_channels.local_channels import LocalChannels
    from actionhero_channels.registry import ChannelRegistry

#: How long a channel is received after the last read of its messages.
IDLE_SECONDS: Final = 10.0
#: How many channels are received at the same time.
MAX_VIEWS: Final = 20
#: The messages of a channel that are stored, and their bytes.
MAX_MESSAGES: Final = 200
MAX_BYTES: Final = 1024 * 1024
#: How many messages one read returns, and the characters of each.
PAGE: Final = 100
MAX_TEXT: Final = 2000
#: How long the first read waits for Redis.
START_SECONDS: Final = 1.5


class _Entry(NamedTuple):
    number: int
    at_ms: int
    delivery: Delivery


class LiveMessages:
    """The latest broadcasts of the channels that operators view, in this process.

    A channel is received from the first read of its messages until a while after the last one. Its
    receiver is no subscriber: it is neither authorized nor present, and sees broadcasts that are
    hidden from subscribers.

    Args:
        registry: The channels.
        local_channels: Those that this process receives.
    """

    def __init__(self, registry: ChannelRegistry, local_channels: LocalChannels) -> None:
        self._registry = registry
        self._local_channels = local_channels
        self._views: dict[str, _View] = {}

    @property
    def channels(self) -> list[str]:
        """The names of the channels that are received for operators."""
        return list(self._views)

    async def read(self, channel: str, after: Mapping[str, int]) -> dict[str, Any]:
        """Return the messages of a channel since an earlier read, as JSON.

        Args:
            channel: The name of the channel.
            after: By the `view` of earlier reads, the number of the `last` message.

        Raises:
            NotFound: The channel does not exist.
            ServiceUnavailable: Redis is unreachable, or operators view too many channels.
        """
        view = self._views.get(channel)
        if view is None or not view.extend():
            view = self._open(channel)
        async with translate_redis_errors():
            # The cancellation of one reader must not end it for others.
            await asyncio.shield(view.started)
        return view.messages(after.get(view.id, 0))

    async def close(self) -> None:
        """Receive no more messages."""
        tasks = [view.task for view in self._views.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _open(self, name: str) -> _View:
        match = self._registry.find(name) if CHANNEL_NAME.fullmatch(name) else None
        if match is None:
            raise NotFound(f"There is no channel {name!r}")
        if len(self._views) >= MAX_VIEWS:
            raise ServiceUnavailable(
                f"Operators view {MAX_VIEWS} channels already; close the page of another one",
                retry_after_seconds=round(IDLE_SECONDS),
            )
        view = self._views[name] = _View(self._local_channels, match.channel, name)
        view.task.add_done_callback(lambda _: self._forget(name, view))
        return view

    def _forget(self, name: str, view: _View) -> None:
        if self._views.get(name) is view:
            del self._views[name]


class _View:
    """The messages of one channel, from its first read until it is not read for a while."""

    def __init__(self, local_channels: LocalChannels, channel: Channel, name: str) -> None:
        loop = asyncio.get_running_loop()
        self.id = new_identifier()
        #: Set once messages are received.
        self.started: asyncio.Future[None] = loop.create_future()
        self._entries: deque[_Entry] = deque()
        self._bytes = 0
        self._count = 0
        self._gaps = 0
        self._idle = asyncio.timeout(None)
        self.task = loop.create_task(self._run(local_channels, channel, name))

    async def _run(self, local_channels: LocalChannels, channel: Channel, name: str) -> None:
        try:
            async with local_channels.open(channel, name) as local:
                async with asyncio.timeout(START_SECONDS):
                    await local.confirmed.wait()
                    await local.load_position()
                local.recipients.add_receiver(self)
                self.started.set_result(None)
                try:
                    async with self._idle:
                        self.extend()
                        await asyncio.get_running_loop().create_future()
                except TimeoutError:
                    pass
                finally:
                    local.recipients.remove_receiver(self)
        except Exception as error:  # noqa: BLE001 - raised by the reads
            if not self.started.done():
                self.started.set_exception(error)
        finally:
            self.started.cancel()

    def extend(self) -> bool:
        """Receive messages for another while; return false if their end has begun."""
        if self.task.done() or self._idle.expired():
            return False
        if self.started.done():
            self._idle.reschedule(asyncio.get_running_loop().time() + IDLE_SECONDS)
        return True

    # -- of a receiver -------------------------------------------------------------------------

    def deliver(self, delivery: Delivery, /) -> None:
        """Store a broadcast. Presence events are not stored: the members show them."""
        if delivery.id is None:
            return
        self._count += 1
        self._entries.append(_Entry(self._count, int(time.time() * 1000), delivery))
        self._bytes += len(delivery.json)
        while len(self._entries) > MAX_MESSAGES or self._bytes > MAX_BYTES:
            self._bytes -= len(self._entries.popleft().delivery.json)

    def gap(self, channel: str, /) -> None:
        """Count a gap."""
        self._gaps += 1

    def messages(self, after: int) -> dict[str, Any]:
        """Return the messages after a number, as JSON."""
        entries = [entry for entry in self._entries if entry.number > after][-PAGE:]
        return {
            "view": self.id,
            "last": self._count,
            "left_out": self._count - after - len(entries) if after else 0,
            "gaps": self._gaps,
            "messages": [_facts(entry) for entry in entries],
        }


def _facts(entry: _Entry) -> dict[str, Any]:
    delivery = entry.delivery
    text = dumps(delivery.message).decode()
    return {
        "id": delivery.id,
        "at_ms": entry.at_ms,
        "sender": delivery.sender[:MAX_TEXT],
        "text": text[:MAX_TEXT] + "…" if len(text) > MAX_TEXT else text,
    }
