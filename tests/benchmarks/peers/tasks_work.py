"""The jobs that are measured, the same for all: a worker counts them, and leaves notes."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import threading
import time
from pathlib import Path
from typing import Any, Final

#: The folder of the notes, one file each.
NOTES: Final = Path(os.environ.get("BENCH_NOTES", "."))
#: After how many jobs the worker says how long they took.
JOBS: Final = int(os.environ.get("BENCH_JOBS", "1000"))
#: After how many pings it says how late they were.
PINGS: Final = int(os.environ.get("BENCH_PINGS", "100"))
#: How long a job that waits does.
WAIT_SECONDS: Final = 5.0

_count = itertools.count(1)
_began = 0.0
_delays: list[float] = []
_lock = threading.Lock()
_waiting = 0
_most = 0


def work(sent: float | None = None) -> None:
    """Be one small job.

    Args:
        sent: When it was enqueued, if it is a ping.
    """
    global _began
    now = time.time()
    if sent is not None:
        with _lock:
            _delays.append(now - sent)
            if len(_delays) == PINGS:
                note("pings", sorted(_delays))
                _delays.clear()
        return
    number = next(_count)
    if number % JOBS == 1:
        _began = now
    elif number % JOBS == 0:
        note("jobs", now - _began)


async def wait(count: int) -> None:
    """Wait, and note how many waited at once when the last of `count` has done."""
    global _waiting, _most
    _waiting += 1
    _most = max(_most, _waiting)
    await asyncio.sleep(WAIT_SECONDS)
    _waiting -= 1
    if next(_count) == count:
        note("waiting", _most)


def note(name: str, value: Any) -> None:
    """Leave a note, whole or not at all."""
    path = NOTES / name
    path.with_suffix(".new").write_text(json.dumps(value))
    path.with_suffix(".new").replace(path)
