"""The panel Jobs, which actionhero-tasks adds to the console."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from plugins.console.tests.conftest import INPUT_SECRET, OPERATORS, console_site

from actionhero import Action, Conflict, Secret
from actionhero_tasks import Task, Tasks
from actionhero_tasks import plugin as tasks_plugin
from actionhero_tasks.job import JobState
from actionhero_tasks.operations import functions, search
from actionhero_tasks.testing.jobs import new_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from plugins.console.tests.conftest import Site

    from actionhero_tasks import Job

LATER = timedelta(hours=1)
PASSWORD = "correct horse battery staple"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Mail(Action):
    """Send a mail; fail for some recipients."""

    name = "mail"
    task = Task(queue="mail", retries=0)

    async def run(self, to: str, count: int = 1, token: Secret[str] = "") -> dict[str, Any]:
        if to.startswith("bad"):
            raise Conflict(f"no mailbox for {to}")
        return {"to": to, "count": count, "token_length": len(token)}


class Report(Action):
    """Run every night."""

    name = "report"
    task = Task(queue="reports", cron="0 3 * * *", overlap=False)

    async def run(self) -> None:
        """Do nothing."""


class Jobs:
    """A site with a console and jobs, signed in as an operator."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.tasks = site.app.app.get(Tasks)

    async def read(self, name: str, **inputs: Any) -> Any:
        """Return the value, or the error, of a query."""
        return await self.site.read(f"jobs.{name}", json.dumps(inputs))

    async def change(self, name: str, **inputs: Any) -> Any:
        """Make a change, and return its value, or its error."""
        document = (await self.site.change(f"jobs/{name}", json=inputs)).json()
        return document["value"] if "value" in document else document["error"]

    async def enqueue(self, *recipients: str, **options: Any) -> list[str]:
        """Enqueue a mail to each."""
        inputs = [{"to": to, "token": INPUT_SECRET} for to in recipients]
        return [str(await self.tasks.enqueue(Mail, each, **options)) for each in inputs]

    async def ended(self, *ids: str) -> list[Job]:
        """Wait for jobs, and return them."""
        return [await self.tasks.wait(id, timedelta(seconds=20)) for id in ids]

    async def found(self, text: str, **inputs: Any) -> list[str]:
        """Return the ids of the jobs that match a text."""
        return [job["id"] for job in (await self.read("list", search=text, **inputs))["jobs"]]


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[Jobs]:
    environ = {"ACTIONHERO_APP__DATA_DIR": str(tmp_path)}
    async with console_site(
        tasks_plugin, Mail, Report, operators=OPERATORS, environ=environ
    ) as site:
        await site.sign_in("bob")
        yield Jobs(site)


async def test_jobs_are_listed_and_changed(jobs: Jobs) -> None:
    """As on the page of jobs; changes are audited with their outcome."""
    [dead, other] = await jobs.enqueue("bad1", "bad2")
    [waiting] = await jobs.enqueue("ada", delay=LATER)
    await jobs.ended(dead, other)

    overview = await jobs.read("overview")
    listed = await jobs.read("list", state="dead", queue="mail")
    details = await jobs.read("job", id=dead)
    retried = await jobs.change("retry", id=dead)
    await jobs.ended(dead)
    discarded = await jobs.change("discard", id=dead)
    cancelled = await jobs.change("cancel", id=waiting)
    late = await jobs.change("cancel", id=waiting)
    unknown = await jobs.read("job", id=dead)

    assert [queue["dead"] for queue in overview["queues"]] == [2]
    assert [job["id"] for job in listed["jobs"]] == [other, dead]
    assert json.loads(details["inputs"]) == {"to": "bad1", "token": "[redacted]"}
    assert details["error"]["message"] == "no mailbox for bad1"
    assert (retried, discarded, cancelled) == ({"id": dead}, {"id": dead}, {"id": waiting})
    assert late["message"] == f"Job {waiting} cannot be changed: it has finished"
    assert unknown["message"] == f"Job not found: {dead}"
    assert INPUT_SECRET not in json.dumps([listed, details])
    entries = await jobs.site.audit()
    changes = [(item["change"], item["outcome"]) for item in entries if "change" in item]
    made = [
        (name, outcome)
        for name in ("retry", "discard", "cancel")
        for outcome in ("begun", "success")
    ]
    assert changes == [*made, ("cancel", "begun"), ("cancel", "failure")]
    assert {item["target"] for item in entries if "change" in item} == {
        f"job {dead}",
        f"job {waiting}",
    }


async def test_dead_letters_are_changed_in_batches(jobs: Jobs) -> None:
    """Of a queue, or of all."""
    ids = await jobs.enqueue("bad1", "bad2")
    [other] = await jobs.enqueue("bad3", queue="other")
    await jobs.ended(*ids, other)

    retried = await jobs.change("retry_dead", queue="mail")
    await jobs.ended(*ids)
    discarded = await jobs.change("discard_dead")
    invalid = await jobs.change("discard_dead", before=2**70)

    assert retried == {"count": 2, "next": None}
    assert discarded == {"count": 3, "next": None}
    assert invalid["key"] == "before"


async def test_a_dead_letter_is_retried_with_edited_inputs(jobs: Jobs) -> None:
    """They are validated; redacted inputs keep their values, and are secret in the audit log."""
    [id] = await jobs.enqueue("bad1")
    await jobs.ended(id)
    edit = {"id": id, "action": "mail"}

    invalid = await jobs.change("edit", **edit, inputs='{"to": "ada", "count": "many"}')
    unknown = await jobs.change("edit", **edit, inputs='{"to": "ada", "cuont": 2}')
    inputs = '{"to": "ada", "count": 3, "token": "[redacted]"}'
    edited = await jobs.change("edit", **edit, inputs=inputs)
    [job] = await jobs.ended(id)
    late = await jobs.change("edit", **edit, inputs=inputs)
    missing = await jobs.change("edit", id="nonesuch", action="mail", inputs="{}")
    malformed = await jobs.change("edit", **edit, inputs="[1]")

    assert (invalid["key"], unknown["key"]) == ("count", "cuont")
    assert edited == {"id": id}
    assert job.state is JobState.DONE
    assert job.result == {"to": "ada", "count": 3, "token_length": len(INPUT_SECRET)}
    assert late["message"].endswith("it is not a dead letter")
    assert missing["message"] == "Job not found: nonesuch"
    assert malformed["key"] == "inputs"


async def test_an_edited_secret_is_encrypted_and_redacted(jobs: Jobs) -> None:
    """In the store, and in the audit log."""
    [id] = await jobs.enqueue("bad1")
    await jobs.ended(id)
    await jobs.change("pause", queue="mail")

    await jobs.change("edit", id=id, action="mail", inputs='{"to": "ada", "token": "new-secret"}')
    record = await jobs.tasks.use(lambda store: store.find(id))
    entries = await jobs.site.audit()

    assert b"new-secret" not in record.body
    assert "new-secret" not in json.dumps(entries)
    edits = [item["inputs"] for item in entries if item.get("change") == "edit"]
    assert edits == [{"to": "ada", "token": "[redacted]"}] * 2


async def test_edited_inputs_are_audited_by_the_action_of_the_job(jobs: Jobs) -> None:
    """Otherwise secrets would be recorded, or nothing."""
    [id] = await jobs.enqueue("bad1")
    await jobs.ended(id)

    edited = await jobs.change("edit", id=id, action="nonesuch", inputs='{"to": "ada"}')

    assert edited["message"] == f"job {id} is of the action 'mail'"
    assert (await jobs.tasks.use(lambda store: store.find(id))).state is JobState.DEAD


async def test_inputs_of_the_command_line_are_edited(jobs: Jobs) -> None:
    """They are texts, and remain so."""
    from actionhero.transport import TextPayload

    id = await jobs.tasks.enqueue("mail", TextPayload({"to": ["bad1"], "count": ["2"]}))
    await jobs.ended(id)

    await jobs.change("edit", id=id, action="mail", inputs='{"to": "ada", "count": 5}')
    [job] = await jobs.ended(id)

    assert job.result == {"to": "ada", "count": 5, "token_length": 0}


async def test_jobs_that_cannot_be_edited_are_conflicts(jobs: Jobs) -> None:
    """Undecodable ones, and those of an action that does not exist."""
    broken = new_job(action="mail", body=b"\xff")
    foreign = new_job(action="nonesuch")
    await jobs.tasks.use(lambda store: store.add([broken, foreign]))
    await jobs.ended(broken.id, foreign.id)

    undecodable = await jobs.change("edit", id=broken.id, action="mail", inputs="{}")
    unknown = await jobs.change("edit", id=foreign.id, action="nonesuch", inputs='{"secret": 1}')
    entries = await jobs.site.audit()

    assert "it is not a message of a job" in undecodable["message"]
    assert unknown["message"] == "Action not found: nonesuch"
    # Without the action, no input is known not to be secret.
    assert [item["inputs"] for item in entries if item.get("target") == f"job {foreign.id}"] == [
        ["secret"]
    ] * 2


async def test_jobs_are_searched(jobs: Jobs) -> None:
    """By action, key, id, request, trace and fan-out, in all states or one."""
    body = json.dumps({
        "queue_name": "default", "actor_name": "mail", "args": [], "kwargs": {"to": "x"},
        "options": {
            "request_id": "request-7",
            "carrier": {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
        },
        "message_id": "x", "message_timestamp": 1,
    }).encode()  # fmt: skip
    traced = new_job(action="mail", body=body, delay_ms=3_600_000)
    await jobs.tasks.use(lambda store: store.add([traced]))
    [keyed] = await jobs.enqueue("ada", delay=LATER, key="Order-12")
    [dead] = await jobs.enqueue("bad1", queue="other")
    await jobs.ended(dead)
    fan_out = await jobs.tasks.fan_out(Mail, [{"to": "bad2"}])
    details = await jobs.read("job", id=traced.id)

    assert set(await jobs.found("MAIL")) >= {traced.id, keyed, dead}
    assert await jobs.found("order-12") == [keyed]
    assert await jobs.found(dead) == [dead]
    assert await jobs.found("request-7") == await jobs.found(TRACE) == [traced.id]
    assert len(await jobs.found(fan_out)) == 1
    assert await jobs.found("mail", state="dead", queue="other") == [dead]
    assert await jobs.found(dead, state="delayed") == []
    assert await jobs.found("nothing like this") == []
    assert (details["request_id"], details["trace_id"]) == ("request-7", TRACE)


async def test_a_search_is_limited(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a number of jobs, which the result contains; an id is found among any number."""
    monkeypatch.setattr(search, "STEP", 5)
    monkeypatch.setattr(search, "MAX_SEARCHED", 10)
    ids = await jobs.enqueue(*(f"user{number}" for number in range(30)), delay=LATER)

    limited = await jobs.read("list", search="mail")
    oldest = await jobs.read("list", search=ids[0])

    assert [job["id"] for job in limited["jobs"]] == ids[:19:-1]
    assert (limited["searched"], limited["is_complete"]) == (10, False)
    assert [job["id"] for job in oldest["jobs"]] == [ids[0]]


async def test_a_queue_is_paused_and_resumed(jobs: Jobs) -> None:
    """Its jobs wait; the overview has it at once, even without jobs."""
    paused = await jobs.change("pause", queue="mail")
    overview = await jobs.read("overview")
    [id, other] = [*await jobs.enqueue("ada"), *await jobs.enqueue("eve", queue="other")]
    await jobs.ended(other)
    waiting = (await jobs.tasks.job(id)).state
    resumed = await jobs.change("resume", queue="mail")
    [job] = await jobs.ended(id)
    again = await jobs.change("resume", queue="mail")

    assert (paused, resumed, again) == ({"changed": True}, {"changed": True}, {"changed": False})
    assert overview["paused"] == ["mail"]
    assert waiting is JobState.READY
    assert job.state is JobState.DONE
    assert (await jobs.read("overview"))["paused"] == []


async def test_a_schedule_is_run_now(jobs: Jobs) -> None:
    """Its job belongs to the schedule, so that a run does not overlap with it."""
    await jobs.change("pause", queue="reports")

    run = await jobs.change("run_schedule", action="report")
    unknown = await jobs.change("run_schedule", action="mail")
    details = await jobs.read("job", id=run["id"])
    report = jobs.site.app.app.actions.find("report")
    overlapping = await jobs.tasks.enqueue_scheduled(report, 2**40, overlap=False)
    await jobs.change("resume", queue="reports")
    [job] = await jobs.ended(run["id"])

    assert (details["schedule"], job.state) == ("report", JobState.DONE)
    assert not overlapping
    assert unknown["message"] == "There is no such schedule"


async def test_a_fan_out_is_shown_page_by_page(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of its inputs."""
    monkeypatch.setattr(functions, "PAGE_SIZE", 2)
    id = await jobs.tasks.fan_out(Mail, [{"to": to} for to in ("ada", "bad1", "eve")])
    await jobs.ended(*await jobs.found(id))

    first = await jobs.read("fan_out", id=id)
    second = await jobs.read("fan_out", id=id, after=first["next"])
    unknown = await jobs.read("fan_out", id="nonesuch")

    recipients = [json.loads(job["inputs"])["to"] for job in first["jobs"] + second["jobs"]]
    assert recipients == ["ada", "bad1", "eve"]
    assert (first["total"], first["done"], first["failed"], first["is_closed"]) == (3, 2, 1, True)
    assert second["next"] is None
    assert unknown["message"] == "Fan-out not found: nonesuch"


CHANGES = [
    ("retry", {"id": "x"}),
    ("edit", {"id": "x", "action": "mail", "inputs": "{}"}),
    ("discard", {"id": "x"}),
    ("cancel", {"id": "x"}),
    ("retry_dead", {}),
    ("discard_dead", {}),
    ("pause", {"queue": "mail"}),
    ("resume", {"queue": "mail"}),
    ("run_schedule", {"action": "report"}),
]


async def test_a_viewer_reads_and_changes_nothing(jobs: Jobs) -> None:
    """Each change is refused by the server, and the page does not know it."""
    jobs.site.client.cookies.clear()
    await jobs.site.sign_in("eve")

    refused = [await jobs.site.change(f"jobs/{name}", json=inputs) for name, inputs in CHANGES]
    description = (await jobs.site.client.get("/console/api/console")).json()
    listed = await jobs.read("list", state="dead")
    overview = await jobs.read("overview")

    assert [response.status_code for response in refused] == [403] * len(CHANGES)
    [panel] = [panel for panel in description["panels"] if panel["name"] == "jobs"]
    assert panel["changes"] == {}
    assert listed == {"jobs": [], "next": None}
    assert overview["paused"] == []


INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("list", {"state": "nonesuch"}, "state"),
    ("list", {}, "state"),
    ("list", {"state": "dead", "before": "x"}, "before"),
    ("list", {"search": "x" * 201}, "search"),
    ("overview", {"since": -1}, "since"),
    ("fan_out", {"id": "x", "after": 2**70}, "after"),
    ("job", {"id": "nonesuch"}, "id"),
]


async def test_invalid_queries_are_rejected(jobs: Jobs) -> None:
    """With the name of the input."""
    keys = [(await jobs.read(read, **inputs))["key"] for read, inputs, _ in INVALID]

    assert keys == [key for _, _, key in INVALID]


# -- the page of jobs ------------------------------------------------------------------------------


async def test_the_page_leads_to_the_panel(tmp_path: Path) -> None:
    """With its password, for an admin named operator."""
    environ = {
        "ACTIONHERO_APP__DATA_DIR": str(tmp_path),
        "ACTIONHERO_TASKS__OPERATOR_PASSWORD": PASSWORD,
    }
    async with console_site(tasks_plugin, Mail, environ=environ) as site:
        pages = [await site.client.get(path) for path in ("/tasks", "/tasks/")]
        old = [
            await site.client.get("/tasks/kit/page.js"),
            await site.client.get("/tasks/api/console"),
        ]
        wrong = await site.sign_in("operator", "wrong")
        right = await site.sign_in("operator", PASSWORD)
        description = (await site.client.get("/console/api/console")).json()

    assert [page.status_code for page in pages] == [308, 308]
    targets = [urljoin(str(page.url), page.headers["Location"]) for page in pages]
    assert targets == [f"{site.origin}/console#/jobs"] * 2
    assert [response.status_code for response in old] == [404, 404]
    assert (wrong.status_code, right.status_code) == (401, 303)
    assert description["operator"] == {"name": "operator", "role": "admin", "method": "password"}


async def test_the_page_is_hidden_with_the_console(tmp_path: Path) -> None:
    """From clients that the console does not exist for."""
    environ = {"ACTIONHERO_APP__DATA_DIR": str(tmp_path)}
    async with console_site(tasks_plugin, environ=environ) as site:
        local = await site.client.get("/tasks")
        remote = await site.client.get("/tasks", headers={"X-Forwarded-For": "203.0.113.9"})

    assert (local.status_code, remote.status_code) == (308, 404)


async def test_the_page_remains_without_a_console(tmp_path: Path) -> None:
    """Its path is empty; below another path, the target is relative."""
    environ = {"ACTIONHERO_APP__DATA_DIR": str(tmp_path)}
    async with console_site(tasks_plugin, environ=environ, path="") as site:
        page = await site.client.get("/tasks")
    environ["ACTIONHERO_TASKS__PAGE"] = "/ops/jobs"
    async with console_site(tasks_plugin, environ=environ, path="/ops/console") as site:
        moved = await site.client.get("/ops/jobs")

    assert page.status_code == 200
    assert "Tasks" in page.text
    assert urljoin(str(moved.url), moved.headers["Location"]) == f"{site.origin}/ops/console#/jobs"
