"""Celery, as its manual shows it, without results."""

from __future__ import annotations

import os

from celery import Celery  # type: ignore[import-untyped]
from tests.benchmarks.peers import tasks_work

app = Celery("bench", broker=os.environ["REDIS_URL"])
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


@app.task  # type: ignore[untyped-decorator]
def job(number: int) -> None:
    """Be one small job."""
    tasks_work.work()


async def enqueue(count: int) -> None:
    """Enqueue jobs, one after the other."""
    for number in range(count):
        job.delay(number)
