"""A server process on a core of its own: started, asked, and looked at through `/proc`."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tests.benchmarks import cases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from tests.benchmarks.cases import Case

ROOT: Final = Path(__file__).parents[2]
PEERS: Final = Path(__file__).parent / "peers"
SERVER_CORE: Final = "0"
#: For whatever asks.
CLIENT_CORE: Final = "1"

#: How each peer is started; `{port}` is where it listens.
COMMANDS: Final = {
    "ours": ["-m", "actionhero", "start", "--port", "{port}"],
    "tuned": ["-m", "tests.benchmarks.peers.tuned", "{port}"],
    "FastAPI": [
        "-m", "uvicorn", "tests.benchmarks.peers.fast:app", "--port", "{port}",
        "--no-access-log", "--log-level", "warning", "--loop", "uvloop", "--http", "httptools",
    ],
}  # fmt: skip

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 5.0
#: How often is tried whether it answers.
_TRY_SECONDS: Final = 0.002
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


class Server:
    """A peer that listens on a free port of this machine, as long as a `with` block runs.

    Args:
        name: One of `COMMANDS`, or of `command`.
        command: How it is started, if it is not one of those.
        first: What it is asked until it answers.
        variables: What it finds in its environment beside the usual.
        folder: Where it is started.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str] | None = None,
        *,
        first: Case = cases.W1,
        variables: Mapping[str, str] | None = None,
        folder: Path = PEERS,
    ) -> None:
        self.name = name
        self._command = COMMANDS[name] if command is None else command
        self._first = first
        self._variables = variables or {}
        self._folder = folder
        self.port = _free_port()
        #: From the start of the process to its first right answer.
        self.seconds_to_answer = 0.0

    def __enter__(self) -> Self:
        # What it complains of is shown if it does not start.
        self._log = tempfile.TemporaryFile()
        arguments = [part.format(port=self.port) for part in self._command]
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, sys.executable, *arguments],
            cwd=self._folder,
            env={**environment(), **self._variables},
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            while not self._answers():
                if self._process.poll() is not None or time.perf_counter() - begun > _START_SECONDS:
                    self._log.seek(0)
                    said = self._log.read().decode(errors="replace")[-2000:]
                    raise RuntimeError(f"{self.name} does not start: {said}")
                time.sleep(_TRY_SECONDS)
        except BaseException:
            self._stop()
            raise
        self.seconds_to_answer = time.perf_counter() - begun
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def ask(self, case: Case) -> bytes:
        """Return the answer to one request, head and body."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            # So that the answer ends where the connection does.
            request = case.request().replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

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

    def _answers(self) -> bool:
        try:
            answer = self.ask(self._first)
        except OSError:
            return False
        self._first.check(self.name, answer)
        return True

    def _tree(self) -> list[int]:
        found, waiting = [], [self._process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    waiting += map(int, path.read_text().split())
        return found

    def _stop(self) -> None:
        self._log.close()
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # A session of its own, so that nothing of it stays behind.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def environment() -> dict[str, str]:
    """Return the variables that a started program sees: none that could change what it does."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "ACTIONHERO_ENV": "production", "COLUMNS": "100"}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
