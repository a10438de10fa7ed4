"""A process on its own core, measured through `/proc`."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

ROOT: Final = Path(__file__).parents[2]
PEERS: Final = Path(__file__).parent / "peers"
SERVER_CORE: Final = "0"
#: For requests.
CLIENT_CORE: Final = "1"

_STOP_SECONDS: Final = 5.0
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


class Program:
    """A process and all its children, as long as a `with` block runs.

    Args:
        name: Its name in errors.
        command: How it is started: the arguments of Python.
        variables: Additional environment variables.
        folder: Where it is started.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        variables: Mapping[str, str] | None = None,
        folder: Path = PEERS,
    ) -> None:
        self.name = name
        self._command = command
        self._variables = variables or {}
        self._folder = folder

    def __enter__(self) -> Self:
        # Its errors are shown if it does not start.
        self._log = tempfile.TemporaryFile()
        #: When it was started, by `time.perf_counter`.
        self.begun = time.perf_counter()
        self._process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, sys.executable, *self._command],
            cwd=self._folder,
            env={**environment(), **self._variables},
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def has_ended(self) -> bool:
        """Whether the process has exited."""
        return self._process.poll() is not None

    def said(self) -> str:
        """Return the end of its output."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-2000:]

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process and all its children so far, user and system."""
        ticks = 0
        for pid in self._tree():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS_A_SECOND

    def memory_mib(self) -> tuple[float, float]:
        """Return the memory of the tree in MiB: pages it shares counted in part (PSS), in full."""
        kilobytes = {"Pss": 0, "Rss": 0}
        for pid in self._tree():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                for name, amount in re.findall(r"^(Pss|Rss):\s+(\d+)", text, re.MULTILINE):
                    kilobytes[name] += int(amount)
        return kilobytes["Pss"] / 1024, kilobytes["Rss"] / 1024

    def _wait_until_ready(self) -> None:
        """Wait until it is ready; return immediately if that cannot be detected."""

    def _tree(self) -> list[int]:
        pids, waiting = [], [self._process.pid]
        while waiting:
            pid = waiting.pop()
            pids.append(pid)
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    waiting += map(int, path.read_text().split())
        return pids

    def _stop(self) -> None:
        self._log.close()
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # In its own session, so that all its child processes can be stopped.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def environment() -> dict[str, str]:
    """Return the environment of a started program, without variables that change its behaviour."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**inherited, "PYTHONPATH": str(ROOT), "ACTIONHERO_ENV": "production", "COLUMNS": "100"}


def pin(pid: int, core: str) -> None:
    """Let a process, and those that it starts, run on one core only."""
    subprocess.run(["taskset", "-a", "-cp", core, str(pid)], check=True, capture_output=True)


@contextlib.contextmanager
def on_client_core() -> Iterator[None]:
    """Run this process, and those that it starts meanwhile, on the core of clients only."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {int(CLIENT_CORE)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
