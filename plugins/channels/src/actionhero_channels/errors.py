"""The errors of subscriptions: an unknown channel, and an unreachable Redis."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from actionhero import ChannelRefused, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: The suggested delay before a retry: about as long as a restart of Redis takes.
RETRY_SECONDS: Final = 1


class ChannelNotFound(ChannelRefused):
    """Raised when a connection subscribes to a channel that does not exist."""


@asynccontextmanager
async def translate_redis_errors() -> AsyncIterator[None]:
    """Raise connection errors of Redis as `ServiceUnavailable`.

    Raises:
        ServiceUnavailable: Redis is unreachable.
    """
    from actionhero_redis import is_transient  # noqa: PLC0415 - it loads redis-py

    try:
        yield
    except Exception as error:
        if not isinstance(error, OSError) and not is_transient(error):
            raise
        raise ServiceUnavailable(
            "Channels are not available", retry_after_seconds=RETRY_SECONDS
        ) from error
