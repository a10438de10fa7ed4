"""`MessageBuffer`: the messages of channels that wait for an iteration."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from actionhero_websocket.client.events import Message

#: How many messages wait for the iteration. The oldest are dropped, which is a gap.
BUFFER_LIMIT: Final = 10_000


class DroppedMessage(NamedTuple):
    """A message that was dropped, as the buffer was full."""

    #: Its channel; not that of the new message, if the buffer receives those of several.
    channel: str
    #: Whether the first message after the gap is in the buffer, with `after_gap`.
    is_marked: bool


class MessageBuffer:
    """The messages that wait for an iteration, and the errors that end it.

    Args:
        count: The number of subscriptions whose messages it receives.
    """

    def __init__(self, count: int = 1) -> None:
        self._open = count
        self._messages: deque[Message] = deque()
        self._errors: deque[Exception] = deque()
        self._changed = asyncio.Event()
        self._is_closed = False

    def append(self, message: Message) -> DroppedMessage | None:
        """Add a message; return the one that was dropped for it."""
        self._messages.append(message)
        self._changed.set()
        if len(self._messages) <= BUFFER_LIMIT:
            return None
        channel = self._messages.popleft().channel
        # The next message of that channel is the first after the gap.
        for index, other in enumerate(self._messages):
            if other.channel == channel:
                self._messages[index] = other._replace(after_gap=True)
                return DroppedMessage(channel, is_marked=True)
        return DroppedMessage(channel, is_marked=False)

    def end(self, error: Exception) -> None:
        """Raise `error` after the last message: one of the subscriptions has ended."""
        self._open -= 1
        self._errors.append(error)
        self._changed.set()

    def reopen(self) -> None:
        """Receive messages, perhaps again after `close`."""
        self._is_closed = False

    def close(self) -> None:
        """End the iteration after the last message and error: the subscriptions were left."""
        self._is_closed = True
        self._changed.set()

    async def next(self) -> Message:
        """Return the next message, or raise the next error; the last one every time."""
        while not self._messages and not self._errors:
            if self._is_closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        if self._messages:
            return self._messages.popleft()
        is_last = self._open <= 0 and len(self._errors) == 1
        raise self._errors[0] if is_last else self._errors.popleft()
