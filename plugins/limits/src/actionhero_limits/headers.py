"""The headers of responses that report rate limits.

`RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-11, which is no
RFC yet; `X-RateLimit-*` are those of the original ActionHero and many other servers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Connection
    from actionhero_limits.quota import Quota, Take

#: The fields of `State`.
Fields: TypeAlias = tuple[int, int, int]
HeaderStyle: TypeAlias = Literal["standard", "legacy", "both", "none"]

#: The headers by style, with their descriptions for API documents.
_STANDARD: Final = {
    "RateLimit-Policy": "The rate limits of the action: q calls in w seconds, by name.",
    "RateLimit": "The calls r that are left by each limit, and the seconds t until all are.",
}
_LEGACY: Final = {
    "X-RateLimit-Limit": "The calls that are possible at once.",
    "X-RateLimit-Remaining": "The calls that are left.",
    "X-RateLimit-Reset": "The time at which all calls are possible, in seconds since 1970.",
}


def described_headers(style: HeaderStyle) -> dict[str, str]:
    """Return the description of each header of a style, by its name."""
    return {
        **(_STANDARD if style in ("standard", "both") else {}),
        **(_LEGACY if style in ("legacy", "both") else {}),
    }


class LimitHeaders:
    """The headers of the responses of one action.

    Args:
        style: The selected headers.
        quotas: The quotas of the action.
    """

    def __init__(self, style: HeaderStyle, quotas: Sequence[Quota]) -> None:
        # A name has no character that a string of a structured field would have to escape.
        policies = [f'"{quota.name}";q={quota.calls};w={quota.seconds}' for quota in quotas]
        self._policy = ("RateLimit-Policy", ", ".join(policies))
        self._has_standard = style in ("standard", "both")
        self._has_legacy = style in ("legacy", "both")

    def add(
        self, connection: Connection, takes: Sequence[Take], states: Sequence[Fields], now_us: int
    ) -> None:
        """Add the headers to the response.

        Args:
            connection: The client.
            takes: The requests to the quotas.
            states: The fields of the states of these.
            now_us: The time, in microseconds since 1970.
        """
        headers: tuple[tuple[str, str], ...] = ()
        if self._has_standard:
            limits = _limit(takes[0], states[0])
            if len(takes) > 1:
                limits = ", ".join(map(_limit, takes, states))
            headers = (self._policy, ("RateLimit", limits))
        if self._has_legacy:
            remaining, _, reset_us = least = min(states)
            quota = takes[states.index(least)].quota
            headers = (
                *headers,
                ("X-RateLimit-Limit", str(quota.burst)),
                ("X-RateLimit-Remaining", str(remaining)),
                ("X-RateLimit-Reset", str(ceil_seconds(now_us + reset_us))),
            )
        others = connection.response_headers
        connection.response_headers = (*others, *headers) if others else headers


def ceil_seconds(microseconds: int) -> int:
    """Return a time in whole seconds, rounded up."""
    return -(-microseconds // 1_000_000)


def _limit(take: Take, state: Fields) -> str:
    remaining, _, reset_us = state
    return _item(take.quota.name, remaining, -(-reset_us // 1_000_000))


# A caller that does not stop gets the same text often in one second.
@lru_cache(1000)
def _item(name: str, remaining: int, seconds: int) -> str:
    return f'"{name}";r={remaining};t={seconds}'
