"""`ThrowAwayRabbitmq`: a temporary RabbitMQ server for tests, isolated from the machine's.

```python
from actionhero_tasks.testing.rabbitmq import rabbitmq_server, shared_rabbitmq  # in conftest.py
```
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pika  # type: ignore[import-untyped]
import pytest
from pika.exceptions import AMQPError  # type: ignore[import-untyped]

from actionhero.testing import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How long to wait for the server to accept connections.
START_SECONDS: Final = 90.0
POLL_SECONDS: Final = 0.05
#: The script of Linux packages that does not change the user, and the general one.
_SCRIPTS: Final = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")


class ThrowAwayRabbitmq:
    """A temporary server. It may be killed and started again, and persists its data.

    Args:
        program: The path of `rabbitmq-server`.
        folder: An empty folder for its data.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._port, distribution, self._epmd_port = (free_port() for _ in range(3))
        (folder / "plugins").write_text("[].")
        self._environ = {
            **os.environ,
            # The folder of the Erlang cookie.
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none.conf"),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_NODENAME": f"test-{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            # Without busy waiting, because test machines have few processors.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false +sbwt none +sbwtdcpu none "
            "+sbwtdio none",
        }
        #: The URL for `tasks.broker_url`.
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}/"

    @property
    def is_running(self) -> bool:
        """Whether the server process is running."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        with (self._folder / "rabbitmq.log").open("ab") as log:
            if self._epmd is None:
                # The port mapper of Erlang, which the server would start as a daemon.
                self._epmd = subprocess.Popen(  # noqa: S603 - a program of this machine
                    [shutil.which("epmd") or "epmd", "-port", str(self._epmd_port)],
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self._process = subprocess.Popen(  # noqa: S603 - a program of this machine
                [self._program],
                env=self._environ,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A process group, to kill it with its children.
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._accepts_connections():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                pytest.fail(f"the temporary RabbitMQ did not start:\n{self.log}")
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def suspend(self) -> None:
        """Suspend the server with SIGSTOP: it accepts connections, and does not answer."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the suspended server."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)

    def delete_data(self) -> None:
        """Delete the data of the killed server."""
        shutil.rmtree(self._folder / "data")

    def close(self) -> None:
        """Kill the server and the port mapper."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None

    @property
    def log(self) -> str:
        """The log of the server."""
        return (self._folder / "rabbitmq.log").read_text(encoding="utf-8", errors="replace")

    def _accepts_connections(self) -> bool:
        try:
            with pika.BlockingConnection(pika.URLParameters(self.url)):
                return True
        except (AMQPError, OSError):
            return False


@contextlib.contextmanager
def throw_away_rabbitmq() -> Iterator[ThrowAwayRabbitmq]:
    """Run a temporary server for the duration of a `with` block.

    If RabbitMQ is not installed, the test is skipped; in CI it fails.
    """
    program = next((path for name in _SCRIPTS if (path := shutil.which(name))), None)
    if program is None:
        in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
        (pytest.fail if in_ci else pytest.skip)("rabbitmq-server is not installed")
    with tempfile.TemporaryDirectory(prefix="rabbitmq-", ignore_cleanup_errors=True) as folder:
        server = ThrowAwayRabbitmq(program, Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.close()


@pytest.fixture(scope="session")
def shared_rabbitmq() -> Iterator[ThrowAwayRabbitmq]:
    """A RabbitMQ server for the whole session; tests use `rabbitmq_server`."""
    with throw_away_rabbitmq() as server:
        yield server


@pytest.fixture
def rabbitmq_server(shared_rabbitmq: ThrowAwayRabbitmq) -> ThrowAwayRabbitmq:
    """The shared RabbitMQ server, started again if a test has killed it.

    Messages that another test has left do no harm: they belong to no stored job.
    """
    if not shared_rabbitmq.is_running:
        shared_rabbitmq.start()
    return shared_rabbitmq
