"""A folder with an application, and the command line in processes of their own."""

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

from actionhero_redis.testing import throw_away_redis
from actionhero_tasks.brokered_store import BrokeredStore
from actionhero_tasks.rabbitmq_message_broker import RabbitmqMessageBroker
from actionhero_tasks.redis_store import RedisStore
from actionhero_tasks.sqlite_store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actionhero_redis.testing import ThrowAwayRedis
    from actionhero_tasks.job import JobState
    from actionhero_tasks.store import JobStore
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
    """Write a line that is whole, whoever writes beside us."""
    file = os.open("journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{word} {os.getpid()}\\n".encode())
    os.close(file)


class WorkInputs(Inputs):
    name: str = "x"
    seconds: float = 0.0


class Work(Action):
    """Take a while, without keeping others from it."""

    name = "work"

    async def run(self, inputs: WorkInputs) -> str:
        note(f"begin {inputs.name}")
        await asyncio.sleep(inputs.seconds)
        note(f"end {inputs.name}")
        return inputs.name


class Hold(Action):
    """Keep the whole interpreter."""

    name = "hold"

    async def run(self, inputs: WorkInputs) -> str:
        note(f"begin {inputs.name}")
        time.sleep(inputs.seconds)
        note(f"end {inputs.name}")
        return inputs.name


class Seize(Action):
    """Keep the whole interpreter from C, so that no other thread of it runs."""

    name = "seize"

    async def run(self, inputs: WorkInputs) -> str:
        note(f"begin {inputs.name}")
        ctypes.PyDLL(None).usleep(int(inputs.seconds * 1e6))
        note(f"end {inputs.name}")
        return inputs.name


class Wait(Action):
    """Go on when a file is there."""

    name = "wait"

    async def run(self, inputs: WorkInputs) -> str:
        note(f"begin {inputs.name}")
        while not os.path.exists(inputs.name):
            await asyncio.sleep(0.01)
        note(f"end {inputs.name}")
        return inputs.name


class Poison(Action):
    """End the process."""

    name = "poison"

    async def run(self) -> None:
        note("begin poison")
        os.kill(os.getpid(), signal.SIGKILL)
'''


@dataclass
class Deployment:
    """A folder with an application whose actions are `ACTIONS`."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    redis: ThrowAwayRedis | None = None
    rabbitmq: ThrowAwayRabbitmq | None = None
    _running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str, clock: str | None = None) -> subprocess.Popen[str]:
        """Start `actionhero` with arguments; its log is in `log`.

        Args:
            arguments: What follows the name of the program.
            clock: How wrong its clock is, as `faketime` has it, such as `+2m`.
        """
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "actionhero", *arguments],
                cwd=self.folder,
                env={**self._environ(), **wrong_clock(clock)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `actionhero` with arguments to its end."""
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
        """Enqueue by the command line, and return the id."""
        ended = self.run("enqueue", *arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def store(self) -> JobStore:
        """Open the store of jobs, as another process."""
        store = self._inner_store()
        outbox = store.outbox()
        if self.rabbitmq is None or outbox is None:
            return store
        return BrokeredStore(store, outbox, RabbitmqMessageBroker(self.rabbitmq.url, "127.0.0.1"))

    def _inner_store(self) -> JobStore:
        if self.redis is not None:
            url = self.redis.url
            return RedisStore(
                lambda: redis.Redis.from_url(url), "works:{tasks}:", result_ttl_ms=3_600_000
            )
        return SqliteStore(self.folder / ".actionhero" / "tasks", result_ttl_ms=3_600_000)

    def wait_for(self, *words: str) -> None:
        """Wait until the journal has lines that begin with `words`."""
        self.until(lambda: all(any(n.startswith(w) for n in self.journal()) for w in words), words)

    def wait_for_state(self, id: str, state: JobState) -> dict[str, Any]:
        """Wait until a job has a state; return what `job status` says of it."""
        store = self.store()
        try:
            self.until(lambda: getattr(store.find(id), "state", None) is state, f"{id} {state}")
        finally:
            store.close()
        told: dict[str, Any] = json.loads(self.run("job", "status", id, "--format", "json").stdout)
        return told

    def until(self, is_so: Callable[[], bool], what: object) -> None:
        """Wait until something is so that another process does, and does not tell."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not is_so():
            if time.monotonic() > deadline:
                log = (self.folder / "log").read_text()
                pytest.fail(f"never: {what}\n{self.journal()}\n{log}")
            time.sleep(0.02)

    def journal(self) -> list[str]:
        """Return the lines that actions have written."""
        path = self.folder / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def pid_of(self, word: str) -> int:
        """Return the process that wrote the last line that begins with `word`."""
        [*_, line] = [line for line in self.journal() if line.startswith(word)]
        return int(line.rpartition(" ")[2])

    def time_of(self, id: str) -> int:
        """Return the whole second in which a job was made, in milliseconds."""
        store = self.store()
        record = store.find(id)
        store.close()
        assert record is not None
        return record.created_ms // 1000 * 1000

    def children(self, process: subprocess.Popen[str]) -> list[int]:
        """Return the processes that a process has started and that are there."""
        try:
            return [child.pid for child in psutil.Process(process.pid).children()]
        except psutil.NoSuchProcess:
            return []

    def close(self) -> None:
        """End what still runs."""
        for process in self._running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def _environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "ACTIONHERO_APP__PACKAGE": "works",
            "ACTIONHERO_PLUGINS__ENABLED": "tasks" if self.redis is None else "tasks,redis",
            **({} if self.redis is None else {"REDIS_URL": self.redis.url}),
            **(
                {} if self.rabbitmq is None else {"ACTIONHERO_TASKS__BROKER_URL": self.rabbitmq.url}
            ),
            **self.environ,
        }


def wrong_clock(wrong: str | None) -> dict[str, str]:
    """Return the variables with which a process, and those that it starts, has a wrong clock."""
    if wrong is None:
        return {}
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
        (pytest.fail if in_ci else pytest.skip)("libfaketime is not installed")
    # Whatever is measured from one moment to another is still right.
    return {"LD_PRELOAD": str(library), "FAKETIME": wrong, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """Give an application in a folder; whatever was started there is ended."""
    (tmp_path / "works.py").write_text(textwrap.dedent(ACTIONS))
    deployment = Deployment(tmp_path)
    yield deployment
    deployment.close()


@pytest.fixture
def redis_deployment(deployment: Deployment) -> Iterator[Deployment]:
    """Give the same, with its jobs in a Redis that forgets nothing."""
    with throw_away_redis(options=["--appendfsync", "always"]) as server:
        deployment.redis = server
        yield deployment


@pytest.fixture
def rabbitmq_deployment(redis_deployment: Deployment, rabbitmq_server: ThrowAwayRabbitmq) -> Deployment:
    """Give the same, and its jobs wait in RabbitMQ."""
    redis_deployment.rabbitmq = rabbitmq_server
    return redis_deployment


@pytest.fixture
def rabbitmq_file_deployment(deployment: Deployment, rabbitmq_server: ThrowAwayRabbitmq) -> Deployment:
    """Give a deployment with its jobs in a file, that wait in RabbitMQ."""
    deployment.rabbitmq = rabbitmq_server
    return deployment


@pytest.fixture(
    params=["deployment", "redis_deployment", "rabbitmq_deployment"], ids=["embedded", "redis", "rabbitmq"]
)
def each_deployment(request: pytest.FixtureRequest) -> Deployment:
    """Give a deployment with each of the stores, one after the other."""
    deployment: Deployment = request.getfixturevalue(request.param)
    return deployment
