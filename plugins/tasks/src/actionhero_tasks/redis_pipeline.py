"""`RedisPipeline`: adds jobs to Redis from an event loop, with no thread and no waiting in between."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import hiredis

from actionhero_tasks.job import PipelineBroken
from actionhero_tasks.redis_values import values_of
from actionhero_tasks.store import Line

if TYPE_CHECKING:
    import redis

    from actionhero_tasks.job import NewJob

#: How long Redis may take to answer before the line is given up.
ANSWER_SECONDS: Final = 5.0


class RedisPipeline(Line, asyncio.Protocol):
    """A connection that redis-py has opened, with a protocol of our own on it.

    Args:
        client: A client that nobody else uses; closed with the line.
        connection: Its connection.
        sha: Which script adds.
        prefix: What every key begins with.
    """

    def __init__(self, client: redis.Redis, connection: Any, sha: str, prefix: str) -> None:
        self._client = client
        self._connection = connection
        self._head = (b"EVALSHA", sha, 1, prefix)
        self._reader = hiredis.Reader()
        #: Who waits for an answer, and since when; answers come in the order of the questions.
        self._waiting: deque[tuple[asyncio.Future[str], float]] = deque()
        self._transport: asyncio.Transport | None = None
        self._watch: asyncio.TimerHandle | None = None

    @classmethod
    def over(cls, client: redis.Redis, script: str, prefix: str) -> RedisPipeline | None:
        """Return a line over a client, or `None` if it has no plain socket. Blocks."""
        pool = getattr(client, "connection_pool", None)
        connection = None if pool is None else pool.get_connection()
        # Private, and nothing else gives a connection that is signed in and has its database.
        plain = getattr(connection, "_sock", None)
        if not isinstance(plain, socket.socket) or isinstance(plain, ssl.SSLSocket):
            client.close()
            return None
        sha: Any = client.script_load(script)
        return cls(client, connection, sha.decode() if isinstance(sha, bytes) else sha, prefix)

    @property
    def is_open(self) -> bool:
        """Whether jobs can be added."""
        return self._transport is not None

    async def start(self) -> None:
        """Let the event loop have the connection."""
        self._loop = asyncio.get_running_loop()
        plain: socket.socket = self._connection._sock
        plain.setblocking(False)
        await self._loop.create_connection(lambda: self, sock=plain)

    def add(self, job: NewJob) -> asyncio.Future[str]:
        """Send a job; what is returned has its id, or `PipelineBroken`."""
        answer: asyncio.Future[str] = self._loop.create_future()
        if self._transport is None:
            answer.set_exception(PipelineBroken("the line is closed"))
            return answer
        self._waiting.append((answer, self._loop.time()))
        self._transport.write(hiredis.pack_command((*self._head, *values_of(job))))
        if self._watch is None:
            self._watch = self._loop.call_later(ANSWER_SECONDS, self._look)
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    # -- told by the event loop ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Give answers to who waits for them."""
        self._reader.feed(data)
        while (told := self._reader.gets()) is not False:
            answer, _ = self._waiting.popleft()
            if isinstance(told, hiredis.ReplyError):
                if not answer.done():
                    answer.set_exception(PipelineBroken(str(told)))
                if not str(told).startswith("NOSCRIPT"):
                    # Such as that it is no master any more: the next connection finds the new one.
                    self.close()
            elif not answer.done():
                answer.set_result(told[0].decode())

    def connection_lost(self, error: Exception | None) -> None:
        """Tell who waits that there will be no answer."""
        self._transport = None
        if self._watch is not None:
            self._watch.cancel()
        while self._waiting:
            answer, _ = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(PipelineBroken(str(error or "the line was closed")))
        # The socket is closed by now, and this notes it.
        self._connection.disconnect()
        self._client.close()

    def _look(self) -> None:
        """Give the line up if an answer is overdue. One timer for all of them."""
        self._watch = None
        if not self._waiting or self._transport is None:
            return
        left = self._waiting[0][1] + ANSWER_SECONDS - self._loop.time()
        if left <= 0:
            self._transport.abort()
        else:
            self._watch = self._loop.call_later(left, self._look)
