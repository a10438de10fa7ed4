"""What becomes of jobs when processes are killed, stopped, or told to stop."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from actionhero.identifier import new_identifier
from actionhero_tasks.envelope import Envelope
from actionhero_tasks.job import JobState, NewJob

if TYPE_CHECKING:
    from plugins.tasks.tests.processes.conftest import Deployment

# The first one that takes RabbitMQ starts it, which on a loaded machine takes most of a minute.
pytestmark = pytest.mark.timeout(240)


def job_of(action: str, **inputs: object) -> NewJob:
    """Return a job of an action, as it is enqueued."""
    id = new_identifier()
    return NewJob(id, "default", action, Envelope(action, inputs).write(id, "default"))


def test_a_server_that_is_killed_runs_all_its_jobs_when_it_starts_again(deployment: Deployment) -> None:
    """Those that ran, and those that waited."""
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


def test_a_worker_process_that_is_killed_is_replaced_and_its_job_runs_again(
    each_deployment: Deployment,
) -> None:
    """Its parent sees to both at once."""
    deployment = each_deployment
    parent = deployment.start("worker")
    id = deployment.enqueue("wait", "--name", "go")
    deployment.wait_for("begin go")
    first = deployment.pid_of("begin go")
    os.kill(first, signal.SIGKILL)

    deployment.until(lambda: len(deployment.journal()) == 2, "begun again")
    (deployment.folder / "go").touch()
    told = deployment.wait_for_state(id, JobState.DONE)
    parent.terminate()

    assert parent.wait() == 0
    assert deployment.pid_of("begin go") != first
    assert told["attempts"] == 0


def test_a_job_that_ends_its_workers_is_a_dead_letter_and_others_run(each_deployment: Deployment) -> None:
    """After three of them. What ran beside it is done."""
    deployment = each_deployment
    parent = deployment.start("worker")
    poison = deployment.enqueue("poison")
    others = [deployment.enqueue("work", "--name", f"n{n}", "--seconds", "0.1") for n in range(3)]

    told = deployment.wait_for_state(poison, JobState.DEAD)
    for id in others:
        deployment.wait_for_state(id, JobState.DONE)
    parent.terminate()

    assert parent.wait() == 0
    assert told["error"]["message"] == "its worker ended 3 times while it ran"
    assert len([line for line in deployment.journal() if line.startswith("begin poison")]) == 3


def test_a_worker_that_is_told_to_stop_finishes_what_it_runs_and_takes_nothing_more(
    each_deployment: Deployment,
) -> None:
    """Eight run, thirty-two wait: those stay for somebody else, and nothing runs twice."""
    deployment = each_deployment
    deployment.environ["ACTIONHERO_TASKS__CONCURRENCY"] = "8"
    store = deployment.store()
    jobs = [job_of("wait", name="go") for _ in range(40)]
    store.add(jobs)
    parent = deployment.start("worker")
    deployment.until(lambda: len(deployment.journal()) == 8, "eight have begun")

    parent.terminate()
    deployment.until(lambda: "stopping on SIGTERM" in (deployment.folder / "log").read_text(), "told")
    (deployment.folder / "go").touch()

    assert parent.wait() == 0
    done, waiting = store.jobs(JobState.DONE), store.jobs(JobState.READY)
    store.close()
    assert (len(done), len(waiting)) == (8, 32)
    assert all(job.started_ms is None and job.deliveries == 0 for job in waiting)
    assert sorted(line.split()[0] for line in deployment.journal()) == ["begin"] * 8 + ["end"] * 8


def test_what_has_not_ended_in_the_grace_time_goes_back_into_the_queue(each_deployment: Deployment) -> None:
    """It is ready again when the process has ended, and that it began is not counted."""
    deployment = each_deployment
    deployment.environ["ACTIONHERO_PROCESS__SHUTDOWN_TIMEOUT"] = "0"
    parent = deployment.start("worker")
    id = deployment.enqueue("wait", "--name", "never")
    deployment.wait_for("begin never")

    parent.terminate()

    assert parent.wait() == 0
    assert deployment.wait_for_state(id, JobState.READY)["attempts"] == 0
    store = deployment.store()
    record = store.find(id)
    store.close()
    assert record is not None
    assert record.deliveries == 0


def test_a_job_is_nobody_elses_while_its_worker_is_stopped_or_busy(each_deployment: Deployment) -> None:
    """Neither a stopped process nor one that keeps the interpreter is taken for dead."""
    deployment = each_deployment
    first = deployment.start("worker")
    id = deployment.enqueue("hold", "--name", "slow", "--seconds", "1")
    deployment.wait_for("begin slow")
    busy = deployment.pid_of("begin slow")
    os.kill(busy, signal.SIGSTOP)
    second = deployment.start("worker")
    other = deployment.enqueue("work", "--name", "other")
    deployment.wait_for_state(other, JobState.DONE)
    # The second has looked around by then: it does so before it takes anything.
    store = deployment.store()
    swept = store.sweep()
    store.close()
    os.kill(busy, signal.SIGCONT)

    told = deployment.wait_for_state(id, JobState.DONE)
    for parent in (first, second):
        parent.terminate()
        assert parent.wait() == 0

    assert swept == 0
    assert told["attempts"] == 0
    assert len([line for line in deployment.journal() if line.startswith("begin slow")]) == 1


def test_a_worker_without_its_parent_ends(deployment: Deployment) -> None:
    """Nobody would watch over it. Its job goes back."""
    deployment.environ["ACTIONHERO_PROCESS__SHUTDOWN_TIMEOUT"] = "0"
    parent = deployment.start("worker")
    id = deployment.enqueue("wait", "--name", "never")
    deployment.wait_for("begin never")

    parent.kill()
    parent.wait()

    deployment.wait_for_state(id, JobState.READY)
