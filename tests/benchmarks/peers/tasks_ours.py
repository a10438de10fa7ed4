"""An application of ours with jobs, as the manual shows it."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from dramatiq import Middleware
from tests.benchmarks.peers import tasks_work

from actionhero import Action, App, Inputs, RunMode, hookimpl
from actionhero.settings.sources import read_sources
from actionhero_tasks import Tasks


class JobInputs(Inputs):
    """The inputs of a job."""

    number: int
    sent: float | None = None


class Job(Action):
    """Be one small job."""

    name = "job"

    async def run(self, inputs: JobInputs) -> None:
        tasks_work.work(inputs.sent)


class WaitInputs(Inputs):
    """How many of them there are."""

    count: int


class Wait(Action):
    """Be a job that waits."""

    name = "wait"

    async def run(self, inputs: WaitInputs) -> None:
        await tasks_work.wait(inputs.count)


class CountSignals(Middleware):
    """Middleware of dramatiq that counts the signals of jobs."""

    count = 0

    def count_signal(self, *_: Any, **__: Any) -> None:
        """Count a signal."""
        self.count += 1

    before_enqueue = after_enqueue = count_signal
    before_process_message = after_process_message = count_signal
    before_ack = after_ack = count_signal


@hookimpl
def actionhero_tasks_middleware() -> list[Middleware]:
    """Return middleware, if the figure has signals."""
    return [CountSignals()] if "BENCH_SIGNALS" in os.environ else []


_apps: list[App] = []


async def _tasks() -> Tasks:
    if not _apps:
        app = App.load(read_sources(), RunMode.CLI)
        await app.start()
        _apps.append(app)
    return _apps[0].get(Tasks)


async def enqueue(count: int) -> None:
    """Enqueue jobs, one after the other."""
    tasks = await _tasks()
    for number in range(count):
        await tasks.enqueue(Job, {"number": number})


async def enqueue_at_once(count: int, calls: int) -> None:
    """Enqueue jobs by several calls at once."""
    tasks = await _tasks()
    numbers = iter(range(count))

    async def call() -> None:
        for number in numbers:
            await tasks.enqueue(Job, {"number": number})

    await asyncio.gather(*(call() for _ in range(calls)))


async def enqueue_many(count: int) -> None:
    """Enqueue jobs in one step."""
    tasks = await _tasks()
    await tasks.enqueue_many(Job, ({"number": number} for number in range(count)))


async def enqueue_waiting(count: int) -> None:
    """Enqueue jobs that wait."""
    tasks = await _tasks()
    await tasks.enqueue_many(Wait, ({"count": count} for _ in range(count)))


async def ping() -> None:
    """Enqueue a job that records its delay."""
    await (await _tasks()).enqueue(Job, {"number": 0, "sent": time.time()})
