"""Jobs: the rate and latency of enqueuing and running, compared with dramatiq and Celery.

One worker process has one core; Redis and the enqueuing process have the other. All
have their default settings. The peers take turns, each right after the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.figures import Reading, median
from tests.benchmarks.program import CLIENT_CORE, Program, environment

from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Self

ROUNDS: Final = 5
QUICK_ROUNDS: Final = 3
#: How many jobs are drained.
JOBS: Final = 10_000
#: How many jobs are enqueued sequentially in one turn.
ENQUEUED: Final = 1000
TURNS: Final = 15
PINGS: Final = 100
#: Between two pings. By then a worker is idle.
PING_SECONDS: Final = 0.1
#: How many jobs wait at once if there is no limit.
WAITING: Final = 1200
#: When the memory of a worker is looked at first and last: after so many times `JOBS`.
MEMORY_ROUNDS: Final = (2, 10)

_PATIENCE_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.02

WORKERS: Final = {
    "ours": ["-m", "actionhero", "worker"],
    "dramatiq": ["-m", "dramatiq", "tests.benchmarks.peers.tasks_dramatiq", "-p", "1", "-t", "8"],
    "celery": [
        *("-m", "celery", "-A", "tests.benchmarks.peers.tasks_celery", "worker"),
        *("--pool", "threads", "-c", "8", "-l", "ERROR", "--without-gossip", "--without-mingle"),
    ],
}


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the requested figures, such as `tasks.enqueue` and `tasks.drain.celery`."""
    keys = set(keys)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    readings: dict[str, Reading] = {}
    with ExitStack() as stack:
        # Nothing is written to disk, whose speed is not measured here.
        store = stack.enter_context(throw_away_redis(options=["--appendonly", "no"]))
        _pin(store.pid)
        place = _Place(store.url, Path(stack.enter_context(tempfile.TemporaryDirectory())))
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
        if "tasks.memory" in keys:
            readings["tasks.memory"] = _memory(place)
    return {key: reading for key, reading in readings.items() if key in keys}


class _Place:
    """A Redis server, and a folder for the files of workers."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self.variables: Mapping[str, str] = {
            "ACTIONHERO_APP__NAME": "bench",
            "ACTIONHERO_APP__PACKAGE": "tests.benchmarks.peers.tasks_ours",
            "ACTIONHERO_APP__SECRET_KEY": "not a secret, but long enough to be taken for one",
            "ACTIONHERO_LOGS__LEVEL": "warn",
            "ACTIONHERO_PLUGINS__ENABLED": "redis,tasks",
            "BENCH_JOBS": str(JOBS),
            "BENCH_NOTES": str(folder),
            "BENCH_PINGS": str(PINGS),
            "REDIS_URL": url,
        }

    def worker(self, peer: str, *options: str, **variables: str) -> Program:
        """Return a worker, to be started."""
        command = [*WORKERS[peer], *options]
        variables = {**self.variables, **variables}
        return Program(peer, command, variables=variables, folder=self._folder)

    def enqueuer(self, peer: str) -> _Enqueuer:
        """Return the enqueuing process, to be started."""
        return _Enqueuer(peer, self.variables, self._folder)

    def empty(self) -> None:
        """Delete all jobs."""
        import redis

        with redis.Redis.from_url(self._url) as client:
            client.flushall()

    def note(self, name: str, worker: Program) -> Any:
        """Wait for a note of a worker, and return its text."""
        path = self._folder / name
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not path.exists():
            if time.monotonic() > deadline or worker.has_ended:
                raise RuntimeError(f"{worker.name} never wrote {name}: {worker.said()}")
            time.sleep(_LOOK_SECONDS)
        note = json.loads(path.read_text())
        path.unlink()
        return note


class _Enqueuer:
    """A process that enqueues on request, while a `with` block runs."""

    def __init__(self, peer: str, variables: Mapping[str, str], folder: Path) -> None:
        self._peer = peer
        self._variables = variables
        self._folder = folder

    def __enter__(self) -> Self:
        module = "tests.benchmarks.peers.tasks_enqueuer"
        self._process = subprocess.Popen(
            ["taskset", "-c", CLIENT_CORE, sys.executable, "-m", module, f"tasks_{self._peer}"],
            cwd=self._folder,
            env={**environment(), **self._variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def do(self, name: str, *arguments: int) -> tuple[float, float]:
        """Call a function of the peer; return its wall-clock and CPU seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        clock, cpu = json.loads(self._process.stdout.readline())
        return clock, cpu


def _enqueue(place: _Place, turns: int) -> dict[str, Reading]:
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


def _drain(place: _Place, rounds: int) -> dict[str, Reading]:
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


def _signals(place: _Place, rounds: int) -> Reading:
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


def _pick_up(place: _Place) -> dict[str, Reading]:
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


def _wait(place: _Place, *options: str) -> Reading:
    place.empty()
    with place.enqueuer("ours") as enqueuer:
        enqueuer.do("enqueue_waiting", WAITING)
    with place.worker("ours", *options) as worker:
        return Reading([place.note("waiting", worker)], f"of {WAITING} enqueued jobs")


def _memory(place: _Place) -> Reading:
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


def _pin(pid: int) -> None:
    subprocess.run(["taskset", "-a", "-cp", CLIENT_CORE, str(pid)], check=True, capture_output=True)
