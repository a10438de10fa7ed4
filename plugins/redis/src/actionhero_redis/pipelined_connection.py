"""`PipelinedConnection`: one connection to Redis for all concurrent commands of an event loop.

redis-py opens and authenticates the connection; its stream is then replaced by a protocol that
writes commands without waiting for earlier replies, and resolves the replies in order.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import hiredis
from redis.asyncio.connection import DefaultParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError

from actionhero.transport import Backoff, TimeoutQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import ConnectionPool

    from actionhero_redis.script import PreparedScript
    from actionhero_redis.settings import RedisSettings

#: How long to wait for the end of a connection that was closed, for example by TLS.
CLOSE_SECONDS: Final = 1.0


class _Command(NamedTuple):
    """A command without a reply."""

    future: asyncio.Future[Any]
    packed: bytes
    #: Whether it is sent again if the connection is lost.
    resend: bool


class PipelinedConnection:
    """Sends the commands of one event loop over one connection, and reconnects.

    A command that has been written is sent again only if it is idempotent, and once: Redis may
    have executed it before the connection was lost.

    Args:
        pool: A pool of redis-py that makes connections with RESP2 and without retries, and stores
            none; closed with this object.
        settings: Timeouts, retries and back-off.
    """

    def __init__(self, pool: ConnectionPool, settings: RedisSettings) -> None:
        self._pool = pool
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._protocol: _ReplyProtocol | None = None
        #: Commands that have not been written, because there is no connection.
        self._waiting: deque[_Command] = deque()
        self._connecting: asyncio.Task[None] | None = None
        self._backoff = Backoff(
            settings.retry_backoff.total_seconds(), settings.max_retry_backoff.total_seconds()
        )
        self._next_attempt = 0.0

    def execute(self, command: tuple[Any, ...], *, idempotent: bool = False) -> asyncio.Future[Any]:
        """Send a command, and return a future of its reply, as Redis sends it in RESP2.

        Cancelling the future does not cancel the command; its reply is then ignored.

        Raises:
            TypeError: An argument is not a `str`, `bytes`, `int` or `float`.
        """
        return self._execute(hiredis.pack_command(command), idempotent=idempotent)

    def execute_prepared(self, prepared: PreparedScript) -> asyncio.Future[Any]:
        """Send the command of a script; see `execute`."""
        packed = prepared.packed
        if packed is None:
            packed = prepared.packed = hiredis.pack_command(prepared.command)
        return self._execute(packed, idempotent=prepared.script.idempotent)

    def _execute(self, packed: bytes, *, idempotent: bool) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        resend = idempotent and self._settings.retries > 0
        self._send(_Command(future, packed, resend))
        return future

    @property
    def is_connected(self) -> bool:
        """Whether the connection is open."""
        return self._protocol is not None

    async def aclose(self) -> None:
        """Wait for the pending replies, each of which has a timeout, and close the connection."""
        protocol = self._protocol
        commands = [*self._waiting, *(protocol.pending if protocol is not None else ())]
        if commands:
            await asyncio.wait([command.future for command in commands])
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        # Another one, if it was lost in the meantime.
        if self._protocol is not None:
            await self._protocol.aclose()
        # It has connections to sentinels.
        await self._pool.aclose()

    def _send(self, command: _Command) -> None:
        if self._protocol is not None:
            self._protocol.send(command)
            return
        self._waiting.append(command)
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())

    # -- connecting ----------------------------------------------------------------------------

    async def _connect(self) -> None:
        """Connect, and send the waiting commands; if that fails, fail them."""
        try:
            while True:
                await asyncio.sleep(self._next_attempt - self._loop.time())
                try:
                    protocol = await self._open()
                except Exception as error:  # noqa: BLE001 - the commands report it
                    self._next_attempt = self._loop.time() + self._backoff.next_seconds()
                    # Once its retries are used up, an outage costs each command one attempt.
                    retries = 0 if isinstance(error, RedisTimeoutError) else self._settings.retries
                    if self._backoff.failures > retries:
                        self._fail_waiting(error)
                        return
                else:
                    self._backoff.reset()
                    self._protocol = protocol
                    while self._waiting:
                        command = self._waiting.popleft()
                        if not command.future.done():
                            protocol.send(command)
                    return
        finally:
            self._connecting = None

    async def _open(self) -> _ReplyProtocol:
        connection: Any = self._pool.make_connection()
        await connection.connect()
        # redis-py has no public access to the transport of an authenticated connection.
        reader, writer = connection._reader, connection._writer
        connection._reader = connection._writer = None
        protocol = _ReplyProtocol(self._loop, writer, self._settings, self._handle_lost)
        # Its end before this is reported to the stream only.
        if writer.transport.is_closing() or reader.at_eof():
            writer.transport.abort()
            raise RedisConnectionError("the connection was closed by the server")
        writer.transport.set_protocol(protocol)
        return protocol

    def _handle_lost(self, protocol: _ReplyProtocol, error: Exception) -> None:
        if self._protocol is protocol:
            self._protocol = None
        can_resend = not isinstance(error, RedisTimeoutError)
        for command in protocol.pending:
            if command.future.done():
                continue
            if command.resend and can_resend:
                self._send(command._replace(resend=False))
            else:
                command.future.set_exception(copy.copy(error))
        protocol.pending.clear()

    def _fail_waiting(self, error: Exception) -> None:
        while self._waiting:
            future = self._waiting.popleft().future
            if not future.done():
                # A copy, because a traceback is added to each exception that is raised.
                future.set_exception(copy.copy(error))


class _ReplyProtocol(asyncio.Protocol):
    """Writes commands to an open connection, and resolves their replies in order.

    Args:
        loop: The event loop.
        writer: The writer of redis-py; it is stored, because it closes the transport at its end.
        settings: The timeouts.
        on_lost: Called with this protocol and the error when the connection has ended.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        writer: asyncio.StreamWriter,
        settings: RedisSettings,
        on_lost: Callable[[_ReplyProtocol, Exception], None],
    ) -> None:
        #: The commands without a reply, in order.
        self.pending: deque[_Command] = deque()
        self._loop = loop
        self._writer = writer
        self._transport = writer.transport
        self._on_lost = on_lost
        self._reader = hiredis.Reader(replyError=DefaultParser.parse_error)
        self._unwritten: list[bytes] = []
        self._has_ended = False
        self._timeouts = TimeoutQueue(settings.timeout.total_seconds(), self._handle_timeout, loop)
        self._closed = loop.create_future()
        self._health_check: asyncio.TimerHandle | None = None
        self._is_idle = False
        self._check_seconds = settings.health_check_interval.total_seconds()
        self._schedule_health_check()

    def send(self, command: _Command) -> None:
        """Write a command; under load, together with others of this turn of the event loop."""
        is_first = not self.pending
        self.pending.append(command)
        self._timeouts.add_new(command.future)
        if is_first:
            self._transport.write(command.packed)
            return
        if not self._unwritten:
            self._loop.call_soon(self._write)
        self._unwritten.append(command.packed)

    async def aclose(self) -> None:
        """Close the connection, and wait for its end."""
        self._transport.close()
        if not (await asyncio.wait([self._closed], timeout=CLOSE_SECONDS))[0]:
            self._transport.abort()
            await self._closed

    # -- called by the event loop --------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Resolve the futures of the replies in `data`."""
        self._is_idle = False
        self._reader.feed(data)
        error: Exception | None = None
        try:
            while (reply := self._reader.gets()) is not False:
                future = self.pending.popleft().future
                self._timeouts.discard(future)
                if isinstance(reply, Exception):
                    if isinstance(reply, ReadOnlyError):
                        # The server is not the primary any more: connect to its successor.
                        error = RedisConnectionError("the server has become a replica")
                    if not future.done():
                        future.set_exception(reply)
                elif not future.done():
                    future.set_result(reply)
        except (hiredis.ProtocolError, IndexError) as failure:
            error = RedisConnectionError(f"invalid reply: {failure}")
        if error is not None:
            self._end(error)

    def eof_received(self) -> None:
        """Report the end of the connection, before a command is written to it."""
        # `connection_lost` is called in the next iteration of the event loop only.
        self._end(RedisConnectionError("the connection was closed by the server"))

    def connection_lost(self, error: Exception | None) -> None:
        """Report the end of the connection."""
        reason = f": {error}" if error else ""
        self._end(RedisConnectionError(f"the connection was closed by the server{reason}"))
        self._closed.set_result(None)

    def _write(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        self._transport.write(unwritten[0] if len(unwritten) == 1 else b"".join(unwritten))

    def _handle_timeout(self, _: asyncio.Future[Any]) -> None:
        # A later reply cannot arrive before this one: all commands would time out.
        self._end(RedisTimeoutError("no reply within the timeout"))

    def _end(self, error: Exception) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        self._timeouts.clear()
        if self._health_check is not None:
            self._health_check.cancel()
        self._transport.abort()
        # Now, because commands that are sent before the end of the transport would be lost.
        self._on_lost(self, error)

    # -- idle connections ----------------------------------------------------------------------

    def _schedule_health_check(self) -> None:
        self._is_idle = True
        if self._check_seconds > 0:
            self._health_check = self._loop.call_later(self._check_seconds, self._check_health)

    def _check_health(self) -> None:
        """Send a `PING` if the connection was idle: a firewall may have dropped it silently."""
        if self._is_idle and not self.pending:
            future: asyncio.Future[Any] = self._loop.create_future()
            # Its error is that of the connection; without this, asyncio would log it.
            future.add_done_callback(lambda done: done.exception())
            self.send(_Command(future, hiredis.pack_command(("PING",)), resend=False))
        self._schedule_health_check()
