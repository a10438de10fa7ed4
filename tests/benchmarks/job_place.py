"""`Place`: the programs of a measurement of jobs, and the server that stores these."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.program import CLIENT_CORE, Program, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

#: How many jobs are drained.
JOBS: Final = 10_000
PINGS: Final = 100

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


class Place:
    """A server that stores jobs, and a folder for the files of workers.

    Args:
        folder: The folder.
        variables: The environment of the programs.
        empty: Deletes all jobs.
    """

    def __init__(
        self, folder: Path, variables: Mapping[str, str], empty: Callable[[], None]
    ) -> None:
        self._folder = folder
        #: Deletes all jobs.
        self.empty = empty
        self.variables: Mapping[str, str] = {
            "ACTIONHERO_APP__NAME": "bench",
            "ACTIONHERO_APP__PACKAGE": "tests.benchmarks.peers.tasks_ours",
            "ACTIONHERO_APP__SECRET_KEY": "not a secret, but long enough to be taken for one",
            "ACTIONHERO_LOGS__LEVEL": "warn",
            "BENCH_JOBS": str(JOBS),
            "BENCH_NOTES": str(folder),
            "BENCH_PINGS": str(PINGS),
            **variables,
        }

    def worker(self, peer: str, *options: str, **variables: str) -> Program:
        """Return a worker, to be started."""
        command = [*WORKERS[peer], *options]
        variables = {**self.variables, **variables}
        return Program(peer, command, variables=variables, folder=self._folder)

    def enqueuer(self, peer: str) -> Enqueuer:
        """Return the enqueuing process, to be started."""
        return Enqueuer(peer, self.variables, self._folder)

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


class Enqueuer:
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


def redis_place(url: str, folder: Path) -> Place:
    """Return a place with jobs in Redis."""

    def empty() -> None:
        import redis

        with redis.Redis.from_url(url) as client:
            client.flushall()

    return Place(folder, {"ACTIONHERO_PLUGINS__ENABLED": "redis,tasks", "REDIS_URL": url}, empty)
