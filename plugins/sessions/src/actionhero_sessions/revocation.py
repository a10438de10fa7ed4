"""Which sessions end, told by Redis as it happens, to whoever keeps connections open."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from redis import exceptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from actionhero_redis import RedisClients

logger = logging.getLogger("actionhero.sessions")

#: How long to wait before Redis is asked again, after it went away.
RETRY_SECONDS: Final = 1.0


async def endings(clients: RedisClients, channel: str) -> AsyncGenerator[str | None, None]:
    """Yield what is published on `channel`, and `None` whenever something may have been missed."""
    was_heard = False
    while True:
        pubsub = clients.pubsub()
        try:
            await pubsub.subscribe(channel)
            async for message in pubsub.listen():
                if message["type"] == "message":
                    yield _text(message["data"])
                elif message["type"] == "subscribe":
                    # Also said by redis-py itself, after a connection that it lost.
                    if was_heard:
                        yield None
                    was_heard = True
        except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
            logger.debug("the end of sessions is not heard of: %s", error)
            was_heard = True
        finally:
            await pubsub.aclose()
        await asyncio.sleep(RETRY_SECONDS)


def _text(said: str | bytes) -> str:
    return said if isinstance(said, str) else said.decode()
