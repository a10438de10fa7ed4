"""Runs the middleware of a channel and its `authorize` around a subscription."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actionhero.transport import ends_task

if TYPE_CHECKING:
    from actionhero_channels.channel import Channel, Subscription

logger = logging.getLogger("actionhero.channels")


async def authorize(channel: Channel, subscription: Subscription) -> None:
    """Run `before` of the middleware, then `authorize` of the channel.

    Raises:
        TypedError: The subscription is refused. `after` of the middleware has run.
    """
    entered = 0
    try:
        for middleware in channel.middleware:
            await middleware.before(subscription)
            entered += 1
        await channel.authorize(subscription)
    except BaseException:
        await run_after(channel, subscription, entered)
        raise


async def run_after(
    channel: Channel, subscription: Subscription, entered: int | None = None
) -> None:
    """Run `after` of the middleware; exceptions are logged.

    Args:
        channel: The channel.
        subscription: The subscription, which has ended.
        entered: How many middleware have returned from `before`; by default all.
    """
    for middleware in reversed(channel.middleware[:entered]):
        try:
            await middleware.after(subscription)
        except BaseException as error:
            if ends_task(error):
                raise
            logger.exception("channel %r: %s.after failed", subscription.channel, middleware)
