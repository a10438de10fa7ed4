"""`revocations`: a subscription to the identifiers of sessions that end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from redis import exceptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from actionhero_redis import RedisClients

logger = logging.getLogger("actionhero.sessions")

#: How long to wait before the next attempt to subscribe, after a lost connection.
RETRY_SECONDS: Final = 1.0


async def revocations(clients: RedisClients, channel: str) -> AsyncGenerator[str | None, None]:
    """Yield the messages of a Redis channel, and `None` whenever messages may have been missed."""
    was_subscribed = False
    while True:
        pubsub = clients.pubsub()
        try:
            await pubsub.subscribe(channel)
            async for message in pubsub.listen():
                if message["type"] == "message":
                    yield _decode(message["data"])
                elif message["type"] == "subscribe":
                    # Also sent after redis-py has reconnected.
                    if was_subscribed:
                        yield None
                    was_subscribed = True
        except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
            logger.debug("the subscription to ended sessions is interrupted: %s", error)
            was_subscribed = True
        finally:
            await pubsub.aclose()
        await asyncio.sleep(RETRY_SECONDS)


def _decode(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode()
