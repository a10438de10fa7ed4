"""Timestamps of rows, and their wire format: whole milliseconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def to_milliseconds(timestamp: datetime) -> int:
    """Return a timestamp as whole milliseconds since the epoch, rounded down."""
    return (timestamp - EPOCH) // MILLISECOND


def now_after(timestamp: datetime) -> datetime:
    """Return the current time, but at least one millisecond after `timestamp`."""
    return max(now(), timestamp + MILLISECOND)
