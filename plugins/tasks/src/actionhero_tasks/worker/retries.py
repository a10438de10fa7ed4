"""The retry decision: whether a failed job is retried, and after which delay. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actionhero import ErrorType
from actionhero.transport import backoff_seconds
from actionhero_tasks.envelope import encode_error
from actionhero_tasks.job import Settlement, SettlementKind
from actionhero_tasks.job_options import retry_delay_ms

if TYPE_CHECKING:
    from actionhero import TypedError
    from actionhero_tasks.job import Claim

#: The errors that may be transient. Others would occur again.
RETRIED: Final = frozenset(
    {
        ErrorType.ACTION_RUN,
        ErrorType.ACTION_TIMEOUT,
        ErrorType.SERVER_ERROR,
        ErrorType.SERVICE_UNAVAILABLE,
        ErrorType.RATE_LIMITED,
    }
)
#: A delay is extended by up to a half, so that jobs that failed together are not retried together.
JITTER: Final = (1.0, 1.5)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often the jobs of an action are retried, and after which delays."""

    retries: int
    backoff_seconds: float
    max_backoff_seconds: float
    jitter: tuple[float, float] = JITTER

    def delay_ms(self, attempts: int) -> int:
        """Return the delay before the next attempt.

        Args:
            attempts: How often the job has failed.
        """
        seconds = backoff_seconds(
            self.backoff_seconds, self.max_backoff_seconds, attempts, jitter=self.jitter
        )
        return retry_delay_ms(seconds * 1000)


def retry_decision(claim: Claim, error: TypedError, policy: RetryPolicy) -> Settlement:
    """Return the settlement of a failed job."""
    attempts = claim.attempts + 1
    encoded = encode_error(error)
    if error.type not in RETRIED or attempts > policy.retries:
        return Settlement(claim.id, claim.token, SettlementKind.DEAD, error=encoded)
    delay_ms = policy.delay_ms(attempts)
    if error.retry_after_seconds is not None:
        # Code without types may set any number.
        delay_ms = max(delay_ms, retry_delay_ms(error.retry_after_seconds * 1000))
    return Settlement(claim.id, claim.token, SettlementKind.RETRY, error=encoded, delay_ms=delay_ms)
