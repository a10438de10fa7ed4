"""The commands of the package, as an operator types them in."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from actionhero_tasks.job import JobState

if TYPE_CHECKING:
    from plugins.tasks.tests.processes.conftest import Deployment

FAILING = '''
from datetime import timedelta

from actionhero import Action, Conflict, Inputs, Secret


class LoginInputs(Inputs):
    name: str
    password: Secret[str]


class Login(Action):
    """Refuse."""

    name = "login"
    task = {"queue": "logins"}

    async def run(self, inputs: LoginInputs) -> None:
        if inputs.name == "Ada":
            return {"welcome": inputs.name}
        raise Conflict("not today")


class Hourly(Action):
    """Recur."""

    name = "hourly"
    task = {"every": timedelta(hours=1)}

    async def run(self) -> None:
        pass


class Weekly(Action):
    """Recur by the calendar."""

    name = "weekly"
    task = {"cron": "0 8 * * mon", "timezone": "Europe/Lisbon"}

    async def run(self) -> None:
        pass
'''


def told(deployment: Deployment, *arguments: str) -> Any:
    ended = deployment.run(*arguments, "--format", "json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_an_operator_enqueues_looks_and_has_dead_letters_run_again(deployment: Deployment) -> None:
    """From the command line alone; what is secret is never shown."""
    (deployment.folder / "works.py").write_text(FAILING)
    good = deployment.enqueue("login", "--name", "Ada", "--password", "hunter2")
    bad = deployment.enqueue("--queue", "late", "login", "--name", "Eve", "--password", "hunter2")
    waiting = told(deployment, "tasks")
    table = deployment.run("tasks").stdout
    before = deployment.run("job", "result", good)

    server = deployment.start("start")
    result = deployment.run("job", "result", good, "--wait", "60")
    failed = deployment.wait_for_state(bad, JobState.DEAD)
    [worker] = told(deployment, "tasks", "workers")
    [dead] = told(deployment, "tasks", "dead")
    refused = deployment.run("job", "result", bad)
    again = deployment.run("tasks", "retry", bad)
    deployment.wait_for_state(bad, JobState.DEAD)
    gone = [deployment.run("tasks", "discard", "--all").stdout for _ in range(2)]
    server.terminate()

    assert server.wait() == 0
    assert [(row["queue"], row["ready"]) for row in waiting["queues"]] == [
        ("late", 1),
        ("logins", 1),
    ]
    assert waiting["workers"] == []
    assert [(row["action"], row["cron"]) for row in waiting["schedules"]] == [
        ("hourly", None),
        ("weekly", "0 8 * * mon"),
    ]
    assert re.search(r"Queue .*Oldest.*late .*no workers\n.*weekly", table, re.DOTALL)
    assert (before.returncode, before.stdout) == (1, "")
    assert "has no result: it is ready" in before.stderr
    assert result.stdout.strip() == '{"welcome":"Ada"}'
    assert failed["inputs"] == {"name": "Eve", "password": "[redacted]"}
    assert (dead["id"], dead["error"], dead["attempts"]) == (bad, "not today", 1)
    assert refused.stderr.strip() == f"job {bad} has failed: not today"
    assert again.stdout.strip() == "1"
    assert [line.strip() for line in gone] == ["1", "0"]
    assert f"-{server.pid}-" in worker["worker"]
    assert "hunter2" not in (deployment.folder / "log").read_text()


def test_what_cannot_be_enqueued_says_why_and_exits_as_a_call_would(deployment: Deployment) -> None:
    """65 for inputs, 2 for what is unknown, 78 for what is wrong."""
    inputs = deployment.run("enqueue", "work", "--seconds", "soon")
    unknown = deployment.run("enqueue", "wrok")
    deployment.environ["ACTIONHERO_TASKS__RETRIES"] = "-1"
    settings = deployment.run("enqueue", "work")

    assert (inputs.returncode, unknown.returncode, settings.returncode) == (65, 2, 78)
    assert json.loads(inputs.stderr)["error"]["key"] == "seconds"
    assert "did you mean 'work'" in unknown.stderr
    assert "ACTIONHERO_TASKS__RETRIES" in settings.stderr


def test_a_job_that_waits_can_be_cancelled(deployment: Deployment) -> None:
    """Once; and nobody else's job, nor one that nobody knows."""
    id = deployment.enqueue("--delay", "3600", "work")

    first, second = (deployment.run("job", "cancel", id) for _ in range(2))
    unknown = deployment.run("job", "status", "nobody")

    assert (first.returncode, second.returncode, unknown.returncode) == (0, 1, 1)
    assert "cannot be cancelled" in second.stderr
    assert "there is no job 'nobody'" in unknown.stderr
    assert told(deployment, "job", "status", id)["state"] == "cancelled"


def test_schedules_are_listed_with_their_next_time(deployment: Deployment) -> None:
    """Whether anything runs or not."""
    (deployment.folder / "works.py").write_text(FAILING)

    hourly, weekly = told(deployment, "tasks", "schedules")

    assert (hourly["action"], hourly["every_seconds"]) == ("hourly", 3600)
    assert (weekly["cron"], weekly["timezone"]) == ("0 8 * * mon", "Europe/Lisbon")
    assert hourly["next"].endswith(":00:00+00:00")
    assert weekly["next"][11:] in {"07:00:00+00:00", "08:00:00+00:00"}


def test_in_production_a_file_is_not_taken_unless_it_was_chosen(deployment: Deployment) -> None:
    """No other machine would see the jobs. It says what to set."""
    deployment.environ["ACTIONHERO_ENV"] = "production"
    deployment.environ["ACTIONHERO_APP__SECRET_KEY"] = "long and random" * 4
    refused = deployment.run("worker")
    deployment.environ["ACTIONHERO_TASKS__STORE"] = "embedded"
    taken = deployment.run("enqueue", "work")

    assert (refused.returncode, taken.returncode) == (78, 0)
    assert "set REDIS_URL, such as redis://localhost:6379/0, or" in refused.stderr


def test_a_store_that_is_another_thing_is_told(deployment: Deployment) -> None:
    """With 69: somebody has to look at it."""
    folder = deployment.folder / ".actionhero" / "tasks"
    folder.mkdir(parents=True)
    (folder / "jobs.sqlite3").write_bytes(b"no database at all, but long enough" * 100)

    enqueued, listed, started = (
        deployment.run(*words) for words in (("enqueue", "work"), ("tasks",), ("worker",))
    )

    assert (enqueued.returncode, listed.returncode, started.returncode) == (69, 69, 69)
    for ended in (listed, started):
        assert "file is not a database" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_the_doctor_tells_of_jobs_that_nobody_runs(deployment: Deployment) -> None:
    """And of dead letters, and where jobs are."""
    deployment.enqueue("work")

    found = {row["check"]: row for row in told(deployment, "doctor", "--deploy")}

    assert found["tasks.store"]["finding"] == "warning"
    assert "no other can run them" in found["tasks.store"]["message"]
    assert found["tasks.workers"]["message"].startswith("1 jobs wait, and nobody runs any; start a")
    assert "tasks.dead" not in found


def test_a_broker_that_is_away_is_told_at_the_start_and_a_job_is_taken(deployment: Deployment) -> None:
    """With 69, and no password. What is enqueued meanwhile is kept."""
    deployment.environ["ACTIONHERO_TASKS__BROKER_URL"] = "amqp://shop:hunter2@127.0.0.1:1/shop"

    started, enqueued = deployment.run("worker"), deployment.run("enqueue", "work")
    doctor = deployment.run("doctor", "--deploy", "--format", "json")

    found = {row["check"]: row for row in json.loads(doctor.stdout)}
    assert (started.returncode, enqueued.returncode, doctor.returncode) == (69, 0, 1)
    assert "the broker of jobs cannot be used: RabbitMQ at 127.0.0.1:1: " in started.stderr
    assert "start it, or say where it is by ACTIONHERO_TASKS__BROKER_URL" in started.stderr
    assert "Traceback" not in started.stderr + enqueued.stderr
    assert "jobs are kept, and sent when it can" in enqueued.stderr
    assert found["tasks.broker"]["finding"] == "failed"
    assert "RabbitMQ at 127.0.0.1:1: " in found["tasks.broker"]["message"]
    assert "although they wait in RabbitMQ" in found["tasks.store"]["message"]
    assert "hunter2" not in started.stderr + enqueued.stderr + doctor.stdout + doctor.stderr
