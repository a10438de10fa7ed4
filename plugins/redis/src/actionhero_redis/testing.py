"""For tests: a real Redis that is thrown away, on a free port or a Unix socket.

```python
from actionhero_redis.testing import redis_server  # a fixture; in conftest.py


async def test_it(redis_server):
    async with running_app(plugin, environ={"REDIS_URL": redis_server.url}) as app:
        ...
```
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actionhero_redis.store import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: A server that has not answered by then never will.
START_SECONDS = 20.0
LOOK_SECONDS = 0.005
#: Ports that no system gives to clients: while a server is away, none of them takes its place.
PORTS = range(10_000, 32_768)


class ThrowAwayRedis:
    """A server for one test. It may be ended and started again; what was written stays.

    Args:
        program: `redis-server` or `valkey-server`.
        folder: An empty folder for its data.
        on_socket: Whether it listens on a Unix socket rather than on a port of 127.0.0.1.
        options: Further options of its command line, such as `["--requirepass", "x"]`.
        configuration: A configuration file, which a sentinel needs.
    """

    def __init__(
        self,
        program: str,
        folder: Path,
        *,
        on_socket: bool = False,
        options: Sequence[str] = (),
        configuration: Path | None = None,
    ) -> None:
        self._program = program
        self._folder = folder
        self._options = options
        self._configuration = configuration
        self._process: subprocess.Popen[bytes] | None = None
        #: The port; 0 if it listens on a socket.
        self.port = 0 if on_socket else free_port()
        #: Where it is, for `REDIS_URL`.
        self.url = (
            f"unix://{folder / 'redis.sock'}" if on_socket else f"redis://127.0.0.1:{self.port}/0"
        )

    @property
    def pid(self) -> int:
        """The number of its process; 0 if it does not run."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start it, and wait until it answers."""
        socket_path = str(self._folder / "redis.sock")
        arguments = [
            self._program,
            *([] if self._configuration is None else [str(self._configuration)]),
            *("--dir", str(self._folder), "--port", str(self.port)),
            *(("--bind", "127.0.0.1") if self.port else ("--unixsocket", socket_path)),
            *("--appendonly", "yes", "--save", "", *self._options),
        ]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a program of this machine
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        # An answer of somebody else at its place would be none of ours.
        while not self._answers() or self._process.poll() is not None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                pytest.fail(f"the throw-away redis did not start:\n{self.log}")
            time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """Let it write its data and end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it hang: it takes connections, and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def log(self) -> str:
        """What it has written, for the message of a failure."""
        return (self._folder / "redis.log").read_text(encoding="utf-8", errors="replace")

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            # One that is paused would never see it.
            process.send_signal(signal.SIGCONT)
            process.wait()

    def _answers(self) -> bool:
        family = socket.AF_INET if self.port else socket.AF_UNIX
        address = ("127.0.0.1", self.port) if self.port else str(self._folder / "redis.sock")
        with socket.socket(family) as client:
            try:
                client.connect(address)
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith((b"+PONG", b"-NOAUTH"))
            except OSError:
                return False


@contextlib.contextmanager
def throw_away_redis(
    *, on_socket: bool = False, options: Sequence[str] = (), configuration: Path | None = None
) -> Iterator[ThrowAwayRedis]:
    """Run a server for as long as a block; see `ThrowAwayRedis`.

    Where there is no program to start, the test is skipped; where `CI` is set, it fails.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        reason = f"there is no program {' or '.join(map(repr, PROGRAMS))} on PATH"
        in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
        (pytest.fail if in_ci else pytest.skip)(reason)
    # Not pytest's folder: its path may be longer than a socket's may be.
    with tempfile.TemporaryDirectory(prefix="throw-away-redis-") as folder:
        server = ThrowAwayRedis(
            program,
            Path(folder),
            on_socket=on_socket,
            options=options,
            configuration=configuration,
        )
        server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture
def redis_server() -> Iterator[ThrowAwayRedis]:
    """Give a test a real, empty Redis on a free port."""
    with throw_away_redis() as server:
        yield server


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    while True:
        port = random.choice(PORTS)  # noqa: S311 - nobody need be kept from guessing it
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
