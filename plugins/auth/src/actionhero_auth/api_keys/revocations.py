"""`KeyRevocations`: the revocations of API keys, in all processes."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from actionhero import ServiceUnavailable
from actionhero.transport import ends_task

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from actionhero import Application
    from actionhero_auth.credential_cache import CredentialCache
    from actionhero_auth.revocation_notices import RevocationNotices
    from actionhero_redis import RedisClients

    #: Returns the keys that were revoked after a time.
    RevokedSince = Callable[[datetime], Awaitable[Sequence[str]]]

logger = logging.getLogger("actionhero.auth")

#: How often the database is asked, without Redis.
POLL_SECONDS: Final = 0.5
#: How far the clocks of processes may differ, and transactions may last, without Redis.
TOLERANCE: Final = timedelta(minutes=5)


class KeyRevocations:
    """Receives the revocations of all processes, and publishes those of this one.

    They are messages of Redis, if processes share one; otherwise the database is asked twice a
    second. While they cannot be received, no key is cached.

    Args:
        app: The application.
        cache: The verified keys of this process.
        notices: Informs the open connections of this process.
    """

    def __init__(
        self, app: Application, cache: CredentialCache, notices: RevocationNotices
    ) -> None:
        self._app = app
        self._cache = cache
        self._notices = notices
        self._watching: asyncio.Task[None] | None = None

    async def publish(self, ids: Sequence[str]) -> None:
        """End the use of revoked keys in all processes.

        Raises:
            ServiceUnavailable: Redis is not available; this process has ended their use.
        """
        for id in ids:
            self._handle(id)
        redis = self._redis()
        if redis is None:
            return
        from actionhero_redis import is_transient  # noqa: PLC0415 - imports redis-py

        channel = _channel(redis)
        results = await asyncio.gather(
            *(redis.execute("PUBLISH", channel, id, idempotent=True) for id in ids),
            return_exceptions=True,
        )
        errors = [result for result in results if isinstance(result, BaseException)]
        for error in errors:
            if not is_transient(error):
                raise error
        if errors:
            keys = f"The API key {ids[0]} is" if len(ids) == 1 else f"{len(ids)} API keys are"
            raise ServiceUnavailable(
                f"{keys} revoked, but other processes could not be informed; revoke "
                f"{'it' if len(ids) == 1 else 'them'} again"
            ) from errors[0]

    def start(self, revoked_since: RevokedSince) -> None:
        """Receive revocations from now on.

        Args:
            revoked_since: Returns the keys that were revoked after a time.
        """
        redis = self._redis()
        source = self._poll(revoked_since) if redis is None else self._subscribe(redis)
        self._watching = asyncio.get_running_loop().create_task(self._watch(source))

    async def stop(self) -> None:
        """Receive no more revocations."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
            self._watching = None
        self._cache.close()

    async def _watch(self, source: AsyncGenerator[str | None, None]) -> None:
        try:
            async with aclosing(source) as revocations:
                async for id in revocations:
                    self._handle(id)
        except BaseException as error:
            self._cache.close()
            if ends_task(error):
                raise
            logger.exception("revocations of API keys are not received: no key is cached")

    def _handle(self, id: str | None) -> None:
        if id is None:
            self._cache.open()
        else:
            self._cache.remove(id)
        self._notices.publish(id)

    def _redis(self) -> RedisClients | None:
        """Return the Redis that the processes of the application share, if there is one."""
        if find_spec("actionhero_redis") is None:
            return None
        from actionhero_redis import RedisClients  # noqa: PLC0415 - it may not be installed

        if not self._app.has(RedisClients):
            return None
        redis = self._app.get(RedisClients)
        return redis if redis.shared else None

    def _subscribe(self, redis: RedisClients) -> AsyncGenerator[str | None, None]:
        from actionhero_redis import channel_messages  # noqa: PLC0415 - imports redis-py

        return channel_messages(redis, _channel(redis), on_interruption=self._cache.close)

    async def _poll(self, revoked_since: RevokedSince) -> AsyncGenerator[str | None, None]:
        """Yield revocations from the database, and `None` whenever it can be read again."""
        is_interrupted = True
        known: OrderedDict[str, datetime] = OrderedDict()
        while True:
            now = datetime.now(UTC)
            try:
                ids = await revoked_since(now - TOLERANCE)
            except Exception as error:  # noqa: BLE001 - of any driver; read again later
                if not is_interrupted:
                    logger.debug("revocations of API keys cannot be read: %s", error)
                    self._cache.close()
                is_interrupted = True
            else:
                new = [id for id in ids if id not in known]
                known.update(dict.fromkeys(new, now))
                # Old ones are not returned any more.
                while known and next(iter(known.values())) < now - 2 * TOLERANCE:
                    known.popitem(last=False)
                if is_interrupted:
                    is_interrupted = False
                    # It stands for the new ones, too.
                    new = []
                    yield None
                for id in new:
                    yield id
            await asyncio.sleep(POLL_SECONDS)


def _channel(redis: RedisClients) -> str:
    return redis.key("auth", "revoked")
