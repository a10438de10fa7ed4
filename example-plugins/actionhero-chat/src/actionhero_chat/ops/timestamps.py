"""Moments, as callers are told them: whole milliseconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


def milliseconds(moment: datetime) -> int:
    """Return a moment as callers are told it."""
    return (moment - EPOCH) // MILLISECOND


def after(moment: datetime) -> datetime:
    """Return the time of day, or if that is not later by a millisecond, what is."""
    return max(now(), moment + MILLISECOND)
