"""`LogTail`: the last log lines of this process."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero.transport import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The number of lines in an answer; the others are counted.
MAX_LINES: Final = 200
_LEVELS: Final = ("debug", "info", "warn", "error", "fatal")
#: The longest text of a line, in characters.
_MAX_TEXT: Final = 10_000


class Entry(NamedTuple):
    """A log line, and its position in the log of this process."""

    number: int
    facts: Mapping[str, Any]


class LineFilter(NamedTuple):
    """The lines to return; an empty text matches all."""

    level: str = ""
    action: str = ""
    outcome: str = ""
    request_id: str = ""
    text: str = ""

    def matches(self, facts: Mapping[str, Any]) -> bool:
        """Return whether a line has all the properties."""
        if self.level and _severity(facts.get("level")) < _severity(self.level):
            return False
        if self.action and facts.get("action") != self.action:
            return False
        if self.outcome and not _has_outcome(facts.get("outcome"), self.outcome):
            return False
        if self.request_id and facts.get("request_id") != self.request_id:
            return False
        if not self.text:
            return True
        return self.text.lower() in _encode(facts).decode(errors="replace").lower()


class LogTail:
    """Keeps the last lines that a tap has received. It may be called in any thread.

    Args:
        size: The number of lines.
    """

    def __init__(self, size: int) -> None:
        self._lines: deque[Entry] = deque(maxlen=size)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, facts: Mapping[str, Any]) -> None:
        """Keep a line."""
        with self._lock:
            self._lines.append(Entry(next(self._numbers), facts))

    def lines(self, after: int, filter_: LineFilter) -> dict[str, Any]:
        """Return the last lines after a number that match a filter, as JSON.

        Args:
            after: The number of the last line that was returned before; zero: none.
            filter_: The filter.
        """
        with self._lock:
            lines = [line for line in self._lines if line.number > after]
        last = lines[-1].number if lines else after
        matches = [line for line in lines if filter_.matches(line.facts)]
        # Lines that were dropped before they were asked for.
        lost = lines[0].number - after - 1 if lines and after else 0
        return {
            "last": last,
            "left_out": max(len(matches) - MAX_LINES, 0) + lost,
            "lines": [[line.number, _plain(line.facts)] for line in matches[-MAX_LINES:]],
        }


def _severity(level: Any) -> int:
    return _LEVELS.index(level) if level in _LEVELS else _LEVELS.index("info")


def _has_outcome(outcome: Any, expected: str) -> bool:
    if expected == "failed":
        return outcome not in (None, "ok", "success")
    return bool(outcome == expected)


def _encode(facts: Mapping[str, Any]) -> bytes:
    try:
        return dumps(facts)
    except (TypeError, ValueError):
        return dumps({key: str(value) for key, value in facts.items()})


def _plain(facts: Mapping[str, Any]) -> Any:
    """Return the facts as JSON, with long texts cut."""
    cut = {
        key: value[:_MAX_TEXT] + "…" if isinstance(value, str) and len(value) > _MAX_TEXT else value
        for key, value in facts.items()
    }
    return loads(_encode(cut))
