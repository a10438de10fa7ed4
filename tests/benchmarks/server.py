"""A server process on its own core, and requests to it."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Final

from tests.benchmarks import cases
from tests.benchmarks.program import PEERS, Program

from actionhero.testing import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.benchmarks.cases import Case

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
#: How often the server is polled at startup.
_TRY_SECONDS: Final = 0.002


class Server(Program):
    """A peer that listens on a free port of this machine, as long as a `with` block runs.

    Args:
        name: One of `COMMANDS`, or of `command`.
        command: How it is started, if it is not one of those.
        first: The request that is repeated until it responds.
        variables: Additional environment variables.
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
        self.port = free_port()
        parts = COMMANDS[name] if command is None else command
        arguments = [part.format(port=self.port) for part in parts]
        super().__init__(name, arguments, variables=variables, folder=folder)
        self._first = first
        #: From the start of the process to its first correct response.
        self.seconds_to_answer = 0.0

    def ask(self, case: Case) -> bytes:
        """Return the response to one request, head and body."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            # So that the response ends when the connection is closed.
            request = case.request().replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def _wait_until_ready(self) -> None:
        while not self._answers():
            if self.has_ended or time.perf_counter() - self.begun > _START_SECONDS:
                raise RuntimeError(f"{self.name} does not start: {self.said()}")
            time.sleep(_TRY_SECONDS)
        self.seconds_to_answer = time.perf_counter() - self.begun

    def _answers(self) -> bool:
        try:
            response = self.ask(self._first)
        except OSError:
            return False
        self._first.check(self.name, response)
        return True
