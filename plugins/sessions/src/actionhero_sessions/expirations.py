"""`Expirations`: publishes the end of sessions that expire while open connections use them."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_sessions.records import Records

logger = logging.getLogger("actionhero.sessions")

#: The longest interval at which sessions are looked for whose time to live may have passed.
MAX_INTERVAL_SECONDS: Final = 30.0
#: How many sessions are looked up concurrently.
BATCH_SIZE: Final = 200


class Expirations:
    """Publishes the end of sessions that expire while open connections use them.

    Redis deletes a session without a notice when its time to live has passed, which only calls
    renew: the subscriptions of a client without calls would outlive it.

    Args:
        records: The sessions in Redis.
        ids_in_use: Returns the identifiers of the sessions that connections of this process use.
    """

    def __init__(self, records: Records, ids_in_use: Callable[[], set[str]]) -> None:
        self._records = records
        self._ids_in_use = ids_in_use
        self._ttl_seconds = records.ttl_ms / 1000
        #: By identifier, the time of the monotonic clock before which a session does not expire.
        self._alive_until: dict[str, float] = {}
        self._users = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Publish from now on, until `stop` is called as often as this."""
        self._users += 1
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Stop publishing, if this is the last user."""
        self._users -= 1
        if not self._users and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(min(MAX_INTERVAL_SECONDS, self._ttl_seconds / 10))
            try:
                await self._publish_expired()
            except Exception as error:  # noqa: BLE001 - any error of the driver leads to a retry
                logger.debug("sessions that may have expired cannot be looked up: %s", error)

    async def _publish_expired(self) -> None:
        now = time.monotonic()
        ids = self._ids_in_use()
        # A new one was loaded, and so renewed, since the last time.
        later = now + self._ttl_seconds
        self._alive_until = {id: self._alive_until.get(id, later) for id in ids}
        due = [id for id, until in self._alive_until.items() if until <= now]
        for start in range(0, len(due), BATCH_SIZE):
            await asyncio.gather(*map(self._look_up, due[start : start + BATCH_SIZE]))

    async def _look_up(self, id: str) -> None:
        seconds = await self._records.remaining_seconds(id)
        if seconds is None:
            await self._records.publish_end(id)
            # An identifier is never used again.
            seconds = math.inf
        self._alive_until[id] = time.monotonic() + seconds
