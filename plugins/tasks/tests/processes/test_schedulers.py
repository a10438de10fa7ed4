"""Several schedulers, each killed in turn, with clocks minutes apart, make one run of each time."""

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

#: How wrong the clocks of the three schedulers are, where the store has one of its own.
CLOCKS = ("-3m", "+2m", "+7m")


def ticking(deployment: Deployment, every_seconds: int, ticks: int, kills: int) -> list[JobRecord]:
    """Let three schedulers run, kill one after the other, and return the jobs that ran.

    Args:
        deployment: Where they run.
        every_seconds: How far apart two times are.
        ticks: For how many times.
        kills: How many schedulers are killed meanwhile.
    """
    (deployment.folder / "works.py").write_text(TICKING)
    deployment.environ["EVERY_SECONDS"] = str(every_seconds)
    worker = deployment.start("worker")
    # The clock of a file is that of its machine, and there is one.
    clocks = CLOCKS if deployment.redis is not None else (None,) * 3
    schedulers: list[tuple[str | None, subprocess.Popen[str]]] = [
        (clock, deployment.start("scheduler", clock=clock)) for clock in clocks
    ]
    for number in range(1, kills + 1):
        deployment.until(lambda: len(deployment.journal()) >= number * ticks // (kills + 1), "a tick")  # noqa: B023 - now
        clock, victim = schedulers.pop(0)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        schedulers.append((clock, deployment.start("scheduler", clock=clock)))
    deployment.until(lambda: len(deployment.journal()) >= ticks, "enough ticks")
    for _, scheduler in schedulers:
        scheduler.terminate()
        assert scheduler.wait() == 0
    store = deployment.store()
    deployment.until(lambda: store.counts() == [], "all have run")
    ran = [store.find(line.split()[1]) for line in deployment.journal()]
    store.close()
    worker.terminate()
    assert worker.wait() == 0

    assert not re.search("Traceback|ERROR", (deployment.folder / "log").read_text())
    found = [job for job in ran if job is not None]
    assert len(found) == len(ran)
    return found


def times_of(jobs: list[JobRecord]) -> list[int]:
    """Return the time that each job is for, in seconds since the epoch."""
    times = [datetime.fromisoformat((job.key or "").partition("@")[2]) for job in jobs]
    return sorted(int(time.timestamp()) for time in times)


def test_a_time_is_run_once_though_schedulers_are_killed(each_deployment: Deployment) -> None:
    """A short form: each of three is killed once, and there is no time left out."""
    times = times_of(ticking(each_deployment, every_seconds=1, ticks=6, kills=3))

    assert times == list(range(times[0], times[0] + len(times)))
    assert len(times) >= 6


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_hundred_times_are_run_once_each(each_deployment: Deployment) -> None:
    """All of a hundred, each once, and none later than five seconds."""
    jobs = ticking(each_deployment, every_seconds=2, ticks=100, kills=12)
    times = times_of(jobs)
    late_ms = [
        (job.started_ms or 0) - time * 1000
        for job, time in zip(sorted(jobs, key=lambda job: job.key or ""), times, strict=True)
    ]

    print(f"{len(jobs)} runs, the latest {max(late_ms)} ms after its time")
    assert times == list(range(times[0], times[0] + 2 * len(times), 2))
    assert len(jobs) >= 100
    assert max(late_ms) <= 5000
