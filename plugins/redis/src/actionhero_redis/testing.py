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
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from actionhero.testing import free_port
from actionhero_redis.store import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import redis

#: A server that has not answered by then never will.
START_SECONDS = 20.0
LOOK_SECONDS = 0.005
#: How many slots a cluster has.
SLOTS = 16_384


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
        #: The port of its bus, if it is part of a cluster. Its own would be 10000 beyond `port`.
        self.bus_port = free_port() if "--cluster-enabled" in options else 0
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
            *(("--cluster-port", str(self.bus_port)) if self.bus_port else ()),
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


class ThrowAwayCluster:
    """Three servers that are one cluster, each with a third of the slots.

    Args:
        servers: Servers that were started, with `--cluster-enabled yes`.
    """

    def __init__(self, servers: Sequence[ThrowAwayRedis]) -> None:
        self.servers = servers
        #: Where it is, for `REDIS_URL`.
        self.url = f"redis+cluster://127.0.0.1:{servers[0].port}"

    def create(self) -> None:
        """Make them a cluster, and wait until it takes writes."""
        import redis

        bounds = [SLOTS * number // len(self.servers) for number in range(len(self.servers) + 1)]
        with contextlib.ExitStack() as stack:
            clients = [
                stack.enter_context(redis.Redis(port=server.port, decode_responses=True))
                for server in self.servers
            ]
            for number, client in enumerate(clients):
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
                client.execute_command(
                    "CLUSTER ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1
                )
            for server in self.servers[1:]:
                client = clients[0]
                client.execute_command("CLUSTER MEET", "127.0.0.1", server.port, server.bus_port)
            deadline = time.monotonic() + START_SECONDS
            while not all(map(self._is_whole, clients)):
                if time.monotonic() > deadline:
                    pytest.fail(f"the throw-away cluster did not form:\n{self.servers[0].log}")
                time.sleep(LOOK_SECONDS)

    def start(self) -> None:
        """Start all again after `stop`; it takes writes two seconds later."""
        for server in self.servers:
            server.start()

    def stop(self) -> None:
        """Let all write their data and end."""
        for server in self.servers:
            server.stop()

    def _is_whole(self, client: redis.Redis) -> bool:
        told: Any = client.execute_command("CLUSTER INFO")
        return bool(
            told["cluster_state"] == "ok" and int(told["cluster_size"]) == len(self.servers)
        )


@contextlib.contextmanager
def throw_away_cluster() -> Iterator[ThrowAwayCluster]:
    """Run a cluster of three servers for as long as a block; see `throw_away_redis`."""
    with contextlib.ExitStack() as stack:
        cluster = ThrowAwayCluster(
            [
                stack.enter_context(throw_away_redis(options=["--cluster-enabled", "yes"]))
                for _ in range(3)
            ]
        )
        cluster.create()
        yield cluster


@contextlib.contextmanager
def throw_away_sentinel(server: ThrowAwayRedis, name: str = "main") -> Iterator[ThrowAwayRedis]:
    """Run a sentinel that knows `server` under a name; its `url` leads to the server."""
    with tempfile.TemporaryDirectory(prefix="throw-away-sentinel-") as folder:
        configuration = Path(folder) / "sentinel.conf"
        configuration.write_text(f"sentinel monitor {name} 127.0.0.1 {server.port} 1\n", "utf-8")
        with throw_away_redis(configuration=configuration, options=["--sentinel"]) as sentinel:
            sentinel.url = f"redis+sentinel://127.0.0.1:{sentinel.port}/{name}/0"
            yield sentinel


@pytest.fixture
def redis_server() -> Iterator[ThrowAwayRedis]:
    """Give a test a real, empty Redis on a free port."""
    with throw_away_redis() as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[ThrowAwayCluster]:
    """Give all tests one real cluster."""
    with throw_away_cluster() as cluster:
        yield cluster
