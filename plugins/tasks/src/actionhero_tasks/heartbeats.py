"""`HeartbeatReader`: what a worker process lets its parent know, a letter at a time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import Final

#: It runs jobs from now on.
READY: Final = b"r"
#: It has tried to take jobs, and the store has not answered; and: it has.
TRIED: Final = b"t"
ANSWERED: Final = b"a"


class HeartbeatWriter:
    """How a worker process tells it.

    Args:
        descriptor: The end of a pipe that its parent has given to it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # Should nobody listen, nobody is waited for.
        os.set_blocking(descriptor, False)

    def tell(self, sign: bytes) -> None:
        """Write a letter; that the parent is gone is found out elsewhere."""
        with contextlib.suppress(OSError):
            os.write(self._descriptor, sign)


class HeartbeatReader:
    """What the parent has heard of one worker process.

    Args:
        descriptor: The end of a pipe; closed by whoever made it, after `stop`.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        #: Whether it has run jobs.
        self.worked = False
        #: When it last tried to take jobs, by `time.monotonic`; at first, when it was started.
        self.tried_at = time.monotonic()
        #: When the store last answered to it; `None`: it never has.
        self.answered_at: float | None = None
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._hear)

    def stop(self) -> None:
        """Hear what was said last, and no more."""
        self._hear()
        self._loop.remove_reader(self._descriptor)

    def _hear(self) -> None:
        said = b""
        with contextlib.suppress(OSError):
            said = os.read(self._descriptor, 65536)
            if not said:
                # It has ended.
                self._loop.remove_reader(self._descriptor)
        now = time.monotonic()
        self.worked |= READY in said
        if TRIED in said or ANSWERED in said:
            self.tried_at = now
        if ANSWERED in said:
            self.answered_at = now
