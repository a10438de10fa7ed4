"""`PresenceHeartbeat`: refreshes the presence of the subscribers of this process."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero_channels.channel import Subscription
    from actionhero_channels.memberships import Memberships
    from actionhero_channels.presence import Presence
    from actionhero_channels.subscriber import Subscriber

logger = logging.getLogger("actionhero.channels")


class PresenceHeartbeat:
    """Refreshes the presence of local subscribers, and removes expired members.

    Args:
        presence: The members of channels, in all processes.
        memberships: The presence of the subscriptions of this process.
        subscriptions: The subscriptions of this process, by subscriber and channel.
        interval_seconds: The interval.
    """

    def __init__(
        self,
        presence: Presence,
        memberships: Memberships,
        subscriptions: Mapping[Subscriber, Mapping[str, Subscription]],
        interval_seconds: float,
    ) -> None:
        self._presence = presence
        self._memberships = memberships
        self._subscriptions = subscriptions
        self._interval_seconds = interval_seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the heartbeat, if it is not running."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop the heartbeat."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds)
            channels: set[str] = set()
            for by_channel in tuple(self._subscriptions.values()):
                for subscription in tuple(by_channel.values()):
                    if subscription.is_active:
                        channels.add(subscription.channel)
                        await self._refresh(subscription)
            for channel in channels:
                try:
                    await self._presence.expire(channel)
                except Exception as error:  # noqa: BLE001 - retried with the next heartbeat
                    logger.warning("channel %r: expiring members failed: %s", channel, error)

    async def _refresh(self, subscription: Subscription) -> None:
        channel, key = subscription.channel, subscription.presence_key
        if key is None:
            return
        try:
            await self._memberships.refresh(subscription, key)
        except Exception as error:  # noqa: BLE001 - retried with the next heartbeat
            logger.warning("channel %r: refreshing a member failed: %s", channel, error)
