"""What the page is told, and what can be done by it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionhero_tasks.job import JobState, StoreUnavailable
from actionhero_tasks.page import job_views
from actionhero_tasks.page.overview import Overview
from actionhero_tasks.testing import new_job

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from plugins.tasks.tests.page.conftest import Served

    from actionhero_tasks.store import JobStore

    Serve = Callable[..., contextlib.AbstractAsyncContextManager[Served]]

LATER = timedelta(hours=1)


async def test_the_overview_tells_queues_workers_schedules_and_totals(served: Serve) -> None:
    """Whoever knows some of the samples is told the others."""
    async with served() as page:
        await page.ended(*await page.mail("ada"))
        await page.mail("bob", delay=LATER)

        told = await page.read("overview")
        again = await page.read("overview", since=told["now"])

    [queue] = told["queues"]
    assert (queue["queue"], queue["dead"], queue["delayed"], queue["ready"]) == ("mail", 1, 1, 0)
    assert told["totals"] == {"done": 0, "failed": 1}
    assert [worker["running"] for worker in told["workers"]] == [0]
    [schedule] = told["schedules"]
    assert (schedule["action"], schedule["cron"], schedule["timezone"]) == (
        "report",
        "0 3 * * *",
        "Europe/Berlin",
    )
    assert schedule["next"] > told["now"]
    assert told["samples"] == [[told["now"], 0, 1, 0]]
    assert all(sample[0] > told["now"] for sample in again["samples"])


async def test_many_who_look_ask_the_store_once(served: Serve) -> None:
    """As long as what it said is fresh."""
    now = [0.0]
    asked = 0

    async with served() as page:
        store = page.tasks.store

        async def use(ask: Callable[[JobStore], Any]) -> Any:
            nonlocal asked
            asked += 1
            return ask(store)

        overview = Overview(page.app.app, use, clock=lambda: now[0])
        await asyncio.gather(*(overview.told(0) for _ in range(20)))
        at_once = asked
        now[0] += 1.0
        await overview.told(0)

    assert (at_once, asked) == (1, 2)


async def test_nothing_secret_is_told(served: Serve) -> None:
    """In a list, of one job, or of one whose message came by another way than ours."""
    async with served() as page:
        [id] = await page.mail("ada")
        await page.ended(id)
        foreign = new_job(
            action="mail",
            delay_ms=60_000,
            body=b'{"queue_name":"default","actor_name":"mail","args":[],"kwargs":{"to":"bob",'
            b'"token":"%s"},"options":{},"message_id":"x","message_timestamp":1}'
            % page.secret.encode(),
        )
        await page.tasks.use(lambda store: store.add([foreign]))
        answers = [
            await page.read("jobs", state="dead"),
            await page.read("job", id=id),
            await page.read("jobs", state="delayed"),
            await page.read("job", id=foreign.id),
        ]

    assert page.secret not in json.dumps(answers)
    [listed] = answers[0]["jobs"]
    assert json.loads(listed["inputs"]) == {"to": "ada", "token": "[redacted]"}
    assert listed["error"] == {
        "message": "no mailbox for ada",
        "type": "CONNECTION_ACTION_CONFLICT",
    }
    assert json.loads(answers[1]["inputs"]) == {"to": "ada", "token": "[redacted]"}
    assert json.loads(answers[3]["inputs"]) == {"to": "bob", "token": "[redacted]"}


async def test_what_nobody_can_read_is_told_as_far_as_it_goes(served: Serve) -> None:
    """A list has a place for it, and is cut where it would not fit."""
    async with served() as page:
        broken = new_job(body=b"\xff", delay_ms=60_000)
        await page.tasks.use(lambda store: store.add([broken]))
        await page.mail("x" * 10_000, delay=LATER)

        [large, small] = (await page.read("jobs", state="delayed"))["jobs"]
        whole = await page.read("job", id=large["id"])

    assert small["inputs"] == "{}"
    assert len(large["inputs"]) == 240
    assert large["inputs"].endswith("…")
    assert len(json.loads(whole["inputs"])["to"]) == 10_000


async def test_lists_come_a_page_at_a_time(served: Serve) -> None:
    """The newest first, of one queue or of all."""
    async with served(run_in_server=False) as page:
        ids = await page.mail(*(f"user{number}" for number in range(job_views.PAGE + 5)))
        [other] = await page.mail("eve", queue="other")

        first = await page.read("jobs", state="ready", queue="mail")
        second = await page.read("jobs", state="ready", queue="mail", before=first["next"])
        every = await page.read("jobs", state="ready")

    shown = [[job["id"] for job in told["jobs"]] for told in (first, second)]
    assert shown == [ids[:4:-1], ids[4::-1]]
    assert second["next"] is None
    assert every["jobs"][0]["id"] == other


@pytest.mark.parametrize(
    ("query", "status", "key"),
    [
        ("jobs?state=nonesuch", 422, "state"),
        ("jobs", 422, "state"),
        ("jobs?state=dead&before=x", 422, None),
        ("overview?since=1e9", 422, None),
        ("job?id=nobody", 404, "id"),
        ("nonesuch", 404, None),
    ],
)
async def test_what_makes_no_sense_is_refused(
    served: Serve, query: str, status: int, key: str | None
) -> None:
    """In the envelope of every refusal."""
    async with served() as page:
        answer = await page.client.get(f"/tasks/api/{query}")

    assert answer.status_code == status
    assert answer.json()["error"].get("key") == key


async def test_a_dead_letter_runs_again_once_it_is_told_to(served: Serve) -> None:
    """Only once: who was slower is told that it is none any more."""
    async with served() as page:
        [id] = await page.mail("ada")
        await page.ended(id)
        page.mend()

        retried = await page.change("retry", id=id)
        [job] = await page.ended(id)
        late = await page.change("retry", id=id)

    assert (retried.status_code, retried.json()) == (200, {"id": id})
    assert (job.state, job.result) == (JobState.DONE, {"sent": "ada"})
    assert late.status_code == 409
    assert late.json()["error"]["message"] == f"Job {id} cannot be changed: it is no dead letter"


async def test_a_dead_letter_is_forgotten_and_a_job_that_waits_is_cancelled(served: Serve) -> None:
    """A job in another state stays as it is."""
    async with served() as page:
        [dead] = await page.mail("ada")
        [waiting] = await page.mail("bob", delay=LATER)
        await page.ended(dead)

        answers = [
            await page.change("cancel", id=dead),
            await page.change("discard", id=waiting),
            await page.change("discard", id=dead),
            await page.change("cancel", id=waiting),
            await page.change("discard", id=dead),
            await page.change("cancel"),
            await page.client.post("/tasks/api/cancel", json=["x"]),
        ]
        cancelled = await page.tasks.job(waiting)

    statuses = [answer.status_code for answer in answers]
    assert statuses == [409, 409, 200, 200, 404, 422, 400]
    assert cancelled.state is JobState.CANCELLED


async def test_all_dead_letters_of_a_queue_are_met_once(
    served: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some at a time, and those that fail again at once do not come again for ever."""
    monkeypatch.setattr(job_views, "BATCH", 2)
    async with served() as page:
        ids = await page.mail(*"abcde")
        [other] = await page.mail("eve", queue="other")
        await page.ended(*ids, other)

        counts = []
        before = None
        while True:
            asked = await page.change("dead/retry", queue="mail", before=before)
            counts.append(asked.json()["count"])
            before = asked.json()["next"]
            await page.ended(*ids)
            if before is None:
                break
        gone = await page.change("dead/discard", queue=None, before=None)
        odd = await page.change("dead/discard", queue=7, before=None)
        old = await page.change("dead/discard", queue=None, before=2**70)

    assert counts == [2, 2, 1]
    assert gone.json()["count"] == 2
    assert (odd.status_code, old.status_code) == (422, 422)


async def test_a_store_that_is_away_is_told_as_such(
    served: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not by its insides."""

    def away(_: object) -> JobStore:
        raise StoreUnavailable("Redis: no route to 10.0.0.7")

    monkeypatch.setattr(job_views, "open_store", away)
    async with served() as page:
        answer = await page.client.get("/tasks/api/overview")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["error"]["message"] == "The queue of jobs is not available"
