"""`WorkerSupervisor`: the replacement of worker processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import LifecycleError, RunMode
from actionhero.cli import EXIT_UNAVAILABLE
from actionhero.transport import Backoff
from actionhero_tasks.worker.heartbeats import READY
from actionhero_tasks.worker.supervisor import WorkerSupervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero.testing import RunningApp

pytestmark = pytest.mark.usefixtures("limit")


class FakeProcess:
    """A process that has ended with exit code 1."""

    pid = 1
    returncode = 1

    async def wait(self) -> int:
        return self.returncode


class FakeSupervisor(WorkerSupervisor):
    """Starts fake processes, and stops after a number of them.

    Args:
        app: The application.
        ready: The number of processes, from the first, that are ready before they end.
        total: The number of processes.
    """

    def __init__(self, app: RunningApp, *, ready: int, total: int) -> None:
        super().__init__(app.app)
        self._restart_backoff = Backoff(0, 0)
        self.ready = ready
        self.total = total
        self.started = 0

    async def _start(self, worker_id: str, write_end: int) -> Any:
        self.started += 1
        if self.started <= self.ready:
            os.write(write_end, READY)
        if self.started == self.total:
            self._stopping.set()
        return FakeProcess()


async def test_processes_are_replaced_after_any_number_of_failed_starts(
    tasks_app: Callable[..., Any],
) -> None:
    """As in a long outage of a service that they require."""
    async with tasks_app(mode=RunMode.CLI) as app:
        supervisor = FakeSupervisor(app, ready=1, total=1_100)
        code = await supervisor._run()

    assert (code, supervisor.started) == (0, 1_100)


async def test_failed_starts_are_an_error_if_no_process_was_ever_ready(
    tasks_app: Callable[..., Any],
) -> None:
    """After three of them."""
    async with tasks_app(mode=RunMode.CLI) as app:
        supervisor = FakeSupervisor(app, ready=0, total=1_100)
        with pytest.raises(LifecycleError, match="3 workers in a row ended before they were ready"):
            await supervisor._run()

    assert supervisor.started == 3


def identity(descriptor: int) -> tuple[int, int]:
    """Return device and number of an open file."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def open_files() -> set[tuple[int, int]]:
    """Return the identities of all open files of this process."""
    files = set()
    for descriptor in range(1024):
        with contextlib.suppress(OSError):
            files.add(identity(descriptor))
    return files


class FailingSupervisor(WorkerSupervisor):
    """Cannot start a process, as if the machine had no memory for it."""

    #: The device and the number of the pipe.
    pipe: tuple[int, int]

    async def _start(self, worker_id: str, write_end: int) -> Any:
        self.pipe = identity(write_end)
        raise OSError("Cannot allocate memory")


async def test_a_process_that_cannot_be_started_leaves_no_open_pipe(
    tasks_app: Callable[..., Any],
) -> None:
    """The error is raised, and both ends of the pipe for its heartbeats are closed."""
    async with tasks_app(mode=RunMode.CLI) as app:
        supervisor = FailingSupervisor(app.app)
        with pytest.raises(OSError, match="Cannot allocate memory"):
            await supervisor._run()

    assert supervisor.pipe not in open_files()


class RunningProcess:
    """A process that runs until a signal."""

    pid = 2

    def __init__(self) -> None:
        self.returncode: int | None = None
        self.was_killed = False
        self._ended = asyncio.Event()

    async def wait(self) -> int | None:
        await self._ended.wait()
        return self.returncode

    def terminate(self) -> None:
        self.returncode = 0
        self._ended.set()

    def kill(self) -> None:
        self.was_killed = True
        self.terminate()


class UnavailableProcess(FakeProcess):
    """A process that has ended because a service is unavailable."""

    returncode = EXIT_UNAVAILABLE


class ScriptedSupervisor(WorkerSupervisor):
    """Starts processes in order, and stops after the last one.

    Args:
        app: The application.
        ready: Whether the first process is ready.
        processes: The processes, or the errors of their start.
    """

    def __init__(self, app: RunningApp, *processes: Any, ready: bool) -> None:
        super().__init__(app.app)
        self._restart_backoff = Backoff(0, 0)
        self._ready = ready
        self._processes = list(processes)

    async def _start(self, worker_id: str, write_end: int) -> Any:
        if self._ready:
            os.write(write_end, READY)
            self._ready = False
        process = self._processes.pop(0)
        if not self._processes:
            self._stopping.set()
        if isinstance(process, OSError):
            raise process
        return process


async def test_a_failed_start_does_not_affect_ready_processes(
    tasks_app: Callable[..., Any],
) -> None:
    """It is repeated, although no process has been ready and has ended."""
    async with tasks_app(mode=RunMode.CLI, processes=2) as app:
        running = RunningProcess()
        processes = [running, UnavailableProcess(), *[FakeProcess() for _ in range(5)]]
        supervisor = ScriptedSupervisor(app, *processes, ready=True)
        code = await supervisor._run()

    assert code == 0
    assert supervisor._processes == []
    assert not running.was_killed


async def test_other_processes_are_terminated_if_a_first_start_fails(
    tasks_app: Callable[..., Any],
) -> None:
    """And the exit code is that of the process."""
    async with tasks_app(mode=RunMode.CLI, processes=2) as app:
        starting = RunningProcess()
        supervisor = ScriptedSupervisor(
            app, starting, UnavailableProcess(), FakeProcess(), ready=False
        )
        code = await supervisor._run()

    assert code == EXIT_UNAVAILABLE
    assert len(supervisor._processes) == 1
    assert not starting.was_killed


async def test_a_start_that_the_machine_refuses_is_repeated(
    tasks_app: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Once a process has been ready."""
    errors = [OSError("Cannot allocate memory") for _ in range(5)]
    async with tasks_app(mode=RunMode.CLI) as app:
        supervisor = ScriptedSupervisor(app, FakeProcess(), *errors, FakeProcess(), ready=True)
        code = await supervisor._run()

    assert code == 0
    assert supervisor._processes == []
    assert caplog.messages.count(
        "a worker process could not be started: Cannot allocate memory"
    ) == len(errors)
