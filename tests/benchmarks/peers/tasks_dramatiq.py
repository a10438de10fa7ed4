"""dramatiq, as its manual shows it."""

from __future__ import annotations

import os
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from tests.benchmarks.peers import tasks_work

broker = RedisBroker(url=os.environ["REDIS_URL"])
dramatiq.set_broker(broker)


@dramatiq.actor
def job(number: int, sent: float | None = None) -> None:
    """Be one small job."""
    tasks_work.work(sent)


async def enqueue(count: int) -> None:
    """Enqueue jobs, one after the other."""
    for number in range(count):
        job.send(number)


async def ping() -> None:
    """Enqueue a job that records its delay."""
    job.send(0, time.time())
