"""Exponential back-off: delays double up to a maximum, with jitter."""

from __future__ import annotations

import pytest

from actionhero.transport import Backoff, backoff_seconds


def test_delays_double_up_to_the_maximum() -> None:
    """Each failure doubles the delay, and the maximum ends that."""
    delays = [backoff_seconds(0.1, 1.0, failures) for failures in range(1, 7)]

    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


@pytest.mark.parametrize("failures", [1_024, 1_000_000])
def test_a_long_outage_does_not_overflow(failures: int) -> None:
    """The exponent is bounded: `2**1024` is no float."""
    assert backoff_seconds(0.05, 5.0, failures) == 5.0


def test_jitter_multiplies_the_delay_within_its_bounds() -> None:
    """The jitter applies after the maximum."""
    delays = [backoff_seconds(4.0, 1.0, 1, jitter=(0.5, 1.5)) for _ in range(200)]

    assert all(0.5 <= delay <= 1.5 for delay in delays)
    assert len(set(delays)) > 100


def test_reset_returns_to_the_first_delay() -> None:
    """A success forgets the failures."""
    backoff = Backoff(1.0, 60.0, jitter=(1.0, 1.0))

    before = [backoff.next_seconds() for _ in range(3)]
    failures = backoff.failures
    backoff.reset()

    assert before == [1.0, 2.0, 4.0]
    assert failures == 3
    assert backoff.next_seconds() == 1.0
