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
    from plugins.tasks.tests.processes.conftest import Place

# The first one that takes RabbitMQ starts it, which on a loaded machine takes most of a minute.
pytestmark = pytest.mark.timeout(240)


def job_of(action: str, **inputs: object) -> NewJob:
    """Return a job of an action, as it is enqueued."""
    id = new_identifier()
    return NewJob(id, "default", action, Envelope(action, inputs).write(id, "default"))


def test_a_server_that_is_killed_runs_all_its_jobs_when_it_starts_again(place: Place) -> None:
    """Those that ran, and those that waited."""
    names = [f"job-{number}" for number in range(6)]
    server = place.begin("--set", "tasks.concurrency=2", "start")
    ids = [place.enqueue("wait", "--name", name) for name in names]
    place.wait_for("begin job-0", "begin job-1")
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    for name in names:
        (place.folder / name).touch()

    place.begin("start")

    for id, name in zip(ids, names, strict=True):
        place.wait_for_state(id, JobState.DONE)
        assert place.run("job", "result", id).stdout.strip() == f'"{name}"'
    ended = [line.rpartition(" ")[0] for line in place.journal() if line.startswith("end")]
    assert sorted(ended) == [f"end {name}" for name in names]


def test_a_worker_process_that_is_killed_is_replaced_and_its_job_runs_again(
    each_place: Place,
) -> None:
    """Its parent sees to both at once."""
    place = each_place
    parent = place.begin("worker")
    id = place.enqueue("wait", "--name", "go")
    place.wait_for("begin go")
    first = place.pid_of("begin go")
    os.kill(first, signal.SIGKILL)

    place.until(lambda: len(place.journal()) == 2, "begun again")
    (place.folder / "go").touch()
    told = place.wait_for_state(id, JobState.DONE)
    parent.terminate()

    assert parent.wait() == 0
    assert place.pid_of("begin go") != first
    assert told["attempts"] == 0


def test_a_job_that_ends_its_workers_is_a_dead_letter_and_others_run(each_place: Place) -> None:
    """After three of them. What ran beside it is done."""
    place = each_place
    parent = place.begin("worker")
    poison = place.enqueue("poison")
    others = [place.enqueue("work", "--name", f"n{n}", "--seconds", "0.1") for n in range(3)]

    told = place.wait_for_state(poison, JobState.DEAD)
    for id in others:
        place.wait_for_state(id, JobState.DONE)
    parent.terminate()

    assert parent.wait() == 0
    assert told["error"]["message"] == "its worker ended 3 times while it ran"
    assert len([line for line in place.journal() if line.startswith("begin poison")]) == 3


def test_a_worker_that_is_told_to_stop_finishes_what_it_runs_and_takes_nothing_more(
    each_place: Place,
) -> None:
    """Eight run, thirty-two wait: those stay for somebody else, and nothing runs twice."""
    place = each_place
    place.environ["ACTIONHERO_TASKS__CONCURRENCY"] = "8"
    store = place.store()
    jobs = [job_of("wait", name="go") for _ in range(40)]
    store.add(jobs)
    parent = place.begin("worker")
    place.until(lambda: len(place.journal()) == 8, "eight have begun")

    parent.terminate()
    place.until(lambda: "stopping on SIGTERM" in (place.folder / "log").read_text(), "told")
    (place.folder / "go").touch()

    assert parent.wait() == 0
    done, waiting = store.jobs(JobState.DONE), store.jobs(JobState.READY)
    store.close()
    assert (len(done), len(waiting)) == (8, 32)
    assert all(job.started_ms is None and job.deliveries == 0 for job in waiting)
    assert sorted(line.split()[0] for line in place.journal()) == ["begin"] * 8 + ["end"] * 8


def test_what_has_not_ended_in_the_grace_time_goes_back_into_the_queue(each_place: Place) -> None:
    """It is ready again when the process has ended, and that it began is not counted."""
    place = each_place
    place.environ["ACTIONHERO_PROCESS__SHUTDOWN_TIMEOUT"] = "0"
    parent = place.begin("worker")
    id = place.enqueue("wait", "--name", "never")
    place.wait_for("begin never")

    parent.terminate()

    assert parent.wait() == 0
    assert place.wait_for_state(id, JobState.READY)["attempts"] == 0
    store = place.store()
    record = store.find(id)
    store.close()
    assert record is not None
    assert record.deliveries == 0


def test_a_job_is_nobody_elses_while_its_worker_is_stopped_or_busy(each_place: Place) -> None:
    """Neither a stopped process nor one that keeps the interpreter is taken for dead."""
    place = each_place
    first = place.begin("worker")
    id = place.enqueue("hold", "--name", "slow", "--seconds", "1")
    place.wait_for("begin slow")
    busy = place.pid_of("begin slow")
    os.kill(busy, signal.SIGSTOP)
    second = place.begin("worker")
    other = place.enqueue("work", "--name", "other")
    place.wait_for_state(other, JobState.DONE)
    # The second has looked around by then: it does so before it takes anything.
    store = place.store()
    swept = store.sweep()
    store.close()
    os.kill(busy, signal.SIGCONT)

    told = place.wait_for_state(id, JobState.DONE)
    for parent in (first, second):
        parent.terminate()
        assert parent.wait() == 0

    assert swept == 0
    assert told["attempts"] == 0
    assert len([line for line in place.journal() if line.startswith("begin slow")]) == 1


def test_a_worker_without_its_parent_ends(place: Place) -> None:
    """Nobody would watch over it. Its job goes back."""
    place.environ["ACTIONHERO_PROCESS__SHUTDOWN_TIMEOUT"] = "0"
    parent = place.begin("worker")
    id = place.enqueue("wait", "--name", "never")
    place.wait_for("begin never")

    parent.kill()
    parent.wait()

    place.wait_for_state(id, JobState.READY)
