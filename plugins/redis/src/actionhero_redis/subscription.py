"""`channel_messages`: a subscription to a Redis channel that survives lost connections."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from redis import exceptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from actionhero_redis.clients import RedisClients

logger = logging.getLogger("actionhero.redis")

#: How long to wait before the next attempt to subscribe.
RETRY_SECONDS: Final = 1.0


async def channel_messages(
    clients: RedisClients, channel: str, *, on_interruption: Callable[[], object] = lambda: None
) -> AsyncGenerator[str | None, None]:
    """Yield the messages of a Redis channel, and `None` whenever a subscription begins.

    Messages that were published before a `None` may have been missed. The generator ends when it
    is closed; close it with `contextlib.aclosing`.

    Args:
        clients: The clients of Redis.
        channel: The Redis channel, such as `clients.key("news")`.
        on_interruption: Called when the connection is lost and cannot be restored at once:
            messages are missed from then on, until the next `None`.
    """
    was_refused = False
    while True:
        pubsub = clients.pubsub()
        try:
            await pubsub.subscribe(channel)
            async for message in pubsub.listen():
                if message["type"] == "message":
                    yield _decode(message["data"])
                elif message["type"] == "subscribe":
                    # Also sent after redis-py has reconnected.
                    was_refused = False
                    yield None
        except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
            on_interruption()
            logger.debug("the subscription to %r is interrupted: %s", channel, error)
        except exceptions.ResponseError as error:
            # Redis may accept it later, when its access rules have been corrected.
            on_interruption()
            if not was_refused:
                was_refused = True
                logger.warning("Redis refuses the subscription to %r: %s; retrying", channel, error)
        finally:
            await pubsub.aclose()
        await asyncio.sleep(RETRY_SECONDS)


def _decode(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode()
