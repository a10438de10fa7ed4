"""`Rate`: a number of calls per period, parsed from text such as `30/minute` or `3/10minutes`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

_UNITS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_RATE: Final = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,4})?(second|minute|hour|day)s?", re.ASCII)
#: The largest rate: the time between two calls is stored in parts of microseconds.
MAX_PER_SECOND: Final = 1_000_000


class Rate(NamedTuple):
    """A number of calls per period."""

    calls: int
    #: The length of the period.
    seconds: int


@lru_cache(maxsize=1000)
def parse_rate(text: str) -> Rate:
    """Return the rate that a text describes.

    Args:
        text: A number, a slash, and `second`, `minute`, `hour` or `day`, in the singular or the
            plural, perhaps after a number of them: `5/second`, `100/hour`, `3/10minutes`.

    Raises:
        ValueError: It describes no rate, or more than a million calls per second.
    """
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not a rate; write a number of calls and a period, as in '30/minute' or "
            "'3/10minutes' (units: second, minute, hour, day)"
        )
    count, periods, unit = match.groups()
    rate = Rate(int(count), int(periods or 1) * _UNITS[unit])
    if rate.calls > MAX_PER_SECOND * rate.seconds:
        raise ValueError(f"{text!r} is more than a million calls per second")
    return rate
