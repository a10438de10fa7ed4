"""What becomes of a job that failed, by what it failed of and how often."""

from __future__ import annotations

import pytest

from actionhero import (
    Conflict,
    InvalidInput,
    NotFound,
    RateLimited,
    ServiceUnavailable,
    TypedError,
)
from actionhero_tasks.job import Claim, Ending
from actionhero_tasks.retries import RetryPlan, retry_decision

PLAN = RetryPlan(retries=5, backoff_ms=10_000, limit_ms=3_600_000)


def claim(attempts: int = 0) -> Claim:
    return Claim("id", 1, "default", "work", b"", deliveries=1, attempts=attempts)


def test_the_wait_doubles_up_to_its_limit() -> None:
    """Ten seconds, twenty, and so on; an hour at most."""
    waits = [PLAN.delay_ms(attempts, 0.0) for attempts in (1, 2, 3, 4, 5, 10, 1000)]

    assert waits == [10_000, 20_000, 40_000, 80_000, 160_000, 3_600_000, 3_600_000]


def test_chance_adds_up_to_a_half() -> None:
    """So that jobs that failed together do not come back together."""
    delays = {retry_decision(claim(), ServiceUnavailable("away"), PLAN).delay_ms for _ in range(50)}

    assert len(delays) > 1
    assert all(10_000 <= delay <= 15_000 for delay in delays)


@pytest.mark.parametrize("error", [InvalidInput("no"), NotFound("no"), Conflict("no")])
def test_what_would_fail_again_is_dead_at_once(error: TypedError) -> None:
    """Whoever has to mend it is somebody else than time."""
    assert retry_decision(claim(), error, PLAN).ending is Ending.DEAD


def test_after_the_last_retry_it_is_dead() -> None:
    """Five retries are six runs."""
    away = ServiceUnavailable("away")
    endings = [retry_decision(claim(attempts), away, PLAN).ending for attempts in range(6)]

    assert endings == [Ending.RETRY] * 5 + [Ending.DEAD]


def test_who_says_when_to_come_back_is_heeded() -> None:
    """A rate limit knows it better than a backoff."""
    error = RateLimited("slowly", retry_after_seconds=120)

    assert retry_decision(claim(), error, PLAN).delay_ms == 120_000
