"""`count`: limits how often something is done in an interval, by a counter in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero import RateLimited
from actionhero_redis import Script

if TYPE_CHECKING:
    from actionhero_redis import RedisClients

# KEYS: a counter. ARGV: its lifetime in milliseconds.
_COUNT: Final = Script(
    """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""
)


async def count(
    clients: RedisClients, key: str, limit: int, interval_ms: int, message: str
) -> None:
    """Count an attempt.

    Args:
        clients: The clients of Redis.
        key: The counter.
        limit: How many attempts an interval may have.
        interval_ms: The interval, which begins with the first attempt, in milliseconds.
        message: The message of the error.

    Raises:
        RateLimited: There are more.
    """
    attempts, left_ms = await clients.run_script(_COUNT, (key,), (interval_ms,))
    if attempts > limit:
        raise RateLimited(message, retry_after_seconds=max(1, -(-left_ms // 1000)))
