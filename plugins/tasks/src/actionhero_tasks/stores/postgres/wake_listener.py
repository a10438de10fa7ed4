"""`WakeListener`: the connection by which PostgreSQL notifies waiting workers."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final

import asyncpg  # type: ignore[import-untyped]

from actionhero.transport import Backoff
from actionhero_tasks.stores.postgres.connections import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: How long to wait for a connection, and for the end of the listener thread.
CONNECT_SECONDS: Final = 5.0
JOIN_SECONDS: Final = 5.0
#: The first and the longest delay before the listener reconnects.
RECONNECT_SECONDS: Final = (0.05, 1.0)


class WakeListener(threading.Thread):
    """Notifies waiting workers of notifications in a channel: there may be ready jobs.

    Args:
        options: The arguments of `asyncpg.connect`.
        channel: The channel.
        notify: Wakes the workers.
    """

    def __init__(
        self, options: Mapping[str, Any], channel: str, notify: Callable[[], None]
    ) -> None:
        super().__init__(name="actionhero-tasks-wake", daemon=True)
        self._options = options
        self._channel = channel
        self._notify = notify
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()

    def run(self) -> None:
        """Listen until `stop`, and reconnect."""
        try:
            self._loop.run_until_complete(self._listen())
        finally:
            self._loop.close()

    def stop(self) -> None:
        """Stop listening, and wait for the end of the thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._stopped.set)
        if self.is_alive():
            self.join(JOIN_SECONDS)

    async def _listen(self) -> None:
        backoff = Backoff(*RECONNECT_SECONDS)
        while not self._stopped.is_set():
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                connection = await connect(self._options, CONNECT_SECONDS)
                try:
                    await self._until_lost(connection)
                    backoff.reset()
                finally:
                    connection.terminate()
                    # For the callback of the closed transport.
                    await asyncio.sleep(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), backoff.next_seconds())

    async def _until_lost(self, connection: Any) -> None:
        """Listen until the connection is closed, or this listener is stopped."""
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        async with asyncio.timeout(CONNECT_SECONDS):
            await connection.add_listener(self._channel, lambda *_: self._notify())
        # There may have been notifications before.
        self._notify()
        waiters = [asyncio.ensure_future(event.wait()) for event in (ended, self._stopped)]
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()
