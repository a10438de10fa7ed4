"""Jobs: the rate and latency of enqueuing and running, compared with dramatiq and Celery.

One worker process has one core; Redis and the enqueuing process have the other. All
have their default settings. The peers take turns, each right after the other.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.figures import Reading, median
from tests.benchmarks.job_place import JOBS, PINGS, WORKERS, Place, redis_place
from tests.benchmarks.program import CLIENT_CORE, pin
from tests.benchmarks.tasks_postgres import measure_postgres

from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Iterable

ROUNDS: Final = 5
QUICK_ROUNDS: Final = 3
#: How many jobs are enqueued sequentially in one turn.
ENQUEUED: Final = 1000
TURNS: Final = 15
#: Between two pings. By then a worker is idle.
PING_SECONDS: Final = 0.1
#: How many jobs wait at once if there is no limit.
WAITING: Final = 1200
#: When the memory of a worker is looked at first and last: after so many times `JOBS`.
MEMORY_ROUNDS: Final = (2, 10)


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the requested figures, such as `tasks.enqueue` and `tasks.drain.celery`."""
    keys = set(keys)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    readings: dict[str, Reading] = {}
    with ExitStack() as stack:
        # Nothing is written to disk, whose speed is not measured here.
        store = stack.enter_context(throw_away_redis(options=["--appendonly", "no"]))
        pin(store.pid, CLIENT_CORE)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place = redis_place(store.url, folder)
        if {"tasks.enqueue", "tasks.batch"} & keys:
            readings |= _enqueue(place, TURNS * rounds // ROUNDS)
        if {"tasks.drain.dramatiq", "tasks.drain.celery"} & keys:
            readings |= _drain(place, rounds)
        if "tasks.signals" in keys:
            readings["tasks.signals"] = _signals(place, rounds)
        if {"tasks.median", "tasks.p99"} & keys:
            readings |= _pick_up(place)
        if "tasks.waiting" in keys:
            readings["tasks.waiting"] = _wait(place)
        if "tasks.waiting.1000" in keys:
            readings["tasks.waiting.1000"] = _wait(place, "--concurrency", "1000")
        if any(key.startswith("tasks.postgres.") for key in keys):
            readings |= measure_postgres(place, folder, rounds)
        if "tasks.memory" in keys:
            readings["tasks.memory"] = _memory(place)
    return {key: reading for key, reading in readings.items() if key in keys}


def _enqueue(place: Place, turns: int) -> dict[str, Reading]:
    """Compare in short turns, so that a slower machine slows both."""
    ratios, batches, ours, theirs = [], [], [], []
    with place.enqueuer("ours") as own, place.enqueuer("dramatiq") as other:
        for enqueuer in (own, other):
            enqueuer.do("enqueue", ENQUEUED)
        for _ in range(turns):
            place.empty()
            mine, his = own.do("enqueue", ENQUEUED)[0], other.do("enqueue", ENQUEUED)[0]
            ratios.append(his / mine)
            batches.append(mine / own.do("enqueue_many", ENQUEUED)[0])
            ours.append(mine / ENQUEUED * 1e6)
            theirs.append(his / ENQUEUED * 1e6)
    note = f"{median(theirs):.0f} µs over {median(ours):.0f} µs"
    return {
        "tasks.enqueue": Reading(ratios, note),
        "tasks.batch": Reading(batches, f"{median(ours) / median(batches):.0f} µs a job"),
    }


def _drain(place: Place, rounds: int) -> dict[str, Reading]:
    rates: dict[str, list[float]] = {peer: [] for peer in WORKERS}
    for number in range(rounds):
        names = list(WORKERS)
        first = number % len(names)
        for peer in names[first:] + names[:first]:
            place.empty()
            with place.enqueuer(peer) as enqueuer:
                # Before there is a worker, so that its speed alone is measured.
                enqueuer.do("enqueue", JOBS)
            with place.worker(peer) as worker:
                rates[peer].append((JOBS - 1) / place.note("jobs", worker))
    readings = {}
    for peer in ("dramatiq", "celery"):
        ratios = [a / b for a, b in zip(rates["ours"], rates[peer], strict=True)]
        note = f"{median(rates['ours']):.0f} over {median(rates[peer]):.0f} jobs a second"
        readings[f"tasks.drain.{peer}"] = Reading(ratios, note)
    return readings


def _signals(place: Place, rounds: int) -> Reading:
    """Compare the rate with a middleware of every signal of a job with that without one."""
    rates: dict[str, list[float]] = {"with": [], "without": []}
    for number in range(2 * rounds):
        name = ("with", "without")[number % 2]
        place.empty()
        with place.enqueuer("ours") as enqueuer:
            enqueuer.do("enqueue", JOBS)
        variables = {"BENCH_SIGNALS": "1"} if name == "with" else {}
        with place.worker("ours", **variables) as worker:
            rates[name].append((JOBS - 1) / place.note("jobs", worker))
    ratios = [a / b for a, b in zip(rates["with"], rates["without"], strict=True)]
    note = f"{median(rates['with']):.0f} over {median(rates['without']):.0f} jobs a second"
    return Reading(ratios, note)


def _pick_up(place: Place) -> dict[str, Reading]:
    late = {}
    for peer in ("dramatiq", "ours"):
        place.empty()
        with place.worker(peer) as worker, place.enqueuer(peer) as enqueuer:
            # Until the worker is ready.
            enqueuer.do("enqueue", JOBS)
            place.note("jobs", worker)
            for _ in range(PINGS):
                time.sleep(PING_SECONDS)
                enqueuer.do("ping")
            late[peer] = [seconds * 1000 for seconds in place.note("pings", worker)]
    note = f"dramatiq {median(late['dramatiq']):.0f} ms"
    # The last but one of a hundred.
    p99 = {peer: values[-2] for peer, values in late.items()}
    return {
        "tasks.median": Reading(late["ours"], note),
        "tasks.p99": Reading([p99["ours"]], f"dramatiq {p99['dramatiq']:.0f} ms"),
    }


def _wait(place: Place, *options: str) -> Reading:
    place.empty()
    with place.enqueuer("ours") as enqueuer:
        enqueuer.do("enqueue_waiting", WAITING)
    with place.worker("ours", *options) as worker:
        return Reading([place.note("waiting", worker)], f"of {WAITING} enqueued jobs")


def _memory(place: Place) -> Reading:
    place.empty()
    seen = {}
    with place.worker("ours") as worker, place.enqueuer("ours") as enqueuer:
        for number in range(1, MEMORY_ROUNDS[1] + 1):
            for _ in range(JOBS // 1000):
                enqueuer.do("enqueue_many", 1000)
            place.note("jobs", worker)
            seen[number] = worker.memory_mib()[1]
    first, last = (seen[number] for number in MEMORY_ROUNDS)
    note = f"RSS {last:.1f} MiB after {MEMORY_ROUNDS[1] * JOBS} jobs"
    return Reading([last - first], f"{note}, {first:.1f} after {MEMORY_ROUNDS[0] * JOBS}")
