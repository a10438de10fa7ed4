"""The heartbeat of a worker process: single bytes that it writes to a pipe of its supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import Final

#: The variable by which a supervisor passes the file descriptor of the pipe.
HEARTBEAT_VARIABLE: Final = "_ACTIONHERO_TASKS_HEARTBEAT"
#: The process runs jobs.
READY: Final = b"r"
#: The process has polled the store, without and with success.
POLL_FAILED: Final = b"f"
POLL_SUCCEEDED: Final = b"s"


class HeartbeatWriter:
    """The end of the pipe in the worker process.

    Args:
        descriptor: The file descriptor that the supervisor passed.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # So that a write never waits for the supervisor.
        os.set_blocking(descriptor, False)

    def write(self, signal: bytes) -> None:
        """Write a signal. The process detects the end of its supervisor elsewhere."""
        with contextlib.suppress(OSError):
            os.write(self._descriptor, signal)


class HeartbeatReader:
    """The end of the pipe in the supervisor.

    Args:
        descriptor: A file descriptor, which the caller closes after `stop`.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        #: Whether the process has started to run jobs.
        self.was_ready = False
        #: The time of the last poll, by `time.monotonic`; at first, of the start of the process.
        self.polled_at = time.monotonic()
        #: The time of the last successful poll.
        self.succeeded_at: float | None = None
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def stop(self) -> None:
        """Read the last signals, and stop reading."""
        self._read()
        self._loop.remove_reader(self._descriptor)

    def _read(self) -> None:
        signals = b""
        with contextlib.suppress(OSError):
            signals = os.read(self._descriptor, 65536)
            if not signals:
                # The process has ended.
                self._loop.remove_reader(self._descriptor)
        now = time.monotonic()
        self.was_ready |= READY in signals
        if POLL_FAILED in signals or POLL_SUCCEEDED in signals:
            self.polled_at = now
        if POLL_SUCCEEDED in signals:
            self.succeeded_at = now
