"""`Idempotency`: the resource behind `Idempotent`, with the claims of the calls that run."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from actionhero.transport import Backoff, TimeoutQueue
from actionhero_limits.outage import is_transient

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from actionhero_limits.idempotency.claims import Claim, ClaimStore
    from actionhero_limits.idempotency.committed_outcomes import CommittedOutcomes
    from actionhero_limits.idempotency.stored_outcome import StoredOutcome
    from actionhero_limits.settings import LimitsSettings

logger = logging.getLogger("actionhero.limits")

#: How often the claim of a call that runs is renewed, in seconds.
RENEW_SECONDS: Final = 10.0
#: The first and the longest delay until an outcome that could not be stored is tried again.
RETRY_SECONDS: Final = (0.5, 5.0)
#: How many outcomes are tried again at once.
MAX_RETRIED: Final = 1_000
#: How long a shutdown waits for outcomes that are being stored, in seconds.
STOP_SECONDS: Final = 2.0


class Idempotency:
    """Renews the claims of the calls that run, and stores their outcomes.

    Args:
        store: The keys in Redis.
        committed: The outcomes in transactions; `None` without a database.
        settings: How long outcomes are stored, and up to which size.
        secret_key: Returns `app.secret_key`.
    """

    def __init__(
        self,
        store: ClaimStore,
        committed: CommittedOutcomes | None,
        settings: LimitsSettings,
        secret_key: Callable[[], str],
    ) -> None:
        self.store = store
        self.committed = committed
        self.settings = settings
        self.secret_key = secret_key
        self._held = TimeoutQueue(RENEW_SECONDS, self._renew_soon)
        self._tasks: set[asyncio.Task[None]] = set()
        self._retried = 0
        self._stopping = asyncio.Event()

    async def claim(self, claim: Claim) -> Any:
        """Claim a key, and renew the claim until it is settled or released.

        Returns:
            As `ClaimStore.claim`.

        Raises:
            redis.exceptions.RedisError: Redis is not available.
        """
        try:
            state = await self.store.claim(claim)
        except BaseException:
            # Redis may have received it.
            self._start(self._release(claim))
            raise
        if state is None:
            self._held.add(claim)
        return state

    def leave(self, claim: Claim) -> None:
        """Renew a claim no more, so that it lapses."""
        self._held.discard(claim)

    async def settle(self, claim: Claim, stored: StoredOutcome) -> None:
        """Store the outcome of a call, also if the call is cancelled in the meantime.

        If Redis is not available, it is tried again in the background.
        """
        self.leave(claim)
        await asyncio.shield(self._start(self._settle(claim, stored)))

    async def release(self, claim: Claim) -> None:
        """Give a claim back, so that the call may be repeated."""
        self.leave(claim)
        await asyncio.shield(self._start(self._release(claim)))

    async def stop(self) -> None:
        """Store the outcomes that are left, and renew no more claims."""
        self._stopping.set()
        self._held.clear()
        if self._tasks:
            _, pending = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _renew_soon(self, claim: Claim) -> None:
        self._held.add(claim)
        self._start(self._renew(claim))

    async def _renew(self, claim: Claim) -> None:
        try:
            is_held = await self.store.renew(claim)
        except Exception as error:  # noqa: BLE001 - the next renewal may succeed
            logger.warning(
                "the claim of an idempotency key for %r is renewed later: %s", claim.action, error
            )
            return
        if not is_held:
            self.leave(claim)

    async def _release(self, claim: Claim) -> None:
        try:
            await self.store.release(claim)
        except Exception as error:  # noqa: BLE001 - it lapses
            logger.debug("the claim of an idempotency key lapses later: %s", error)

    async def _settle(self, claim: Claim, stored: StoredOutcome) -> None:
        try:
            await self.store.settle(claim, stored)
        except Exception as error:  # noqa: BLE001 - the call has succeeded
            retries = is_transient(error) and self._retried < MAX_RETRIED
            logger.log(
                logging.WARNING if retries else logging.ERROR,
                "the outcome of %r cannot be stored by its idempotency key%s: %s",
                claim.action,
                "; trying again" if retries else "",
                error,
            )
            if retries:
                self._start(self._settle_later(claim, stored))

    async def _settle_later(self, claim: Claim, stored: StoredOutcome) -> None:
        backoff = Backoff(*RETRY_SECONDS)
        self._retried += 1
        try:
            while True:
                is_last = await self._stops_within(backoff.next_seconds())
                try:
                    await self.store.settle(claim, stored)
                except Exception as error:
                    if is_last or not is_transient(error):
                        raise
                else:
                    return
        except Exception as error:  # noqa: BLE001 - as above
            logger.error("the outcome of %r is not stored: %s", claim.action, error)
        finally:
            self._retried -= 1

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stopping.wait()
        except TimeoutError:
            return False
