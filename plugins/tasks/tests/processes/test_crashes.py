"""Jobs of processes that are killed, suspended or stopped."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from actionhero.identifier import new_identifier
from actionhero_tasks.envelope import Envelope
from actionhero_tasks.job import JobState, NewJob

if TYPE_CHECKING:
    from plugins.tasks.tests.processes.conftest import Deployment

    from actionhero_tasks.job import JobRecord

# The first test with RabbitMQ starts it, which takes most of a minute on a loaded machine.
pytestmark = pytest.mark.timeout(240)


def job_for(action: str, **inputs: object) -> NewJob:
    """Return a job of an action, as `Tasks.enqueue` creates it."""
    id = new_identifier()
    return NewJob(id, "default", action, Envelope(action, inputs).write(id, "default"))


def test_a_killed_server_runs_all_jobs_after_a_restart(deployment: Deployment) -> None:
    """Running and waiting jobs."""
    names = [f"job-{number}" for number in range(6)]
    server = deployment.start("--set", "tasks.concurrency=2", "start")
    ids = [deployment.enqueue("wait", "--name", name) for name in names]
    deployment.wait_for("begin job-0", "begin job-1")
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    for name in names:
        (deployment.folder / name).touch()

    deployment.start("start")

    for id, name in zip(ids, names, strict=True):
        deployment.wait_for_state(id, JobState.DONE)
        assert deployment.run("job", "result", id).stdout.strip() == f'"{name}"'
    ended = [line.rpartition(" ")[0] for line in deployment.journal() if line.startswith("end")]
    assert sorted(ended) == [f"end {name}" for name in names]


def test_a_killed_worker_process_is_replaced_and_its_job_runs_again(
    each_deployment: Deployment,
) -> None:
    """At once, by its supervisor."""
    deployment = each_deployment
    parent = deployment.start("worker")
    id = deployment.enqueue("wait", "--name", "go")
    deployment.wait_for("begin go")
    first = deployment.pid_of("begin go")
    os.kill(first, signal.SIGKILL)

    deployment.until(lambda: len(deployment.journal()) == 2, "the job has started again")
    (deployment.folder / "go").touch()
    job = deployment.wait_for_state(id, JobState.DONE)
    parent.terminate()

    assert parent.wait() == 0
    assert deployment.pid_of("begin go") != first
    assert job.attempts == 0


def test_a_job_that_crashes_its_workers_is_dead_lettered_and_others_run(
    each_deployment: Deployment,
) -> None:
    """After three crashes. Jobs that ran beside it are done."""
    deployment = each_deployment
    parent = deployment.start("worker")
    crashing = deployment.enqueue("crash")
    others = [deployment.enqueue("work", "--name", f"n{n}", "--seconds", "0.1") for n in range(3)]

    deployment.wait_for_state(crashing, JobState.DEAD)
    status = deployment.status(crashing)
    for id in others:
        deployment.wait_for_state(id, JobState.DONE)
    parent.terminate()

    assert parent.wait() == 0
    assert status["error"]["message"] == "its worker crashed 3 times while it ran"
    assert len([line for line in deployment.journal() if line.startswith("begin crash")]) == 3


def test_a_stopping_worker_finishes_running_jobs_and_claims_no_more(
    each_deployment: Deployment,
) -> None:
    """Eight jobs run, thirty-two remain ready, and no job runs twice."""
    deployment = each_deployment
    deployment.environ["ACTIONHERO_TASKS__CONCURRENCY"] = "8"
    store = deployment.store()
    jobs = [job_for("wait", name="go") for _ in range(40)]
    store.add(jobs)
    parent = deployment.start("worker")
    deployment.until(lambda: len(deployment.journal()) == 8, "eight jobs have started")

    parent.terminate()
    log = deployment.folder / "log"
    deployment.until(lambda: "stopping on SIGTERM" in log.read_text(), "the worker is stopping")
    (deployment.folder / "go").touch()

    assert parent.wait() == 0
    done, waiting = store.jobs(JobState.DONE), store.jobs(JobState.READY)
    store.close()
    assert (len(done), len(waiting)) == (8, 32)
    assert all(job.started_ms is None and job.deliveries == 0 for job in waiting)
    assert sorted(line.split()[0] for line in deployment.journal()) == ["begin"] * 8 + ["end"] * 8


def test_a_job_that_exceeds_the_grace_time_returns_to_the_queue(
    each_deployment: Deployment,
) -> None:
    """It is ready when the process has ended, and its delivery is not counted."""
    deployment = each_deployment
    deployment.environ["ACTIONHERO_PROCESS__SHUTDOWN_TIMEOUT"] = "0"
    parent = deployment.start("worker")
    id = deployment.enqueue("wait", "--name", "never")
    deployment.wait_for("begin never")

    parent.terminate()

    assert parent.wait() == 0
    assert deployment.wait_for_state(id, JobState.READY).attempts == 0
    store = deployment.store()
    record = store.find(id)
    store.close()
    assert record is not None
    assert record.deliveries == 0


def record_of(deployment: Deployment, id: str) -> JobRecord:
    store = deployment.store()
    try:
        record = store.find(id)
    finally:
        store.close()
    assert record is not None
    return record


#: Signals do not interrupt it.
SPIN = """

import itertools


class Spin(Action):
    name = "spin"

    async def run(self) -> int:
        note("begin x")
        return sum(itertools.repeat(1, 10**12))
"""


@pytest.mark.parametrize(
    "job", [["block", "--name", "x", "--seconds", "60"], ["spin"]], ids=["block", "spin"]
)
def test_a_blocking_job_at_a_stop_of_its_worker_is_not_counted(
    each_deployment: Deployment, job: list[str]
) -> None:
    """Also in C code that holds the GIL, whose process the supervisor kills."""
    deployment = each_deployment
    deployment.environ["ACTIONHERO_PROCESS__SHUTDOWN_TIMEOUT"] = "0"
    source = deployment.folder / "sample_app.py"
    source.write_text(source.read_text() + SPIN)
    parent = deployment.start("worker")
    beside = deployment.enqueue("work", "--name", "beside", "--seconds", "60")
    deployment.wait_for("begin beside")
    id = deployment.enqueue(*job)
    deployment.wait_for("begin x")

    parent.terminate()
    code = parent.wait()

    assert code == (0 if job == ["spin"] else 70)
    for record in (record_of(deployment, id), record_of(deployment, beside)):
        assert (record.state, record.deliveries) == (JobState.READY, 0)


def test_a_blocking_job_at_a_stop_of_a_server_is_not_counted(deployment: Deployment) -> None:
    """Before another process can take it for the job of a crashed worker."""
    deployment.environ["ACTIONHERO_PROCESS__SHUTDOWN_TIMEOUT"] = "0"
    server = deployment.start("start")
    id = deployment.enqueue("block", "--name", "x", "--seconds", "60")
    deployment.wait_for("begin x")

    server.terminate()

    assert server.wait() == 70
    record = record_of(deployment, id)
    assert (record.state, record.deliveries) == (JobState.READY, 0)


@pytest.mark.parametrize("job", ["block", "work"])
def test_a_job_at_a_second_signal_to_a_server_is_not_counted(
    deployment: Deployment, job: str
) -> None:
    """Whether it blocks the event loop or not."""
    server = deployment.start("start")
    id = deployment.enqueue(job, "--name", "x", "--seconds", "60")
    deployment.wait_for("begin x")

    server.terminate()
    time.sleep(0.5)
    server.terminate()

    assert server.wait() == 143
    record = record_of(deployment, id)
    assert (record.state, record.deliveries) == (JobState.READY, 0)


def test_a_crash_while_a_worker_stops_is_counted(each_deployment: Deployment) -> None:
    """The process ends, and neither by its time limit nor by its supervisor."""
    deployment = each_deployment
    parent = deployment.start("worker")
    id = deployment.enqueue("wait", "--name", "never")
    deployment.wait_for("begin never")
    child = deployment.pid_of("begin never")

    parent.terminate()
    log = deployment.folder / "log"
    deployment.until(lambda: "stopping on SIGTERM" in log.read_text(), "the worker is stopping")
    os.kill(child, signal.SIGKILL)
    parent.wait()

    record = record_of(deployment, id)
    assert (record.state, record.deliveries) == (JobState.READY, 1)


def test_a_job_that_outlives_its_supervisor_is_not_reassigned(
    server_deployment: Deployment,
) -> None:
    """Its worker extends its own lease, and has the grace time to finish it."""
    deployment = server_deployment
    parent = deployment.start("worker")
    id = deployment.enqueue("block", "--name", "x", "--seconds", "16")
    deployment.wait_for("begin x")
    parent.kill()
    parent.wait()

    other = deployment.start("worker")
    deployment.wait_for_state(id, JobState.DONE)
    other.terminate()
    other.wait()

    assert len([line for line in deployment.journal() if line.startswith("begin x")]) == 1


def test_the_job_of_a_suspended_or_blocked_worker_is_not_reassigned(
    each_deployment: Deployment,
) -> None:
    """Neither a suspended process nor one that blocks its event loop counts as dead."""
    deployment = each_deployment
    first = deployment.start("worker")
    id = deployment.enqueue("block", "--name", "slow", "--seconds", "1")
    deployment.wait_for("begin slow")
    busy = deployment.pid_of("begin slow")
    os.kill(busy, signal.SIGSTOP)
    second = deployment.start("worker")
    other = deployment.enqueue("work", "--name", "other")
    deployment.wait_for_state(other, JobState.DONE)
    # The second worker has swept before it claimed the job.
    store = deployment.store()
    swept = store.sweep()
    store.close()
    os.kill(busy, signal.SIGCONT)

    job = deployment.wait_for_state(id, JobState.DONE)
    for parent in (first, second):
        parent.terminate()
        assert parent.wait() == 0

    assert swept == 0
    assert job.attempts == 0
    assert len([line for line in deployment.journal() if line.startswith("begin slow")]) == 1


def test_a_worker_ends_with_its_supervisor(deployment: Deployment) -> None:
    """Because nothing would monitor it. Its job returns to the queue."""
    deployment.environ["ACTIONHERO_PROCESS__SHUTDOWN_TIMEOUT"] = "0"
    parent = deployment.start("worker")
    id = deployment.enqueue("wait", "--name", "never")
    deployment.wait_for("begin never")

    parent.kill()
    parent.wait()

    deployment.wait_for_state(id, JobState.READY)
