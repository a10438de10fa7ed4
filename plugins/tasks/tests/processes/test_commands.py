"""The commands of the package."""

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
    """Fail for all names but one."""

    name = "login"
    task = {"queue": "logins"}

    async def run(self, inputs: LoginInputs) -> dict[str, str]:
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


def run_json(deployment: Deployment, *arguments: str) -> Any:
    process = deployment.run(*arguments, "--format", "json")
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_jobs_and_dead_letters_are_managed_on_the_command_line(deployment: Deployment) -> None:
    """Secrets are never shown."""
    (deployment.folder / "sample_app.py").write_text(FAILING)
    good = deployment.enqueue("login", "--name", "Ada", "--password", "hunter2")
    bad = deployment.enqueue("--queue", "late", "login", "--name", "Eve", "--password", "hunter2")
    paused = [deployment.run("tasks", "pause", "late") for _ in range(2)]
    listed = deployment.run("tasks").stdout
    resumed = [deployment.run("tasks", "resume", "late") for _ in range(2)]
    waiting = run_json(deployment, "tasks")
    table = deployment.run("tasks").stdout
    before = deployment.run("job", "result", good)

    server = deployment.start("start")
    result = deployment.run("job", "result", good, "--wait", "60")
    deployment.wait_for_state(bad, JobState.DEAD)
    failed = deployment.status(bad)
    [worker] = run_json(deployment, "tasks", "workers")
    [dead] = run_json(deployment, "tasks", "dead")
    error = deployment.run("job", "result", bad)
    retried = deployment.run("tasks", "retry", bad)
    deployment.wait_for_state(bad, JobState.DEAD)
    discarded = [deployment.run("tasks", "discard", "--all").stdout for _ in range(2)]
    server.terminate()

    assert server.wait() == 0
    assert [(row["queue"], row["ready"]) for row in waiting["queues"]] == [
        ("late", 1),
        ("logins", 1),
    ]
    assert [run.returncode for run in paused + resumed] == [0, 0, 0, 0]
    assert paused[1].stderr.strip() == "queue 'late' is paused already"
    assert resumed[1].stderr.strip() == "queue 'late' is not paused"
    assert re.search(r"Queue .*Paused", listed)
    assert [row["paused"] for row in waiting["queues"]] == [False, False]
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
    assert error.stderr.strip() == f"Error: job {bad} has failed: not today"
    assert retried.stdout.strip() == "1"
    assert [line.strip() for line in discarded] == ["1", "0"]
    assert f"-{server.pid}-" in worker["worker"]
    assert "hunter2" not in (deployment.folder / "log").read_text()


def test_errors_of_enqueue_have_the_exit_codes_of_a_call(deployment: Deployment) -> None:
    """65 for invalid inputs, 2 for an unknown action, 78 for invalid settings."""
    inputs = deployment.run("enqueue", "work", "--seconds", "soon")
    unknown = deployment.run("enqueue", "wrok")
    deployment.environ["ACTIONHERO_TASKS__RETRIES"] = "-1"
    settings = deployment.run("enqueue", "work")

    assert (inputs.returncode, unknown.returncode, settings.returncode) == (65, 2, 78)
    assert json.loads(inputs.stderr)["error"]["key"] == "seconds"
    assert "did you mean 'work'" in unknown.stderr
    assert "ACTIONHERO_TASKS__RETRIES" in settings.stderr


def test_an_unknown_queue_is_paused_with_a_warning(deployment: Deployment) -> None:
    """Another program may enqueue its jobs later."""
    known, unknown = (deployment.run("tasks", "pause", name) for name in ("default", "defualt"))

    assert (known.returncode, known.stderr, unknown.returncode) == (0, "", 0)
    assert unknown.stderr.startswith(
        "queue 'defualt' is paused, but has no jobs, and no action uses it (in use: "
    )
    assert unknown.stderr.endswith("; actionhero tasks resume defualt resumes it\n")


def test_a_waiting_job_can_be_cancelled_once(deployment: Deployment) -> None:
    """An unknown job is reported."""
    id = deployment.enqueue("--delay", "3600", "work")

    first, second = (deployment.run("job", "cancel", id) for _ in range(2))
    unknown = [deployment.run("job", command, "unknown-id") for command in ("status", "cancel")]

    assert (first.returncode, second.returncode) == (0, 1)
    assert f"job {id} cannot be cancelled, as it has ended: it is cancelled" in second.stderr
    for command in unknown:
        assert command.returncode == 1
        assert "Error: unknown job 'unknown-id'" in command.stderr
    assert run_json(deployment, "job", "status", id)["state"] == "cancelled"


def test_a_running_job_is_cancelled_in_another_process(deployment: Deployment) -> None:
    """Within about a second; the option `--wait` waits for it."""
    deployment.start("worker")
    ids = [deployment.enqueue("wait", "--name", name) for name in ("first", "second")]
    deployment.wait_for("begin first", "begin second")

    waited = deployment.run("job", "cancel", ids[0], "--wait", "60")
    requested = deployment.run("job", "cancel", ids[1])
    deployment.wait_for_state(ids[1], JobState.CANCELLED)

    assert (waited.returncode, waited.stdout) == (0, "cancelled\n")
    assert (requested.returncode, requested.stdout) in [(0, "running\n"), (0, "cancelled\n")]
    assert not any(line.startswith("end") for line in deployment.journal())


def test_the_status_of_a_job_names_its_log_lines(deployment: Deployment) -> None:
    """As the format of the log writes them; in production, that is JSON."""
    id = deployment.enqueue("work")

    as_text = run_json(deployment, "job", "status", id)["log"]
    deployment.environ |= {"ACTIONHERO_LOGS__FORMAT": "json"}
    as_json = deployment.run("job", "status", id).stdout

    assert as_text == f"job={id}"
    assert f'"job":"{id}"' in as_json


def test_schedules_are_listed_with_their_next_time(deployment: Deployment) -> None:
    """Without a running process."""
    (deployment.folder / "sample_app.py").write_text(FAILING)

    hourly, weekly = run_json(deployment, "tasks", "schedules")

    assert (hourly["action"], hourly["every_seconds"]) == ("hourly", 3600)
    assert (weekly["cron"], weekly["timezone"]) == ("0 8 * * mon", "Europe/Lisbon")
    assert hourly["next"].endswith(":00:00+00:00")
    assert weekly["next"][11:] in {"07:00:00+00:00", "08:00:00+00:00"}


def test_in_production_sqlite_must_be_selected_explicitly(deployment: Deployment) -> None:
    """Because other machines cannot access the file. The error has the setting."""
    deployment.environ["ACTIONHERO_ENV"] = "production"
    deployment.environ["ACTIONHERO_APP__SECRET_KEY"] = "long and random" * 4
    rejected = deployment.run("worker")
    deployment.environ["ACTIONHERO_TASKS__STORE"] = "embedded"
    accepted = deployment.run("enqueue", "work")

    assert (rejected.returncode, accepted.returncode) == (78, 0)
    assert "set REDIS_URL, such as redis://localhost:6379/0, or" in rejected.stderr


def test_a_file_that_is_not_a_database_exits_with_69(deployment: Deployment) -> None:
    """The error is reported without a traceback."""
    folder = deployment.folder / ".actionhero" / "tasks"
    folder.mkdir(parents=True)
    (folder / "jobs.sqlite3").write_bytes(b"no database at all, but long enough" * 100)

    enqueued, listed, started = (
        deployment.run(*words) for words in (("enqueue", "work"), ("tasks",), ("worker",))
    )

    assert (enqueued.returncode, listed.returncode, started.returncode) == (69, 69, 69)
    for process in (listed, started):
        assert "file is not a database" in process.stderr
        assert "Traceback" not in process.stderr


def test_the_doctor_warns_of_ready_jobs_without_a_worker(deployment: Deployment) -> None:
    """And reports the store; without dead letters it does not mention them."""
    deployment.enqueue("work")

    checks = {row["check"]: row for row in run_json(deployment, "doctor", "--deploy")}

    assert checks["tasks.store"]["finding"] == "warning"
    assert "workers on other machines cannot run them" in checks["tasks.store"]["message"]
    message = checks["tasks.workers"]["message"]
    assert message.startswith("1 jobs are ready, and no worker is running; start a")
    assert "tasks.dead" not in checks


def test_an_unavailable_broker_fails_the_start_of_a_worker_but_not_enqueueing(
    deployment: Deployment,
) -> None:
    """The exit code is 69. The password is not shown."""
    deployment.environ["ACTIONHERO_TASKS__BROKER_URL"] = "amqp://shop:hunter2@127.0.0.1:1/shop"

    started, enqueued = deployment.run("worker"), deployment.run("enqueue", "work")
    doctor = deployment.run("doctor", "--deploy", "--format", "json")

    checks = {row["check"]: row for row in json.loads(doctor.stdout)}
    assert (started.returncode, enqueued.returncode, doctor.returncode) == (69, 0, 1)
    assert "cannot use the broker of jobs: RabbitMQ at 127.0.0.1:1: " in started.stderr
    assert "start it, or set ACTIONHERO_TASKS__BROKER_URL to its URL" in started.stderr
    assert "Traceback" not in started.stderr + enqueued.stderr
    assert "jobs are stored, and sent later" in enqueued.stderr
    assert checks["tasks.broker"]["finding"] == "failed"
    assert "RabbitMQ at 127.0.0.1:1: " in checks["tasks.broker"]["message"]
    assert "even through RabbitMQ" in checks["tasks.store"]["message"]
    assert "hunter2" not in started.stderr + enqueued.stderr + doctor.stdout + doctor.stderr


def test_enqueue_reports_an_earlier_job_with_the_same_key(deployment: Deployment) -> None:
    """With its state on stderr, and its id."""
    first = deployment.run("enqueue", "--key", "a", "work")
    second = deployment.run("enqueue", "--key", "a", "work")
    deployment.run("job", "cancel", first.stdout.strip())
    third = deployment.run("enqueue", "--key", "a", "work")

    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert "no new job: an earlier one with the same key is ready" in second.stderr
    assert third.stdout != first.stdout
    assert third.stderr == ""


LONE = """

class Lone(Action):
    name = "lone"

    async def run(self) -> list[str]:
        return ["a", chr(0xd800)]


class Replaced(Action):
    name = "replaced"

    async def run(self) -> str:
        return chr(0xfffd)


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Fail(Action):
    name = "fail"
    task = {"retries": 0}

    async def run(self) -> None:
        raise Unprintable
"""


def test_results_that_cannot_be_written_are_an_error(deployment: Deployment) -> None:
    """Of a call and of a job: a lone surrogate is not replaced, and the exit code is 65."""
    source = deployment.folder / "sample_app.py"
    source.write_text(source.read_text() + LONE)
    id, other = deployment.enqueue("lone"), deployment.enqueue("replaced")
    deployment.start("worker")

    processes = [
        deployment.run("call", "lone"),
        deployment.run("job", "result", "--wait", "30", id),
    ]
    valid = deployment.run("job", "result", "--wait", "30", other)

    for process in processes:
        assert (process.returncode, process.stdout) == (65, "")
        assert "contains a lone surrogate" in process.stderr
    assert (valid.returncode, valid.stdout.strip()) == (0, '"\N{REPLACEMENT CHARACTER}"')


def test_an_exception_without_a_text_is_logged(deployment: Deployment) -> None:
    """In the worker too, whose job has an error."""
    source = deployment.folder / "sample_app.py"
    source.write_text(source.read_text() + LONE)
    id = deployment.enqueue("fail")
    deployment.start("worker")

    deployment.wait_for_state(id, JobState.DEAD)
    status = deployment.status(id)
    call = deployment.run("call", "fail")

    assert status["error"]["message"]
    assert call.returncode == 1
    assert "Unprintable" in (deployment.folder / "log").read_text()
    assert "Unprintable" in call.stderr
