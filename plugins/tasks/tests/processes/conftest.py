"""`Deployment`: an application in a folder, whose commands run in processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import redis

from actionhero_db.testing import throw_away_postgres
from actionhero_db.url import DatabaseUrl
from actionhero_redis.testing import throw_away_redis
from actionhero_tasks.stores.postgres.backend import connection_options
from actionhero_tasks.stores.postgres.store import PostgresStore
from actionhero_tasks.stores.redis.store import RedisStore
from actionhero_tasks.stores.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actionhero_db.testing import ThrowAwayPostgres
    from actionhero_redis.testing import ThrowAwayRedis
    from actionhero_tasks.job import JobRecord, JobState
    from actionhero_tasks.stores.store import JobStore
    from actionhero_tasks.testing.rabbitmq import ThrowAwayRabbitmq

TIMEOUT_SECONDS = 60.0

ACTIONS = '''
from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import time

from actionhero import Action, Call, Inputs


def note(word):
    """Append a line to the journal atomically."""
    file = os.open("journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{word} {os.getpid()}\\n".encode())
    os.close(file)


class WorkInputs(Inputs):
    name: str = "x"
    seconds: float = 0.0


class Work(Action):
    """Sleep without blocking the event loop."""

    name = "work"

    async def run(self, inputs: WorkInputs) -> str:
        note(f"begin {inputs.name}")
        await asyncio.sleep(inputs.seconds)
        note(f"end {inputs.name}")
        return inputs.name


class Block(Action):
    """Block the event loop."""

    name = "block"

    async def run(self, inputs: WorkInputs) -> str:
        note(f"begin {inputs.name}")
        time.sleep(inputs.seconds)
        note(f"end {inputs.name}")
        return inputs.name


class HoldGil(Action):
    """Hold the GIL in C code, so that no other thread runs."""

    name = "hold-gil"

    async def run(self, inputs: WorkInputs) -> str:
        note(f"begin {inputs.name}")
        ctypes.PyDLL(None).usleep(int(inputs.seconds * 1e6))
        note(f"end {inputs.name}")
        return inputs.name


class Wait(Action):
    """Wait for a file."""

    name = "wait"

    async def run(self, inputs: WorkInputs) -> str:
        note(f"begin {inputs.name}")
        while not os.path.exists(inputs.name):
            await asyncio.sleep(0.01)
        note(f"end {inputs.name}")
        return inputs.name


class Crash(Action):
    """Kill the process."""

    name = "crash"

    async def run(self) -> None:
        note("begin crash")
        os.kill(os.getpid(), signal.SIGKILL)
'''


@dataclass
class Deployment:
    """An application with `ACTIONS` in a folder."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    redis: ThrowAwayRedis | None = None
    postgres: ThrowAwayPostgres | None = None
    rabbitmq: ThrowAwayRabbitmq | None = None
    _running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str, clock: str | None = None) -> subprocess.Popen[str]:
        """Start `actionhero`; its log is appended to the file `log`.

        Args:
            arguments: The arguments of the command line.
            clock: The offset of its clock, in the format of `faketime`, such as `+2m`.
        """
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "actionhero", *arguments],
                cwd=self.folder,
                env={**self._environ(), **shifted_clock(clock)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `actionhero` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "actionhero", *arguments],
            cwd=self.folder,
            env=self._environ(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def enqueue(self, *arguments: str) -> str:
        """Enqueue with the command line, and return the id."""
        process = self.run("enqueue", *arguments)
        assert process.returncode == 0, process.stderr
        return process.stdout.strip()

    @property
    def server(self) -> ThrowAwayRedis | ThrowAwayPostgres | None:
        """The server of the store; `None` for the embedded store."""
        return self.redis or self.postgres

    def store(self) -> JobStore:
        """Open the job store in this process."""
        if self.postgres is not None:
            url = DatabaseUrl.parse(f"{self.postgres.url}/postgres")
            options = connection_options(url.credentials)
            return PostgresStore(options, "sample_app_tasks", result_ttl_ms=3_600_000)
        if self.redis is not None:
            redis_url = self.redis.url
            return RedisStore(
                lambda: redis.Redis.from_url(redis_url),
                "sample_app:{tasks}:",
                result_ttl_ms=3_600_000,
            )
        return SqliteStore(self.folder / ".actionhero" / "tasks", result_ttl_ms=3_600_000)

    def wait_for(self, *words: str) -> None:
        """Wait until the journal has lines that begin with `words`."""
        self.until(lambda: all(any(n.startswith(w) for n in self.journal()) for w in words), words)

    def wait_for_state(self, id: str, state: JobState) -> JobRecord:
        """Wait until a job has a state, and return it."""
        store = self.store()
        try:
            self.until(lambda: getattr(store.find(id), "state", None) is state, f"{id} {state}")
            job = store.find(id)
        finally:
            store.close()
        assert job is not None
        return job

    def status(self, id: str) -> dict[str, Any]:
        """Return the output of `job status`."""
        status: dict[str, Any] = json.loads(
            self.run("job", "status", id, "--format", "json").stdout
        )
        return status

    def until(self, condition: Callable[[], bool], description: object) -> None:
        """Poll until a condition is true."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                log = (self.folder / "log").read_text()
                pytest.fail(f"timed out: {description}\n{self.journal()}\n{log}")
            time.sleep(0.02)

    def journal(self) -> list[str]:
        """Return the lines of the journal."""
        path = self.folder / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def pid_of(self, word: str) -> int:
        """Return the id of the process that wrote the last line that begins with `word`."""
        [*_, line] = [line for line in self.journal() if line.startswith(word)]
        return int(line.rpartition(" ")[2])

    def children(self, process: subprocess.Popen[str]) -> list[int]:
        """Return the ids of the running child processes of a process."""
        try:
            return [child.pid for child in psutil.Process(process.pid).children()]
        except psutil.NoSuchProcess:
            return []

    def close(self) -> None:
        """Kill the running processes."""
        for process in self._running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def _environ(self) -> dict[str, str]:
        plugins = ["tasks"]
        urls = {}
        if self.redis is not None:
            plugins.append("redis")
            urls["REDIS_URL"] = self.redis.url
        if self.postgres is not None:
            plugins.append("db")
            urls["DATABASE_URL"] = f"{self.postgres.url}/postgres"
        return {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "ACTIONHERO_APP__PACKAGE": "sample_app",
            "ACTIONHERO_PLUGINS__ENABLED": ",".join(plugins),
            **urls,
            **(
                {} if self.rabbitmq is None else {"ACTIONHERO_TASKS__BROKER_URL": self.rabbitmq.url}
            ),
            **self.environ,
        }


def shifted_clock(offset: str | None) -> dict[str, str]:
    """Return the variables that shift the clock of a process and of its children."""
    if offset is None:
        return {}
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
        (pytest.fail if in_ci else pytest.skip)("libfaketime is not installed")
    # The monotonic clock is not shifted.
    return {"LD_PRELOAD": str(library), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """An application with the embedded store."""
    (tmp_path / "sample_app.py").write_text(textwrap.dedent(ACTIONS))
    deployment = Deployment(tmp_path)
    yield deployment
    deployment.close()


@pytest.fixture
def redis_deployment(deployment: Deployment) -> Iterator[Deployment]:
    """An application with Redis, which persists every write."""
    with throw_away_redis(options=["--appendfsync", "always"]) as server:
        deployment.redis = server
        yield deployment


@pytest.fixture
def postgres_deployment(deployment: Deployment) -> Iterator[Deployment]:
    """An application with PostgreSQL, which persists every commit."""
    # Of a killed server, not of a machine.
    with throw_away_postgres({"synchronous_commit": "on"}) as server:
        deployment.postgres = server
        yield deployment


@pytest.fixture
def rabbitmq_deployment(
    redis_deployment: Deployment, rabbitmq_server: ThrowAwayRabbitmq
) -> Deployment:
    """An application with Redis and RabbitMQ."""
    redis_deployment.rabbitmq = rabbitmq_server
    return redis_deployment


@pytest.fixture
def rabbitmq_file_deployment(
    deployment: Deployment, rabbitmq_server: ThrowAwayRabbitmq
) -> Deployment:
    """An application with the embedded store and RabbitMQ."""
    deployment.rabbitmq = rabbitmq_server
    return deployment


@pytest.fixture(params=["redis_deployment", "postgres_deployment"], ids=["redis", "postgres"])
def server_deployment(request: pytest.FixtureRequest) -> Deployment:
    """An application with each of the stores that have a server, and a clock of their own."""
    deployment: Deployment = request.getfixturevalue(request.param)
    return deployment


@pytest.fixture(
    params=["deployment", "redis_deployment", "postgres_deployment", "rabbitmq_deployment"],
    ids=["embedded", "redis", "postgres", "rabbitmq"],
)
def each_deployment(request: pytest.FixtureRequest) -> Deployment:
    """An application with each of the stores."""
    deployment: Deployment = request.getfixturevalue(request.param)
    return deployment
