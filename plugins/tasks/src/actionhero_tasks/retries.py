"""The queue's own table: from what came of a call to what becomes of the job. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actionhero import ErrorType
from actionhero_tasks.envelope import describe
from actionhero_tasks.job import Ending, Settlement

if TYPE_CHECKING:
    from actionhero import TypedError
    from actionhero_tasks.job import Claim

#: What may be otherwise the next time. All else would only fail again.
RETRIED: Final = frozenset(
    {
        ErrorType.ACTION_RUN,
        ErrorType.ACTION_TIMEOUT,
        ErrorType.SERVER_ERROR,
        ErrorType.SERVICE_UNAVAILABLE,
        ErrorType.RATE_LIMITED,
    }
)
#: How much longer than it should a wait may be, so that jobs that failed together do not return so.
CHANCE: Final = 0.5


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """How often a job is tried again, and how long it waits before."""

    retries: int
    backoff_ms: int
    limit_ms: int

    def delay_ms(self, attempts: int, chance: float) -> int:
        """Return how long to wait before the next attempt.

        Args:
            attempts: How often it has failed, the last time included.
            chance: Between 0 and 1.
        """
        # Beyond thirty-two doublings any backoff is beyond any limit.
        doubled = self.backoff_ms << min(attempts - 1, 32)
        return int(min(doubled, self.limit_ms) * (1 + CHANCE * chance))


def retry_decision(claim: Claim, error: TypedError, plan: RetryPlan) -> Settlement:
    """Return what becomes of a job that failed."""
    attempts = claim.attempts + 1
    if error.type not in RETRIED or attempts > plan.retries:
        return Settlement(claim.id, claim.token, Ending.DEAD, error=describe(error))
    delay_ms = plan.delay_ms(attempts, random.random())  # noqa: S311 - nobody gains by guessing
    if error.retry_after_seconds is not None:
        delay_ms = max(delay_ms, error.retry_after_seconds * 1000)
    return Settlement(claim.id, claim.token, Ending.RETRY, error=describe(error), delay_ms=delay_ms)
