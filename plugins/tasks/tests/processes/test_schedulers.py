"""Schedulers that are killed in turn, with clocks minutes apart, enqueue each time once."""

from __future__ import annotations

import re
import signal
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess

    from plugins.tasks.tests.processes.conftest import Deployment

    from actionhero_tasks.job import JobRecord

TICKING = '''
import os
from datetime import timedelta

from actionhero import Action, Call


class Tick(Action):
    """Recur."""

    name = "tick"
    task = {"every": timedelta(seconds=int(os.environ["EVERY_SECONDS"])), "overlap": True}

    async def run(self, call: Call) -> None:
        file = os.open("journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"tick {call.connection.id}\\n".encode())
        os.close(file)
'''

#: The clock offsets of the three schedulers, if the store has its own clock.
CLOCKS = ("-3m", "+2m", "+7m")


def start_scheduler(deployment: Deployment, clock: str | None) -> subprocess.Popen[str]:
    """Start a scheduler, and wait until it runs: without any, times would be missed."""
    log = deployment.folder / "log"
    count = log.read_text().count("scheduling tick")
    process = deployment.start("scheduler", clock=clock)
    deployment.until(lambda: log.read_text().count("scheduling tick") > count, "it runs")
    return process


def run_schedulers(
    deployment: Deployment, every_seconds: int, times: int, kills: int
) -> list[JobRecord]:
    """Run three schedulers, kill one after the other, and return the jobs that ran.

    Args:
        deployment: The application.
        every_seconds: The interval between two times.
        times: The number of times.
        kills: The number of schedulers to kill.
    """
    (deployment.folder / "sample_app.py").write_text(TICKING)
    deployment.environ["EVERY_SECONDS"] = str(every_seconds)
    worker = deployment.start("worker")
    # The embedded store uses the clock of the machine.
    clocks = CLOCKS if deployment.server is not None else (None,) * 3
    schedulers = [(clock, start_scheduler(deployment, clock)) for clock in clocks]
    for number in range(1, kills + 1):
        count = number * times // (kills + 1)
        deployment.until(lambda: len(deployment.journal()) >= count, f"{count} runs")  # noqa: B023 - called at once
        clock, victim = schedulers.pop(0)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        schedulers.append((clock, start_scheduler(deployment, clock)))
    deployment.until(lambda: len(deployment.journal()) >= times, f"{times} runs")
    for _, scheduler in schedulers:
        scheduler.terminate()
        assert scheduler.wait() == 0
    store = deployment.store()
    deployment.until(lambda: store.counts() == [], "all jobs have run")
    records = [store.find(line.split()[1]) for line in deployment.journal()]
    store.close()
    worker.terminate()
    assert worker.wait() == 0

    assert not re.search("Traceback|ERROR", (deployment.folder / "log").read_text())
    jobs = [record for record in records if record is not None]
    assert len(jobs) == len(records)
    return jobs


def times_of(jobs: list[JobRecord]) -> list[int]:
    """Return the scheduled time of each job, in seconds since the epoch."""
    times = [datetime.fromisoformat((job.key or "").partition("@")[2]) for job in jobs]
    return sorted(int(time.timestamp()) for time in times)


def test_each_time_runs_once_despite_killed_schedulers(each_deployment: Deployment) -> None:
    """A short version: each scheduler is killed once, and no time is missing."""
    times = times_of(run_schedulers(each_deployment, every_seconds=1, times=6, kills=3))

    assert times == list(range(times[0], times[0] + len(times)))
    assert len(times) >= 6


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_hundred_times_run_once_each(each_deployment: Deployment) -> None:
    """At most five seconds late."""
    jobs = run_schedulers(each_deployment, every_seconds=2, times=100, kills=12)
    times = times_of(jobs)
    late_ms = [
        (job.started_ms or 0) - time * 1000
        for job, time in zip(sorted(jobs, key=lambda job: job.key or ""), times, strict=True)
    ]

    print(f"{len(jobs)} runs, at most {max(late_ms)} ms late")
    assert times == list(range(times[0], times[0] + 2 * len(times), 2))
    assert len(jobs) >= 100
    assert max(late_ms) <= 5000
