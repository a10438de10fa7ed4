"""The retry decision for failed jobs, by error and number of attempts."""

from __future__ import annotations

import dataclasses
import math
from datetime import timedelta
from typing import Any

import pytest

from actionhero import (
    Conflict,
    InvalidInput,
    NotFound,
    RateLimited,
    ServiceUnavailable,
    TypedError,
)
from actionhero_tasks.job import Claim, SettlementKind
from actionhero_tasks.job_options import MAX_DELAY
from actionhero_tasks.worker.retries import RetryPolicy, retry_decision

POLICY = RetryPolicy(retries=5, backoff_seconds=10, max_backoff_seconds=3600)


def claim(attempts: int = 0) -> Claim:
    return Claim("id", 1, "default", "work", b"", deliveries=1, attempts=attempts)


def test_the_delay_doubles_up_to_the_maximum() -> None:
    """Ten seconds, twenty, and so on; an hour at most."""
    policy = dataclasses.replace(POLICY, jitter=(1.0, 1.0))

    delays = [policy.delay_ms(attempts) for attempts in (1, 2, 3, 4, 5, 10, 1000)]

    assert delays == [10_000, 20_000, 40_000, 80_000, 160_000, 3_600_000, 3_600_000]


def test_jitter_extends_the_delay_by_up_to_a_half() -> None:
    """So that jobs that failed together are not retried together."""
    error = ServiceUnavailable("unavailable")

    delays = {retry_decision(claim(), error, POLICY).delay_ms for _ in range(50)}

    assert len(delays) > 1
    assert all(10_000 <= delay <= 15_000 for delay in delays)


@pytest.mark.parametrize("error", [InvalidInput("no"), NotFound("no"), Conflict("no")])
def test_permanent_errors_are_not_retried(error: TypedError) -> None:
    """They would occur again."""
    assert retry_decision(claim(), error, POLICY).kind is SettlementKind.DEAD


def test_a_job_is_dead_lettered_after_the_last_retry() -> None:
    """Five retries are six runs."""
    error = ServiceUnavailable("unavailable")

    kinds = [retry_decision(claim(attempts), error, POLICY).kind for attempts in range(6)]

    assert kinds == [SettlementKind.RETRY] * 5 + [SettlementKind.DEAD]


def test_retry_after_of_an_error_extends_the_delay() -> None:
    """A rate limit has a more exact delay than the back-off."""
    error = RateLimited("slowly", retry_after_seconds=120)

    assert retry_decision(claim(), error, POLICY).delay_ms == 120_000


def test_a_backoff_is_a_delay_that_stores_can_write() -> None:
    """However long the settings allow it to be."""
    seconds = timedelta.max.total_seconds()
    policy = RetryPolicy(retries=5, backoff_seconds=seconds, max_backoff_seconds=seconds)

    delay_ms = retry_decision(claim(), ServiceUnavailable("unavailable"), policy).delay_ms

    assert timedelta(milliseconds=delay_ms) == MAX_DELAY


@pytest.mark.parametrize(
    ("seconds", "delay_ms"),
    [
        (60.5, 61_000),
        (10**30, 365 * 86_400_000),
        (math.inf, 365 * 86_400_000),
        (math.nan, 10_000),
        (-1, 10_000),
    ],
)
def test_retry_after_is_a_delay_that_stores_can_write(seconds: Any, delay_ms: int) -> None:
    """Whatever number the code of an action has set."""
    policy = dataclasses.replace(POLICY, jitter=(1.0, 1.0))
    error = RateLimited("slowly", retry_after_seconds=seconds)

    delay = retry_decision(claim(), error, policy).delay_ms

    assert (delay, type(delay)) == (delay_ms, int)
