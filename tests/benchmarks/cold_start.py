"""The time of a server with 200 actions to its first response, and its memory when idle."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tests.benchmarks.figures import Reading, median
from tests.benchmarks.program import on_client_core
from tests.benchmarks.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterable

ROUNDS: Final = 9
QUICK_ROUNDS: Final = 5
#: How long a server is left alone before its memory is looked at.
_IDLE_SECONDS: Final = 0.5


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the figures `cold_start.time` and `cold_start.memory`."""
    seconds: dict[str, list[float]] = {"ours": [], "FastAPI": []}
    memory: list[tuple[float, float]] = []
    with on_client_core():
        for number in range((QUICK_ROUNDS if quick else ROUNDS) + 1):
            for name in seconds:
                with Server(name) as server:
                    # The first time files are read and compiled: that is no start as others are.
                    if number:
                        seconds[name].append(server.seconds_to_answer)
                    if name == "ours":
                        time.sleep(_IDLE_SECONDS)
                        memory.append(server.memory_mib())
    ratios = [a / b for a, b in zip(seconds["ours"], seconds["FastAPI"], strict=True)]
    own, theirs = (median(seconds[name]) * 1000 for name in ("ours", "FastAPI"))
    readings = {
        "cold_start.time": Reading(ratios, f"{own:.0f} ms over {theirs:.0f} ms"),
        "cold_start.memory": Reading(
            [pss for pss, _ in memory], f"PSS; RSS {median([rss for _, rss in memory]):.0f} MiB"
        ),
    }
    return {key: readings[key] for key in keys}
