"""The numbers of requests that were refused before they reached a handler, and of slow clients."""

from __future__ import annotations

from typing import Final

UNPARSABLE: Final = "unparsable"
TOO_LARGE: Final = "too_large"
SLOW_HEAD: Final = "slow_head"
SLOW_BODY: Final = "slow_body"
SLOW_READER: Final = "slow_reader"

#: The refusals of this process, by their reason.
REFUSALS: Final = dict.fromkeys((UNPARSABLE, TOO_LARGE, SLOW_HEAD, SLOW_BODY, SLOW_READER), 0)


def count_refusal(reason: str) -> None:
    """Count a refusal."""
    REFUSALS[reason] += 1
