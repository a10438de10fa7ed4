"""`Subscription`, the subscription of a client to a channel; `SubscriptionGroup` for several."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from actionhero_websocket.client.buffer import MessageBuffer
from actionhero_websocket.client.errors import CallFailed, ConnectionLost
from actionhero_websocket.client.events import Message, Presence, parse_presence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actionhero_websocket.client.buffer import DroppedMessage

logger = logging.getLogger("actionhero.websocket.client")

#: Returns the presence keys of a channel.
MemberLoader: TypeAlias = Callable[[], Awaitable[Iterable[Any]]]


class SubscriptionRegistry(Protocol):
    """The subscriptions of a client, as one of them uses it."""

    async def add(self, subscriptions: Sequence[Subscription]) -> None:
        """Subscribe to channels."""

    async def remove(self, subscriptions: Sequence[Subscription]) -> None:
        """Unsubscribe from channels."""


class Subscription:
    """An asynchronous iterator of the messages of a channel; returned by `Client.subscribe`.

    It survives reconnects: the messages in between are delivered as far as the history of the
    channel reaches. Where messages may be lost, the next one has `after_gap`. Presence events are
    not messages: see `on_presence` and `load_members` of `Client.subscribe`.

    Args:
        channels: The subscriptions of the client.
        channel: The name of the channel.
        since: The id of the last message of an earlier subscription.
        on_presence: Called with each presence event.
        load_members: Returns the presence keys of the channel.
        buffer: The messages that wait for an iteration; its own by default.
    """

    def __init__(
        self,
        channels: SubscriptionRegistry,
        channel: str,
        since: str | None = None,
        *,
        on_presence: Callable[[Presence], object] | None = None,
        load_members: MemberLoader | None = None,
        buffer: MessageBuffer | None = None,
    ) -> None:
        self._channels = channels
        #: The name of the channel.
        self.channel = channel
        #: The id of the last message, or of the last one before the first message: the position
        #: from which another subscription resumes, if the channel has a history.
        self.last_id = since
        #: How often messages may have been lost.
        self.gaps = 0
        #: The presence keys of the subscribers; `None` until they are loaded by `load_members`.
        self.members: frozenset[str] | None = None
        #: Whether the server has confirmed it.
        self.is_confirmed = False
        self._on_presence = on_presence
        self._load_members = load_members
        self._loading: asyncio.Task[None] | None = None
        self._missed: list[Presence] = []
        self._is_after_gap = False
        self._buffer = MessageBuffer() if buffer is None else buffer

    async def __aenter__(self) -> Subscription:
        await self._channels.add([self])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channels.remove([self])

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Message:
        """Return the next message.

        Raises:
            SubscriptionEnded: The server has ended the subscription.
            CallFailed: The server refused it after a reconnect.
            ConnectionLost: The connection was lost for good.
        """
        return await self._buffer.next()

    # -- called by `Channels` ------------------------------------------------------------------

    def confirm(self, facts: Mapping[str, Any]) -> bool:
        """Handle the server's confirmation; return whether messages may have been lost."""
        # Without a position, nothing was resumed.
        has_gap = bool(facts.get("gap")) or (self.is_confirmed and self.last_id is None)
        if has_gap:
            self.note_gap()
        if self.last_id is None:
            self.last_id = facts.get("id")
        self.is_confirmed = True
        if self._load_members is not None:
            self._stop_loading()
            self._loading = asyncio.create_task(self._load(self._load_members))
        return has_gap

    def receive(self, content: dict[str, Any]) -> DroppedMessage | None:
        """Receive a broadcast; return the message that was dropped for it."""
        if (presence := parse_presence(content)) is not None:
            self._handle_presence(presence)
            return None
        id = content.get("id")
        if id is not None:
            self.last_id = id
        message = Message(
            self.channel, content["message"], content["sender"], id, self._is_after_gap
        )
        self._is_after_gap = False
        return self._buffer.append(message)

    def note_gap(self, *, before_next: bool = True) -> None:
        """Record that messages may have been lost, before the next one or an earlier one."""
        self.gaps += 1
        self._is_after_gap |= before_next

    def end(self, error: Exception) -> None:
        """End the iteration with `error`, after the last message."""
        self._stop_loading()
        self._buffer.end(error)

    def open(self) -> None:
        """Wait for the server's confirmation: the subscription was entered."""
        self.is_confirmed = False
        self._buffer.reopen()

    def close(self) -> None:
        """End the iteration after the last message: the subscription was left."""
        self._stop_loading()
        self._buffer.close()

    # -- presence ------------------------------------------------------------------------------

    def _handle_presence(self, presence: Presence) -> None:
        if self._loading is not None:
            self._missed.append(presence)
        self._change_members(presence)
        if self._on_presence is not None:
            self._on_presence(presence)

    def _change_members(self, presence: Presence) -> None:
        if self.members is not None:
            keys = {presence.key}
            is_join = presence.event == "join"
            self.members = self.members | keys if is_join else self.members - keys

    async def _load(self, load_members: MemberLoader) -> None:
        try:
            members = frozenset(map(str, await load_members()))
        except ConnectionLost:
            # Loaded after the next reconnect.
            pass
        except CallFailed as error:
            logger.warning("loading the members of %r failed: %s", self.channel, error)
        except Exception:
            logger.exception("loading the members of %r failed", self.channel)
        else:
            self.members = members
            # In their order, the events lead to the current members, also those counted already.
            for presence in self._missed:
                self._change_members(presence)
        self._missed.clear()
        self._loading = None

    def _stop_loading(self) -> None:
        if self._loading is not None:
            self._loading.cancel()
            self._loading = None
            self._missed.clear()


class SubscriptionGroup(Mapping[str, Subscription]):
    """The subscriptions to several channels, by name; returned by `Client.subscribe_many`.

    Iterate over it with `async for`: the messages of all channels, in the order of their arrival.

    Args:
        channels: The subscriptions of the client.
        names: The names of the channels.
        since: By channel: the id of the last message of an earlier subscription.
    """

    def __init__(
        self, channels: SubscriptionRegistry, names: Iterable[str], since: Mapping[str, str | None]
    ) -> None:
        self._channels = channels
        distinct = tuple(dict.fromkeys(names))
        self._buffer = MessageBuffer(len(distinct))
        self._subscriptions = {
            name: Subscription(channels, name, since.get(name), buffer=self._buffer)
            for name in distinct
        }

    def __getitem__(self, channel: str) -> Subscription:
        return self._subscriptions[channel]

    def __iter__(self) -> Iterator[str]:
        return iter(self._subscriptions)

    def __len__(self) -> int:
        return len(self._subscriptions)

    async def __aenter__(self) -> SubscriptionGroup:
        await self._channels.add(list(self.values()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channels.remove(list(self.values()))

    def __aiter__(self) -> SubscriptionGroup:
        return self

    async def __anext__(self) -> Message:
        """Return the next message of any channel.

        Raises:
            SubscriptionEnded: The server has ended one of the subscriptions; the others continue.
            ConnectionLost: The connection was lost for good.
        """
        return await self._buffer.next()
