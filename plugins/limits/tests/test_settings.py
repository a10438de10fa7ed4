"""Tests of the settings of limits."""

from __future__ import annotations

from datetime import timedelta

from actionhero_limits import LimitsSettings


def test_results_are_stored_for_a_day() -> None:
    assert LimitsSettings().idempotency_ttl == timedelta(hours=24)
