"""`PresenceHeartbeat`: says again and again who is still here."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero_channels.channel import Subscription
    from actionhero_channels.presence import Presence
    from actionhero_channels.subscriber import Subscriber

logger = logging.getLogger("actionhero.channels")


class PresenceHeartbeat:
    """Keeps those who are here from being forgotten, and forgets who is not heard of.

    Args:
        presence: Who is here, in all processes.
        joined: Who has joined which channel in this one; `None` for who is on their way.
        interval_seconds: How often it beats.
    """

    def __init__(
        self,
        presence: Presence,
        joined: Mapping[Subscriber, Mapping[str, Subscription | None]],
        interval_seconds: float,
    ) -> None:
        self._presence = presence
        self._joined = joined
        self._interval_seconds = interval_seconds
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Beat from now on, if it does not yet."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._beat())

    async def end(self) -> None:
        """Beat no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds)
            names: set[str] = set()
            for joined in tuple(self._joined.values()):
                for subscription in tuple(joined.values()):
                    if subscription is not None:
                        names.add(subscription.channel)
                        await self._still_here(subscription)
            for name in names:
                try:
                    await self._presence.expire(name)
                except Exception as error:  # noqa: BLE001 - Redis is away: next time, then
                    logger.warning("channel %r: who is here is not known: %s", name, error)

    async def _still_here(self, subscription: Subscription) -> None:
        key = subscription.presence_key
        if key is None:
            return
        name, connection = subscription.channel, subscription.connection.id
        try:
            await self._presence.join(name, key, connection)
            now = self._joined.get(subscription.subscriber, {}).get(name)
            # Checked again meanwhile, with another session, it is another subscription.
            if now is None or now.presence_key != key:
                # They have left meanwhile, and we were the later one.
                await self._presence.leave(name, key, connection)
        except Exception as error:  # noqa: BLE001 - Redis is away: next time, then
            logger.warning("channel %r: who is here is not told: %s", name, error)
