"""Near misses of names: one letter too many, too few, another one, or two exchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Shorter names with another letter are other words: `map` is not meant to be `mcp`.
_SHORTEST_SUBSTITUTION: Final = 5
#: Shorter names have a near miss by chance too often.
_SHORTEST: Final = 3


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` differs from by one typing error; `None`: there is none.

    Underscores are ignored, as in `time_out`.
    """
    letters = name.replace("_", "").lower()
    for other in known:
        if len(other) >= _SHORTEST and _is_near(letters, other.replace("_", "")):
            return other
    return None


def _is_near(name: str, other: str) -> bool:
    """Return whether the distance of Damerau and Levenshtein is one at most."""
    if abs(len(name) - len(other)) > 1:
        return False
    if name == other:
        return True
    start = 0
    while start < min(len(name), len(other)) and name[start] == other[start]:
        start += 1
    rest, others = name[start:], other[start:]
    if len(name) != len(other):
        return rest[1:] == others or rest == others[1:]
    if rest[:2] == others[1::-1] and rest[2:] == others[2:]:
        return True
    return len(other) >= _SHORTEST_SUBSTITUTION and rest[1:] == others[1:]
