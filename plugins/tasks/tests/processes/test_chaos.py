"""No job is lost while workers are killed, servers are restarted and workers are replaced."""

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

    from actionhero_tasks.stores.store import JobStore

TIMEOUT_SECONDS = 60.0


def jobs_of(count: int, seconds: float) -> list[NewJob]:
    """Return jobs of the action `work`, with different names."""
    jobs = []
    for number in range(count):
        id = new_identifier()
        inputs = {"name": f"n{number}", "seconds": seconds}
        jobs.append(NewJob(id, "default", "work", Envelope("work", inputs).write(id, "default")))
    return jobs


class ChaosTest:
    """Two workers with two processes each, and the jobs that they run.

    Args:
        deployment: The application.
        jobs: The jobs.
    """

    def __init__(self, deployment: Deployment, jobs: list[NewJob]) -> None:
        self.deployment = deployment
        self.jobs = jobs
        self.supervisors = [self.start_worker(), self.start_worker()]
        #: The number of killed processes, whose jobs may run twice.
        self.kills = 0

    def start_worker(self) -> psutil.Process:
        options = ("--processes", "2", "--concurrency", "8")
        return psutil.Process(self.deployment.start("worker", *options).pid)

    def add(self) -> None:
        """Enqueue all jobs, in steps. A step that fails is repeated."""
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
        children = [child for supervisor in self.supervisors for child in supervisor.children()]
        if children:
            os.kill(random.choice(children).pid, signal.SIGKILL)
            self.kills += 1

    def ended(self) -> collections.Counter[str]:
        """Return how often each job has ended."""
        lines = (line.split() for line in self.deployment.journal())
        return collections.Counter(name for word, name, _ in lines if word == "end")


def is_settled(store: JobStore) -> bool:
    """Return whether no job is waiting or running."""
    return not any(c.ready or c.delayed or c.running for c in store.counts())


def run_chaos(
    deployment: Deployment, count: int, seconds: float, rounds: int, pause_seconds: float
) -> None:
    """Run jobs with failures, and assert that each job has ended."""
    chaos = ChaosTest(deployment, jobs_of(count, seconds))
    adding = threading.Thread(target=chaos.add)
    adding.start()
    deployment.until(lambda: len(chaos.ended()) > 0, "the first job has ended")
    for number in range(rounds):
        chaos.kill_one()
        time.sleep(pause_seconds)
        if deployment.server is not None and number % 3 == 1:
            deployment.server.kill()
            time.sleep(0.2)
            deployment.server.start()
        if deployment.rabbitmq is not None and number == 2:
            deployment.rabbitmq.kill()
            deployment.rabbitmq.start()
        if number == rounds // 2:
            old = chaos.supervisors.pop(0)
            chaos.supervisors.append(chaos.start_worker())
            old.terminate()
    adding.join()
    store = deployment.store()
    deployment.until(lambda: is_settled(store), "no job is waiting or running")
    dead = store.jobs(JobState.DEAD)
    store.close()

    # Jobs that were running during three kills are dead-lettered.
    assert all(b"its worker crashed 3 times" in (job.error or b"") for job in dead)
    assert len(dead) <= chaos.kills
    ended = chaos.ended()
    assert len(ended) >= count - len(dead)
    # A killed process ran eight jobs at most; a killed server may have lost the settlements of the
    # 32 jobs of all processes, twice.
    assert sum(ended.values()) - len(ended) <= 8 * chaos.kills + 2 * 32
    for supervisor in chaos.supervisors:
        supervisor.terminate()


@pytest.mark.timeout(300)
def test_no_job_is_lost_with_each_store(each_deployment: Deployment) -> None:
    """A short version: 300 jobs, six kills, two restarts of the server, one replaced worker.

    RabbitMQ is killed too, if it delivers the jobs.
    """
    run_chaos(each_deployment, 300, 0.3, rounds=6, pause_seconds=0.4)


@pytest.mark.timeout(300)
def test_no_job_is_lost_with_sqlite_and_rabbitmq(rabbitmq_file_deployment: Deployment) -> None:
    """The same with the embedded store."""
    run_chaos(rabbitmq_file_deployment, 150, 0.3, rounds=4, pause_seconds=0.4)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_no_job_of_ten_thousand_is_lost(each_deployment: Deployment) -> None:
    """With a kill every three seconds."""
    run_chaos(each_deployment, 10_000, 0.1, rounds=15, pause_seconds=3)
