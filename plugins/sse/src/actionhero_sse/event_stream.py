"""`EventStream`: the subscriber of one stream of events, with a bounded buffer."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from actionhero import Event, ServiceUnavailable

if TYPE_CHECKING:
    from actionhero import Connection, Session, TypedError
    from actionhero_channels import Delivery


class EventData(TypedDict):
    """The data of an event of a channel."""

    channel: str
    #: The message of a broadcast, or of a presence event.
    message: NotRequired[Any]
    #: The sender of a broadcast.
    sender: NotRequired[str]
    #: The identifier of a broadcast.
    id: NotRequired[str]
    #: Of the confirmation: whether broadcasts before it are lost.
    gap: NotRequired[bool]


class EventStream:
    """The subscriber of one stream.

    Args:
        connection: The connection of the client.
        session: Its session.
        limit_bytes: How many bytes of broadcasts are buffered for a slow client.
    """

    def __init__(self, connection: Connection, session: Session, limit_bytes: int) -> None:
        self.connection = connection
        #: The identifier of the session with which the subscription is authorized.
        self.session_id = session.id
        #: Held from the load of a session until the subscription is authorized with it.
        self.authorizing = asyncio.Lock()
        self._limit_bytes = limit_bytes
        self._buffer: deque[tuple[Event[EventData], int]] = deque()
        self._buffered_bytes = 0
        self._changed = asyncio.Event()
        self._has_ended = False
        self._error: TypedError | None = None

    def deliver(self, delivery: Delivery, /) -> None:
        """Buffer a broadcast; end the stream if too much is buffered already."""
        size = len(delivery.json)
        if self._buffer and self._buffered_bytes + size > self._limit_bytes:
            self._buffer.clear()
            self.fail(ServiceUnavailable("The client is too slow"))
            return
        self._append(event_of(delivery), size)

    def gap(self, channel: str, /) -> None:
        """Buffer the notice that messages of a channel may have been lost."""
        self._append(Event({"channel": channel}, event="gap"))

    def end(self, event: Event[EventData]) -> None:
        """End the stream with a last event, after those that are buffered."""
        self._append(event)
        self._has_ended = True

    def fail(self, error: TypedError) -> None:
        """End the stream with an error, after the events that are buffered."""
        if not self._has_ended:
            self._has_ended, self._error = True, error
            self._changed.set()

    async def next(self) -> Event[EventData] | None:
        """Return the next event; `None` at the end of the stream.

        Raises:
            TypedError: The stream has failed.
        """
        while not self._buffer:
            if self._error is not None:
                raise self._error
            if self._has_ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        event, size = self._buffer.popleft()
        self._buffered_bytes -= size
        return event

    def _append(self, event: Event[EventData], size: int = 0) -> None:
        if not self._has_ended:
            self._buffer.append((event, size))
            self._buffered_bytes += size
            self._changed.set()


def event_of(delivery: Delivery) -> Event[EventData]:
    """Return the event of a broadcast, which all streams share; without an id, of presence."""
    event: Event[EventData] | None = delivery.cache.get("sse")
    if event is None:
        data: EventData = {
            "channel": delivery.channel,
            "message": delivery.message,
            "sender": delivery.sender,
        }
        if delivery.id is None:
            event = Event(data, event="presence")
        else:
            event = Event({**data, "id": delivery.id}, id=delivery.id)
        delivery.cache["sse"] = event
    return event
