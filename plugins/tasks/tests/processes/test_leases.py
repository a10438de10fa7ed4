"""Leases of workers that crash, hang, or have a wrong clock."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from actionhero_tasks.job import JobState

if TYPE_CHECKING:
    import subprocess

    from plugins.tasks.tests.processes.conftest import Deployment

#: Longer than every lease and timeout.
LONG_SECONDS = 60


def starts_of(deployment: Deployment, name: str) -> list[str]:
    return [line for line in deployment.journal() if line.startswith(f"begin {name} ")]


def wait_for_another_worker(deployment: Deployment) -> None:
    """Run a job on another worker, which sweeps before it claims the job."""
    deployment.wait_for_state(deployment.enqueue("work", "--name", "other"), JobState.DONE)


def stop_all(*workers: subprocess.Popen[str]) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        assert worker.wait() == 0


def hold_gil(deployment: Deployment, seconds: float) -> None:
    """Run a job that holds the GIL while another worker claims jobs."""
    first = deployment.start("worker")
    id = deployment.enqueue("hold-gil", "--name", "slow", "--seconds", str(seconds))
    deployment.wait_for("begin slow")
    second = deployment.start("worker")
    wait_for_another_worker(deployment)
    deployment.until(lambda: "end slow" in " ".join(deployment.journal()), "the job has ended")

    job = deployment.wait_for_state(id, JobState.DONE)
    stop_all(first, second)

    assert len(starts_of(deployment, "slow")) == 1
    assert job.attempts == 0


def test_a_job_that_holds_the_gil_keeps_its_lease(each_deployment: Deployment) -> None:
    """A short version: its supervisor sends heartbeats, or its process has a file lock."""
    hold_gil(each_deployment, 4)


def test_workers_with_wrong_clocks_reassign_no_jobs(server_deployment: Deployment) -> None:
    """Minutes before and after the true time; the clock of the store is used."""
    deployment = server_deployment
    workers = [deployment.start("worker", clock="+120s")]
    first = deployment.enqueue("wait", "--name", "go")
    deployment.wait_for("begin go")
    workers += [
        deployment.start("worker", clock="-120s"),
        deployment.start("worker", clock="+240s"),
    ]
    deployment.until(
        lambda: (deployment.folder / "log").read_text().count("running jobs") == 3,
        "all workers run",
    )
    delayed = deployment.enqueue("--delay", "3600", "work", "--name", "later")
    # Each worker sweeps once a second.
    time.sleep(3)
    (deployment.folder / "go").touch()

    job = deployment.wait_for_state(first, JobState.DONE)
    later = deployment.wait_for_state(delayed, JobState.DELAYED)
    stop_all(*workers)

    assert job.attempts == 0
    assert len(starts_of(deployment, "go")) == 1
    assert later.started_ms is None


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_job_that_holds_the_gil_for_a_minute_keeps_its_lease(
    each_deployment: Deployment,
) -> None:
    """Six times the duration of a lease."""
    hold_gil(each_deployment, LONG_SECONDS)


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_worker_suspended_for_a_minute_keeps_its_job(each_deployment: Deployment) -> None:
    """As long as its supervisor is alive, or its file lock."""
    deployment = each_deployment
    first = deployment.start("worker")
    id = deployment.enqueue("wait", "--name", "go")
    deployment.wait_for("begin go")
    stopped = deployment.pid_of("begin go")
    os.kill(stopped, signal.SIGSTOP)
    second = deployment.start("worker")
    until = time.monotonic() + LONG_SECONDS
    while time.monotonic() < until:
        wait_for_another_worker(deployment)
        time.sleep(1)
    (deployment.folder / "go").touch()
    os.kill(stopped, signal.SIGCONT)

    job = deployment.wait_for_state(id, JobState.DONE)
    stop_all(first, second)

    assert len(starts_of(deployment, "go")) == 1
    assert job.attempts == 0


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_suspended_machine_loses_its_job_and_its_settlement_is_rejected(
    server_deployment: Deployment,
) -> None:
    """It cannot be distinguished from one that has failed."""
    deployment = server_deployment
    first = deployment.start("worker")
    id = deployment.enqueue("wait", "--name", "go")
    deployment.wait_for("begin go")
    lost = deployment.pid_of("begin go")
    os.killpg(first.pid, signal.SIGSTOP)
    second = deployment.start("worker")
    deployment.until(lambda: len(starts_of(deployment, "go")) == 2, "the job was reassigned")
    (deployment.folder / "go").touch()
    deployment.wait_for_state(id, JobState.DONE)
    time.sleep(LONG_SECONDS - 20)
    os.killpg(first.pid, signal.SIGCONT)
    deployment.until(
        lambda: f"end go {lost}" in deployment.journal(), "the first run has ended too"
    )
    warning = f"job {id} finished after its lease was reassigned; result discarded"
    deployment.until(lambda: warning in (deployment.folder / "log").read_text(), "rejected")

    job = deployment.wait_for_state(id, JobState.DONE)
    stop_all(first, second)

    assert job.attempts == 0
    assert len(starts_of(deployment, "go")) == 2


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_the_job_of_a_failed_machine_is_reassigned_within_fifteen_seconds(
    each_deployment: Deployment,
) -> None:
    """The slowest of twenty."""
    deployment = each_deployment
    workers = [deployment.start("worker"), deployment.start("worker")]
    durations = []
    for number in range(20):
        name = f"go-{number}"
        id = deployment.enqueue("wait", "--name", name)
        deployment.wait_for(f"begin {name} ")
        pid = deployment.pid_of(f"begin {name} ")
        victim = next(worker for worker in workers if pid in deployment.children(worker))
        start = time.monotonic()
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
        deployment.until(lambda: len(starts_of(deployment, name)) == 2, "reassigned")  # noqa: B023 - called at once
        durations.append(time.monotonic() - start)
        (deployment.folder / name).touch()
        deployment.wait_for_state(id, JobState.DONE)
        workers.remove(victim)
        workers.append(deployment.start("worker"))

    print(f"reassigned after {sorted(durations)[10]:.1f} s, {max(durations):.1f} s at most")
    assert max(durations) <= 15
