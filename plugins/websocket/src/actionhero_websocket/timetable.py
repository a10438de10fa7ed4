"""What has to happen to sockets after a time: `Timetable`, one timer for all of them."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

Entry = TypeVar("Entry", bound=Hashable)

logger = logging.getLogger("actionhero.websocket")

#: How many entries are seen to before others get a turn.
AT_ONCE: Final = 200


class Timetable(Generic[Entry]):
    """Calls `due` with each entry, so many seconds after it was added, unless it was removed.

    All wait equally long, so they stand in the order in which they fall due: adding, removing and
    finding the next are a step each, however many there are.

    Args:
        seconds: How long an entry waits.
        due: What happens then. The entry is not in the table any more.
    """

    def __init__(self, seconds: float, due: Callable[[Entry], object]) -> None:
        self._seconds = seconds
        self._due = due
        self._times: OrderedDict[Entry, float] = OrderedDict()
        self._timer: asyncio.Handle | None = None

    def add(self, entry: Entry) -> None:
        """Let `entry` wait from now on; if it waits already, its time begins anew."""
        loop = asyncio.get_running_loop()
        when = loop.time() + self._seconds
        self._times[entry] = when
        self._times.move_to_end(entry)
        if self._timer is None:
            self._timer = loop.call_at(when, self._look)

    def discard(self, entry: Entry) -> None:
        """Let `entry` wait no longer, if it does."""
        self._times.pop(entry, None)

    def clear(self) -> None:
        """Let nobody wait any longer."""
        self._times.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __len__(self) -> int:
        return len(self._times)

    def _look(self) -> None:
        # Until the end of this, the handle that has fired keeps `add` from making another.
        loop = asyncio.get_running_loop()
        now = loop.time()
        for _ in range(AT_ONCE):
            if not self._times:
                self._timer = None
                return
            entry, when = next(iter(self._times.items()))
            if when > now:
                self._timer = loop.call_at(when, self._look)
                return
            del self._times[entry]
            try:
                self._due(entry)
            except Exception:
                logger.exception("what was due for %r failed", entry)
        self._timer = loop.call_soon(self._look)
