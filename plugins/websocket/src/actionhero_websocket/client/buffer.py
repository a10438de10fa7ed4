"""`MessageBuffer`: the messages of channels that wait for an iteration."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from actionhero_websocket.client.events import Message

#: How many messages wait for the iteration. The oldest are dropped, which is a gap.
BUFFER_LIMIT: Final = 10_000


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

    def append(self, message: Message) -> Message | None:
        """Add a message; return the one that was dropped for it."""
        self._messages.append(message)
        self._changed.set()
        if len(self._messages) <= BUFFER_LIMIT:
            return None
        dropped = self._messages.popleft()
        # The next message of that channel is the first after the gap.
        for index, other in enumerate(self._messages):
            if other.channel == dropped.channel:
                self._messages[index] = other._replace(after_gap=True)
                break
        return dropped

    def end(self, error: Exception) -> None:
        """Raise `error` after the last message: one of the subscriptions has ended."""
        self._open -= 1
        self._errors.append(error)
        self._changed.set()

    async def next(self) -> Message:
        """Return the next message, or raise the next error; the last one every time."""
        while not self._messages and not self._errors:
            self._changed.clear()
            await self._changed.wait()
        if self._messages:
            return self._messages.popleft()
        is_last = self._open <= 0 and len(self._errors) == 1
        raise self._errors[0] if is_last else self._errors.popleft()
