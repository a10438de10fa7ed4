"""Nothing is lost while workers are killed, Redis is restarted and a new version is deployed."""

from __future__ import annotations

import collections
import os
import random
import signal
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from actionhero.identifier import new_identifier
from actionhero_tasks.envelope import Envelope
from actionhero_tasks.job import JobState, NewJob, StoreUnavailable

if TYPE_CHECKING:
    from plugins.tasks.tests.processes.conftest import Deployment

    from actionhero_tasks.store import JobStore

TIMEOUT_SECONDS = 60.0


def jobs_of(count: int, seconds: float) -> list[NewJob]:
    """Return jobs of the action `work`, each with a name of its own."""
    made = []
    for number in range(count):
        id = new_identifier()
        inputs = {"name": f"n{number}", "seconds": seconds}
        made.append(NewJob(id, "default", "work", Envelope("work", inputs).write(id, "default")))
    return made


class Storm:
    """Workers, and what happens to them.

    Args:
        deployment: Where they run.
        jobs: What they are to do.
    """

    def __init__(self, deployment: Deployment, jobs: list[NewJob]) -> None:
        self.deployment = deployment
        self.jobs = jobs
        self.parents = [self.deploy(), self.deploy()]
        #: Runs that may have been done twice: those that were under way at a kill.
        self.kills = 0

    def deploy(self) -> psutil.Process:
        options = ("--processes", "2", "--concurrency", "8")
        return psutil.Process(self.deployment.start("worker", *options).pid)

    def add(self) -> None:
        """Enqueue all, a few at a time; one that is not answered is asked for again."""
        store = self.deployment.store()
        for start in range(0, len(self.jobs), 20):
            while True:
                try:
                    store.add(self.jobs[start : start + 20])
                except StoreUnavailable:
                    time.sleep(0.05)
                else:
                    break
            time.sleep(0.05)
        store.close()

    def kill_one(self) -> None:
        """Kill a worker process."""
        children = [child for parent in self.parents for child in parent.children()]
        if children:
            os.kill(random.choice(children).pid, signal.SIGKILL)
            self.kills += 1

    def new_settlement(self) -> collections.Counter[str]:
        """Return how often each job came to its end."""
        lines = (line.split() for line in self.deployment.journal())
        return collections.Counter(name for word, name, _ in lines if word == "end")


def is_settled(store: JobStore) -> bool:
    """Whether no job waits, and none runs."""
    return not any(c.ready or c.delayed or c.running for c in store.counts())


def weather(deployment: Deployment, count: int, seconds: float, rounds: int, pause_seconds: float) -> None:
    """Let a storm pass over `count` jobs of some seconds, and look what is left."""
    storm = Storm(deployment, jobs_of(count, seconds))
    adding = threading.Thread(target=storm.add)
    adding.start()
    deployment.until(lambda: len(storm.new_settlement()) > 0, "the first job has ended")
    for number in range(rounds):
        storm.kill_one()
        time.sleep(pause_seconds)
        if deployment.redis is not None and number % 3 == 1:
            deployment.redis.kill()
            time.sleep(0.2)
            deployment.redis.start()
        if deployment.rabbitmq is not None and number == 2:
            deployment.rabbitmq.kill()
            deployment.rabbitmq.start()
        if number == rounds // 2:
            old = storm.parents.pop(0)
            storm.parents.append(storm.deploy())
            old.terminate()
    adding.join()
    store = deployment.store()
    deployment.until(lambda: is_settled(store), "nothing waits, and nothing runs")
    dead = store.jobs(JobState.DEAD)
    store.close()

    # Whose workers were killed three times is no exception: somebody has to look at it.
    assert all(b"its worker ended 3 times" in (job.error or b"") for job in dead)
    assert len(dead) <= storm.kills
    ended = storm.new_settlement()
    assert len(ended) >= count - len(dead)
    # Each process ran eight at most when it was killed, and Redis twice knew less than all four.
    assert sum(ended.values()) - len(ended) <= 8 * storm.kills + 2 * 32
    for parent in storm.parents:
        parent.terminate()


@pytest.mark.timeout(300)
def test_nothing_is_lost_in_a_storm(each_deployment: Deployment) -> None:
    """A short one: three hundred jobs, six kills, two restarts, one deploy.

    RabbitMQ, where jobs wait there, is killed too.
    """
    weather(each_deployment, 300, 0.3, rounds=6, pause_seconds=0.4)


@pytest.mark.timeout(300)
def test_nothing_is_lost_in_a_storm_with_a_file_and_rabbitmq(
    rabbitmq_file_deployment: Deployment,
) -> None:
    """The same, with the jobs of one machine in a file."""
    weather(rabbitmq_file_deployment, 150, 0.3, rounds=4, pause_seconds=0.4)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_nothing_is_lost_in_a_long_storm(each_deployment: Deployment) -> None:
    """Ten thousand jobs, and a kill every three seconds."""
    weather(each_deployment, 10_000, 0.1, rounds=15, pause_seconds=3)
