"""`RedisPipeline`: adds jobs to Redis from an event loop, pipelined and without a thread."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import hiredis

from actionhero_tasks.job import PipelineBroken
from actionhero_tasks.redis_values import values_of
from actionhero_tasks.store import EnqueuePipeline

if TYPE_CHECKING:
    import redis

    from actionhero_tasks.job import NewJob

#: How long Redis may take to reply before the connection is aborted.
REPLY_SECONDS: Final = 5.0


class RedisPipeline(EnqueuePipeline, asyncio.Protocol):
    """A connection that redis-py has opened, with its own asyncio protocol.

    Args:
        client: A client for this connection alone; closed with it.
        connection: The connection of the client.
        sha: The script that adds a job.
        prefix: The prefix of all keys.
    """

    def __init__(self, client: redis.Redis, connection: Any, sha: str, prefix: str) -> None:
        self._client = client
        self._connection = connection
        self._command = (b"EVALSHA", sha, 1, prefix)
        self._reader = hiredis.Reader()
        #: The futures of the pending replies, in the order of the commands, with the start time.
        self._pending: deque[tuple[asyncio.Future[str], float]] = deque()
        self._transport: asyncio.Transport | None = None
        self._timeout: asyncio.TimerHandle | None = None

    @classmethod
    def open(cls, client: redis.Redis, script: str, prefix: str) -> RedisPipeline | None:
        """Return a pipeline over a client, or `None` if the client uses TLS. Blocks."""
        pool = getattr(client, "connection_pool", None)
        connection = None if pool is None else pool.get_connection()
        # Private: redis-py has no public access to the socket of an authenticated connection.
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
        """Attach the connection to the running event loop."""
        self._loop = asyncio.get_running_loop()
        plain: socket.socket = self._connection._sock
        plain.setblocking(False)
        await self._loop.create_connection(lambda: self, sock=plain)

    def add(self, job: NewJob) -> asyncio.Future[str]:
        """Send a job, and return a future of its id or of `PipelineBroken`."""
        future: asyncio.Future[str] = self._loop.create_future()
        if self._transport is None:
            future.set_exception(PipelineBroken("the connection is closed"))
            return future
        self._pending.append((future, self._loop.time()))
        self._transport.write(hiredis.pack_command((*self._command, *values_of(job))))
        if self._timeout is None:
            self._timeout = self._loop.call_later(REPLY_SECONDS, self._check_timeout)
        return future

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    # -- called by the event loop --------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Resolve the futures of the replies in `data`."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            future, _ = self._pending.popleft()
            if isinstance(reply, hiredis.ReplyError):
                if not future.done():
                    future.set_exception(PipelineBroken(str(reply)))
                if not str(reply).startswith("NOSCRIPT"):
                    # For example a server that is no longer the master: reconnect to the new one.
                    self.close()
            elif not future.done():
                future.set_result(reply[0].decode())

    def connection_lost(self, error: Exception | None) -> None:
        """Fail all pending futures."""
        self._transport = None
        if self._timeout is not None:
            self._timeout.cancel()
        while self._pending:
            future, _ = self._pending.popleft()
            if not future.done():
                future.set_exception(PipelineBroken(str(error or "the connection was closed")))
        # The socket is closed; this updates the state of redis-py.
        self._connection.disconnect()
        self._client.close()

    def _check_timeout(self) -> None:
        """Abort the connection if a reply is overdue. One timer serves all replies."""
        self._timeout = None
        if not self._pending or self._transport is None:
            return
        remaining_seconds = self._pending[0][1] + REPLY_SECONDS - self._loop.time()
        if remaining_seconds <= 0:
            self._transport.abort()
        else:
            self._timeout = self._loop.call_later(remaining_seconds, self._check_timeout)
