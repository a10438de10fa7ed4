"""`Memberships`: the presence of the subscriptions of this process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero_channels.channel import Subscription
    from actionhero_channels.presence import Presence
    from actionhero_channels.subscriber import Subscriber

logger = logging.getLogger("actionhero.channels")


class Memberships:
    """The presence of the subscriptions of this process.

    Args:
        presence: The members of channels, in all processes.
        subscriptions: The subscriptions of this process, by subscriber and channel.
    """

    def __init__(
        self,
        presence: Presence,
        subscriptions: Mapping[Subscriber, Mapping[str, Subscription]],
    ) -> None:
        self._presence = presence
        self._subscriptions = subscriptions

    async def join(self, subscription: Subscription, key: str | None) -> None:
        """Set the presence key of a subscription, and add its member if there is a key."""
        subscription.presence_key = key
        if key is not None:
            await self.refresh(subscription, key)

    async def refresh(self, subscription: Subscription, key: str) -> None:
        """Add or refresh the member of a subscription, unless it ends in the meantime."""
        channel, connection = subscription.channel, subscription.connection.id
        await self._presence.join(channel, key, connection)
        current = self._subscriptions.get(subscription.subscriber, {}).get(channel)
        # A subscription that was authorized again in the meantime is another object.
        if current is None or current.presence_key != key:
            # It has ended, and its removal may have come before our `join`.
            await self._presence.leave(channel, key, connection)

    async def leave(self, subscription: Subscription) -> None:
        """Remove the member of a subscription; a failure is logged, and the member expires."""
        channel, key = subscription.channel, subscription.presence_key
        if key is None:
            return
        try:
            await self._presence.leave(channel, key, subscription.connection.id)
        except Exception as error:  # noqa: BLE001 - the member expires
            logger.warning("channel %r: removing a member failed: %s", channel, error)
