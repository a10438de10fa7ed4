"""What a caller is told when Redis cannot be reached."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from actionhero import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: When trying again may make sense: a restart of Redis takes about so long.
RETRY_SECONDS: Final = 1


@asynccontextmanager
async def redis_reached() -> AsyncIterator[None]:
    """Tell that Redis cannot be reached as what it is to a caller.

    Raises:
        ServiceUnavailable: It cannot.
    """
    from actionhero_redis import TRANSIENT_ERRORS  # noqa: PLC0415 - it loads redis-py

    try:
        yield
    except (*TRANSIENT_ERRORS, TimeoutError) as error:
        raise ServiceUnavailable(
            "Channels are not available", retry_after_seconds=RETRY_SECONDS
        ) from error
