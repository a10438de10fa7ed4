"""The options of `enqueue`: their bounds, and delays in milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from actionhero import InvalidInput

#: The longest delay of a job, after which it still has a date.
MAX_DELAY: Final = timedelta(days=36_500)
#: The largest priority, positive or negative.
MAX_PRIORITY: Final = 2**31 - 1


def delay_ms(delay: timedelta | None, at: datetime | None) -> int:
    """Return the time until a job may run, in milliseconds; at least 0.

    Raises:
        InvalidInput: It is longer than `MAX_DELAY`.
        TypeError: Both are passed, or the time has no time zone.
    """
    if delay is not None and at is not None:
        raise TypeError("both delay and at; pass one of them")
    if at is not None:
        if at.tzinfo is None:
            raise TypeError(f"at is {at.isoformat()}, without a time zone; add one")
        delay = at - datetime.now(UTC)
    if delay is None:
        return 0
    if delay > MAX_DELAY:
        raise InvalidInput(f"the delay is longer than {MAX_DELAY.days} days")
    return max(milliseconds(delay), 0)


def milliseconds(time: timedelta) -> int:
    """Return a duration in whole milliseconds."""
    return time // timedelta(milliseconds=1)


def check_priority(priority: int) -> None:
    """Raise `InvalidInput` if a priority is out of bounds."""
    if abs(priority) > MAX_PRIORITY:
        raise InvalidInput(
            f"the priority {priority} is not between {-MAX_PRIORITY} and {MAX_PRIORITY}"
        )


def check_text(name: str, text: str) -> None:
    """Raise `InvalidInput` if a text contains what not every store can write.

    No store can write lone surrogates; PostgreSQL cannot write null characters either.
    """
    if "\0" in text:
        raise InvalidInput(f"the {name} contains a null character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"the {name} contains a lone surrogate") from None
