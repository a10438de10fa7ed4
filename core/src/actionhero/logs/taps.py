"""Taps: functions that receive the facts of every log line, such as a console in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Tap = Callable[[Mapping[str, Any]], None]


class LogTaps:
    """The taps of this process."""

    def __init__(self) -> None:
        self._taps: tuple[Tap, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._taps)

    def add(self, tap: Tap) -> Callable[[], None]:
        """Call a function with the facts of each further line, and return a function to stop it.

        The facts are those of the JSON format, without secrets. The function may be called in any
        thread, must not block, and must not log; its exceptions are ignored.
        """
        self._taps = (*self._taps, tap)

        def remove() -> None:
            self._taps = tuple(item for item in self._taps if item is not tap)

        return remove

    def pass_on(self, facts: Mapping[str, Any]) -> None:
        """Call all taps."""
        for tap in self._taps:
            try:
                tap(facts)
            except Exception:  # noqa: BLE001, S112 - to log it would call the tap again
                continue


#: The taps of this process.
taps = LogTaps()


def add_tap(tap: Tap) -> Callable[[], None]:
    """Call a function with the facts of each further log line; see `LogTaps.add`."""
    return taps.add(tap)
