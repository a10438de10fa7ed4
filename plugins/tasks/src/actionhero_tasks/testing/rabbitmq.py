"""For tests: a real RabbitMQ that is thrown away, on free ports, with nothing of the machine's.

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

#: A server that has not answered by then never will.
START_SECONDS: Final = 90.0
LOOK_SECONDS: Final = 0.05
#: Where packages put the script that does not change to another user.
_SCRIPTS: Final = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")


class ThrowAwayRabbitmq:
    """A server for tests. It may be killed and started again; what was written stays.

    Args:
        program: `rabbitmq-server`.
        folder: An empty folder for its data.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._names: subprocess.Popen[bytes] | None = None
        self._port, distribution, self._names_port = (free_port() for _ in range(3))
        (folder / "plugins").write_text("[].")
        self._environ = {
            **os.environ,
            # The cookie, by which nodes know one another, is made there.
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._names_port),
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
            # It waits without turning on the spot: machines that test have few processors.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false +sbwt none +sbwtdcpu none "
            "+sbwtdio none",
        }
        #: Where it is, for `tasks.broker_url`.
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}/"

    @property
    def runs(self) -> bool:
        """Whether it was started, and has not ended since."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "rabbitmq.log").open("ab") as log:
            if self._names is None:
                # By which its parts find one another; it would start one that stays behind.
                self._names = subprocess.Popen(  # noqa: S603 - a program of this machine
                    [shutil.which("epmd") or "epmd", "-port", str(self._names_port)],
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
                # With its helpers, to be ended with them.
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                pytest.fail(f"the throw-away RabbitMQ did not start:\n{self.log}")
            time.sleep(LOOK_SECONDS)

    def kill(self) -> None:
        """End it as a power cut would."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def forget(self) -> None:
        """Throw away what a server has written that was killed."""
        shutil.rmtree(self._folder / "data")

    def close(self) -> None:
        """End it, and all that belongs to it."""
        self.kill()
        if self._names is not None:
            self._names.kill()
            self._names.wait()
            self._names = None

    @property
    def log(self) -> str:
        """What it has written, for the message of a failure."""
        return (self._folder / "rabbitmq.log").read_text(encoding="utf-8", errors="replace")

    def _answers(self) -> bool:
        try:
            with pika.BlockingConnection(pika.URLParameters(self.url)):
                return True
        except (AMQPError, OSError):
            return False


@contextlib.contextmanager
def throw_away_rabbitmq() -> Iterator[ThrowAwayRabbitmq]:
    """Run a server for as long as the block takes.

    Without one on this machine the test is skipped; in CI it fails.
    """
    program = next((found for name in _SCRIPTS if (found := shutil.which(name))), None)
    if program is None:
        in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
        (pytest.fail if in_ci else pytest.skip)("there is no rabbitmq-server on this machine")
    with tempfile.TemporaryDirectory(prefix="rabbitmq-", ignore_cleanup_errors=True) as folder:
        server = ThrowAwayRabbitmq(program, Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.close()


@pytest.fixture(scope="session")
def shared_rabbitmq() -> Iterator[ThrowAwayRabbitmq]:
    """Give all tests one real RabbitMQ, which `rabbitmq_server` gives to each."""
    with throw_away_rabbitmq() as server:
        yield server


@pytest.fixture
def rabbitmq_server(shared_rabbitmq: ThrowAwayRabbitmq) -> ThrowAwayRabbitmq:
    """Give a test a RabbitMQ that all share, and that runs.

    A ticket that one test leaves is for nothing in another. One that fails with the server away
    fails alone: the next test that wants the server has it started again.
    """
    if not shared_rabbitmq.runs:
        shared_rabbitmq.start()
    return shared_rabbitmq
