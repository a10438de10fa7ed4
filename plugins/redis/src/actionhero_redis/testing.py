"""Fixtures for tests: a real throw-away Redis server, cluster or sentinel.

```python
from actionhero_redis.testing import redis_server  # a fixture, in conftest.py


async def test_visits(redis_server):
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

START_TIMEOUT_SECONDS = 20.0
POLL_SECONDS = 0.005
#: The number of hash slots of a cluster.
SLOT_COUNT = 16_384


class ThrowAwayRedis:
    """A server for one test. It can be stopped and started again with its data.

    Args:
        program: `redis-server` or `valkey-server`.
        folder: An empty folder for its data.
        on_socket: Whether it listens on a Unix socket rather than on a port of 127.0.0.1.
        options: Additional command line options, such as `["--requirepass", "x"]`.
        configuration: A configuration file, which a sentinel requires.
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
        #: The port; 0 for a Unix socket.
        self.port = 0 if on_socket else free_port()
        #: The port of the cluster bus. The default, `port` + 10000, may be in use.
        self.bus_port = free_port() if "--cluster-enabled" in options else 0
        #: The value of `REDIS_URL`.
        self.url = (
            f"unix://{folder / 'redis.sock'}" if on_socket else f"redis://127.0.0.1:{self.port}/0"
        )

    @property
    def pid(self) -> int:
        """The id of its process; 0 if it is not running."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start the server, and wait until it responds."""
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
            self._process = subprocess.Popen(  # noqa: S603 - a program on PATH
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        # Another server may respond on the same port.
        while not self._responds() or self._process.poll() is not None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                pytest.fail(f"the throw-away redis did not start:\n{self.log}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop the server after it has written its data."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the server, as a power failure would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Suspend the server: it accepts connections, and does not respond."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Continue after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def log(self) -> str:
        """Its log, for error messages."""
        return (self._folder / "redis.log").read_text(encoding="utf-8", errors="replace")

    def _end(self, signal_number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal_number)
            # A paused process does not receive the signal.
            process.send_signal(signal.SIGCONT)
            process.wait()

    def _responds(self) -> bool:
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
    """Run a server for the duration of a block; see `ThrowAwayRedis`.

    If no program is installed, the test is skipped; if `CI` is set, it fails.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        reason = f"no program {' or '.join(map(repr, PROGRAMS))} on PATH"
        in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
        (pytest.fail if in_ci else pytest.skip)(reason)
    # Not `tmp_path`, whose path may be too long for a Unix socket.
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
    """A cluster of several servers, each with an equal part of the hash slots.

    Args:
        servers: Running servers, with `--cluster-enabled yes`.
    """

    def __init__(self, servers: Sequence[ThrowAwayRedis]) -> None:
        self.servers = servers
        #: The value of `REDIS_URL`.
        self.url = f"redis+cluster://127.0.0.1:{servers[0].port}"

    def create(self) -> None:
        """Create the cluster, and wait until it accepts writes."""
        import redis

        bounds = [
            SLOT_COUNT * number // len(self.servers) for number in range(len(self.servers) + 1)
        ]
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
            deadline = time.monotonic() + START_TIMEOUT_SECONDS
            while not all(map(self._is_complete, clients)):
                if time.monotonic() > deadline:
                    pytest.fail(f"the throw-away cluster did not form:\n{self.servers[0].log}")
                time.sleep(POLL_SECONDS)

    def start(self) -> None:
        """Start all servers after `stop`; the cluster accepts writes two seconds later."""
        for server in self.servers:
            server.start()

    def stop(self) -> None:
        """Stop all servers after they have written their data."""
        for server in self.servers:
            server.stop()

    def _is_complete(self, client: redis.Redis) -> bool:
        info: Any = client.execute_command("CLUSTER INFO")
        return bool(
            info["cluster_state"] == "ok" and int(info["cluster_size"]) == len(self.servers)
        )


@contextlib.contextmanager
def throw_away_cluster() -> Iterator[ThrowAwayCluster]:
    """Run a cluster of three servers for the duration of a block; see `throw_away_redis`."""
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
    """Run a sentinel that monitors `server`; clients of its `url` use the server."""
    with tempfile.TemporaryDirectory(prefix="throw-away-sentinel-") as folder:
        configuration = Path(folder) / "sentinel.conf"
        configuration.write_text(f"sentinel monitor {name} 127.0.0.1 {server.port} 1\n", "utf-8")
        with throw_away_redis(configuration=configuration, options=["--sentinel"]) as sentinel:
            sentinel.url = f"redis+sentinel://127.0.0.1:{sentinel.port}/{name}/0"
            yield sentinel


@pytest.fixture
def redis_server() -> Iterator[ThrowAwayRedis]:
    """An empty Redis server on a free port."""
    with throw_away_redis() as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[ThrowAwayCluster]:
    """A cluster, shared by all tests of the session."""
    with throw_away_cluster() as cluster:
        yield cluster
