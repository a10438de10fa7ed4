"""`EventLog`: the events of streams, with which a client continues after a lost connection."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero_mcp.shared_redis import redis_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from actionhero import Application
    from actionhero_redis import RedisClients

#: How many events of a stream are kept.
MAX_EVENTS: Final = 1000
#: How long they are kept after the last one, in milliseconds.
TTL_MS: Final = 300_000


class Event(NamedTuple):
    """An event of a stream; one without a message is a sign of life."""

    number: int
    message: bytes
    is_last: bool = False


class EventLog:
    """Keeps events in Redis, for any process.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    @property
    def is_available(self) -> bool:
        """Whether the application has a Redis."""
        return redis_of(self._app) is not None

    async def append(self, stream: str, event: Event) -> None:
        """Keep an event; numbers begin at 1 and increase.

        Args:
            stream: The key of the stream, from `stream_key`.
            event: The event.
        """
        clients, key = self._clients, self._key(stream)
        await clients.execute(
            "XADD", key, "MAXLEN", "~", MAX_EVENTS, f"0-{event.number}",
            "message", event.message, "last", int(event.is_last),
        )  # fmt: skip
        await clients.execute("PEXPIRE", key, TTL_MS, idempotent=True)

    async def touch(self, stream: str) -> None:
        """Keep the events of a stream for longer, which goes on without an event."""
        await self._clients.execute("PEXPIRE", self._key(stream), TTL_MS, idempotent=True)

    async def has(self, stream: str) -> bool:
        """Return whether the events of a stream are kept."""
        return bool(await self._clients.execute("EXISTS", self._key(stream), idempotent=True))

    async def events(
        self, stream: str, after: int, idle_seconds: float
    ) -> AsyncGenerator[Event, None]:
        """Yield the events of a stream after a number, until its last one, or until it is gone.

        Args:
            stream: The key of the stream.
            after: The number of the last event that the client has received.
            idle_seconds: After this time without an event, one without a message is yielded.
        """
        block_ms = max(1, int((idle_seconds or 30.0) * 1000))
        while True:
            streams: Any = await self._clients.blocking.xread(
                {self._key(stream): f"0-{after}"}, block=block_ms
            )
            if not streams:
                if not await self.has(stream):
                    return
                yield Event(after, b"")
                continue
            [(_, entries)] = streams.items() if isinstance(streams, dict) else streams
            for id, fields in entries:
                after = int(id.partition("-")[2])
                event = Event(after, fields["message"].encode(), fields["last"] == "1")
                if event.message:
                    yield event
                if event.is_last:
                    return

    @property
    def _clients(self) -> RedisClients:
        clients = redis_of(self._app)
        assert clients is not None  # noqa: S101 - callers have checked it
        return clients

    def _key(self, stream: str) -> str:
        return self._clients.key("mcp", "events", stream)


def stream_key(caller: str, session_id: str, name: str) -> str:
    """Return the key of a stream, which only its caller can name, in its session."""
    return hashlib.sha256(f"{caller}\n{session_id}\n{name}".encode()).hexdigest()
