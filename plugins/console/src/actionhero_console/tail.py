"""`LogTail`: the last log lines of this process."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero.transport import dumps
from actionhero_console.facts import browser_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The number of lines in an answer; the others are counted.
MAX_LINES: Final = 200
#: The largest answer; that of another process may have 1 MiB.
MAX_BYTES: Final = 256 * 1024
#: The longest texts of a line together, in characters.
MAX_TEXT: Final = 10_000
#: The logger of audit events, which only admins may read, in the panel Audit.
_AUDIT_LOGGER: Final = "actionhero.audit"
_LEVELS: Final = ("debug", "info", "warn", "error", "fatal")


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
        text = "\n".join(f"{name}: {value}" for name, value in facts.items())
        return self.text.lower() in text.lower()


class LogTail:
    """Keeps the last lines that a tap has received. It may be called in any thread.

    Args:
        size: The number of lines.
    """

    def __init__(self, size: int) -> None:
        self._lines: deque[Entry] = deque(maxlen=size)
        self._last = 0
        self._lock = threading.Lock()

    def add(self, facts: Mapping[str, Any]) -> None:
        """Keep a line, with long texts cut; no audit event, as viewers read the lines."""
        if facts.get("logger") == _AUDIT_LOGGER:
            return
        shown = browser_facts(facts, MAX_TEXT)
        with self._lock:
            self._last += 1
            self._lines.append(Entry(self._last, shown))

    def lines(self, after: int, filter_: LineFilter) -> dict[str, Any]:
        """Return the last lines after a number that match a filter, as JSON.

        Args:
            after: The number of the last line that was returned before; zero: none.
            filter_: The filter.
        """
        with self._lock:
            last = self._last
            if after > last:
                # Of an earlier process with the same name, as in a container that has restarted.
                after = 0
            lines = [line for line in self._lines if line.number > after]
        matches = [line for line in lines if filter_.matches(line.facts)]
        # Lines that were dropped before they were asked for.
        lost = lines[0].number - after - 1 if lines and after else 0
        page = _newest(matches)
        return {
            "last": last,
            "left_out": len(matches) - len(page) + lost,
            "lines": [[line.number, line.facts] for line in page],
        }


def _newest(lines: list[Entry]) -> list[Entry]:
    """Return the newest lines that fit in an answer."""
    size, start = 0, len(lines)
    for line in reversed(lines[-MAX_LINES:]):
        size += len(dumps(line.facts))
        if size > MAX_BYTES:
            break
        start -= 1
    return lines[start:]


def _severity(level: Any) -> int:
    return _LEVELS.index(level) if level in _LEVELS else _LEVELS.index("info")


def _has_outcome(outcome: Any, expected: str) -> bool:
    if expected == "failed":
        return outcome not in (None, "ok", "success")
    return bool(outcome == expected)
