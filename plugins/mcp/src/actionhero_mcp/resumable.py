"""Event streams with identifiers, with which a client continues after a lost connection."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

from actionhero_mcp.event_log import Event, stream_key
from actionhero_mcp.sse import BUFFER_BYTES, HEARTBEAT, HttpSink

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aiohttp import web

    from actionhero_mcp.event_log import EventLog

logger = logging.getLogger("actionhero.mcp")

Value = TypeVar("Value")

#: After this time, clients reconnect.
RETRY_MS: Final = 1000
#: The name of the streams of notifications in identifiers of events.
NOTIFICATIONS: Final = "notifications"


def event_bytes(name: str, number: int, message: bytes) -> bytes:
    """Return an event; one without a message only has an identifier."""
    head = b"id: %b.%d\n" % (name.encode(), number)
    if not message:
        return b"%bretry: %d\ndata: \n\n" % (head, RETRY_MS)
    return b"%bevent: message\ndata: %b\n\n" % (head, message)


class NumberedSink(HttpSink):
    """A stream of notifications, whose events have numbers."""

    _number = 1

    async def _begin(self, response: web.StreamResponse) -> None:
        await response.prepare(self._request.request)
        await response.write(event_bytes(NOTIFICATIONS, self._number, b""))

    async def _write_message(
        self, response: web.StreamResponse, message: bytes, *, is_last: bool
    ) -> None:
        self._number += 1
        await response.write(event_bytes(NOTIFICATIONS, self._number, message))


class ResumableSink(HttpSink):
    """The stream of a response, which goes on when its client is gone; its events are kept.

    Args:
        arguments: Those of `HttpSink`.
        log: Keeps the events.
        caller: The caller.
        session_id: Its session.
    """

    def __init__(self, *arguments: Any, log: EventLog, caller: str, session_id: str) -> None:
        super().__init__(*arguments)
        self._log = log
        self._caller = caller
        self._session_id = session_id
        # Most calls have no stream.
        self._name = self._stream = ""
        self._number = 1
        self._is_lost = False
        self._is_kept = True

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification, unless more wait than a client reads or Redis stores meanwhile."""
        if self._buffered_bytes <= BUFFER_BYTES:
            super().notify(method, params)

    def _abort(self) -> None:
        transport = self._request.request.transport
        if transport is not None:
            transport.abort()

    async def _begin(self, response: web.StreamResponse) -> None:
        self._name = secrets.token_urlsafe(16)
        self._stream = stream_key(self._caller, self._session_id, self._name)
        await self._keep(Event(self._number, b""))
        await self._deliver(response.prepare(self._request.request))
        await self._deliver(response.write(event_bytes(self._name, self._number, b"")))

    async def _write_message(
        self, response: web.StreamResponse, message: bytes, *, is_last: bool
    ) -> None:
        self._number += 1
        await self._keep(Event(self._number, message, is_last))
        await self._deliver(response.write(event_bytes(self._name, self._number, message)))

    async def _write_heartbeat(self, response: web.StreamResponse) -> None:
        await self._keep(None)
        await self._deliver(response.write(HEARTBEAT))

    async def _end(self, response: web.StreamResponse) -> None:
        await self._deliver(response.write_eof())

    async def _keep(self, event: Event | None) -> None:
        """Keep an event, or all of them for longer; without Redis, the stream goes on."""
        if not self._is_kept:
            return
        try:
            if event is None:
                await self._log.touch(self._stream)
            else:
                await self._log.append(self._stream, event)
        except Exception as error:  # noqa: BLE001 - the client receives the event nevertheless
            self._is_kept = False
            logger.warning("the events of a stream are not kept: %s", error)

    async def _deliver(self, writing: Coroutine[Any, Any, object]) -> None:
        """Write to the client, unless it is gone."""
        if self._is_lost:
            writing.close()
            return
        try:
            await writing
        except ConnectionError:
            self._is_lost = True


class DetachedCalls:
    """The calls whose streams go on when their clients are gone."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(
        self, call: Coroutine[Any, Any, Value], sink: HttpSink, on_end: Callable[[], object]
    ) -> Value:
        """Return the result of a call; it goes on after a cancellation if its stream has begun.

        Args:
            call: The call.
            sink: Its stream.
            on_end: Called at the end of the call.
        """
        task = asyncio.get_running_loop().create_task(call)
        self._tasks.add(task)

        def end(task: asyncio.Task[Value]) -> None:
            self._tasks.discard(task)
            on_end()
            if not task.cancelled() and task.exception() is not None:
                # The client is gone, and the error of a call is in the log.
                logger.debug("a response was not sent", exc_info=task.exception())

        task.add_done_callback(end)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not sink.started:
                task.cancel()
                await asyncio.wait([task])
            raise

    async def finish(self) -> None:
        """Wait until no call is open."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Cancel the calls."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
