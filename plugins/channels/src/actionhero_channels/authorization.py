"""Runs the middleware of a channel and its `authorize` around a subscription."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from actionhero import ServiceUnavailable
from actionhero.transport import ends_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from actionhero_channels.channel import Channel, Subscription

logger = logging.getLogger("actionhero.channels")

#: How long the code of a channel may take for a subscription. Until then the connection cannot
#: unsubscribe from the channel, and the subscription counts towards its limit.
AUTHORIZE_TIMEOUT_SECONDS: Final = 5.0


@asynccontextmanager
async def time_limit(subscription: Subscription, method: str) -> AsyncIterator[None]:
    """Limit the time of a method of a channel.

    Raises:
        ServiceUnavailable: It did not end in time.
    """
    limit = asyncio.timeout(AUTHORIZE_TIMEOUT_SECONDS)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        logger.error(
            "channel %r: %s did not end within %g s",
            subscription.channel, method, AUTHORIZE_TIMEOUT_SECONDS,
        )  # fmt: skip
        raise ServiceUnavailable("The channel is not available") from error


async def authorize(channel: Channel, subscription: Subscription) -> None:
    """Run `before` of the middleware, then `authorize` of the channel.

    Raises:
        TypedError: The subscription is refused, or its authorization did not end in time. `after`
            of the middleware has run.
    """
    entered = 0
    try:
        async with time_limit(subscription, "authorize"):
            for middleware in channel.middleware:
                await middleware.before(subscription)
                entered += 1
            # A method that returns False is meant to refuse.
            check: Callable[[Subscription], Awaitable[Any]] = channel.authorize
            if (result := await check(subscription)) is not None:
                raise TypeError(
                    f"channel {subscription.channel!r}: authorize returned {result!r}; return "
                    "nothing, and raise ChannelRefused to refuse a subscription"
                )
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
