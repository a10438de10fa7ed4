"""The data of the page, and its operations on jobs."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actionhero_tasks import store_client
from actionhero_tasks.job import JobState, StoreUnavailable
from actionhero_tasks.operations import functions, job_views
from actionhero_tasks.operations.overview import Overview
from actionhero_tasks.testing import new_job

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    import pytest
    from plugins.tasks.tests.page.conftest import PageSite

    from actionhero_tasks.stores.store import JobStore

    Serve = Callable[..., contextlib.AbstractAsyncContextManager[PageSite]]

LATER = timedelta(hours=1)


async def test_the_overview_has_queues_workers_schedules_and_totals(serve: Serve) -> None:
    """And the samples since the last request."""
    async with serve() as page:
        await page.wait(*await page.mail("ada"))
        await page.mail("bob", delay=LATER)

        overview = await page.read("overview")
        second = await page.read("overview", since=overview["now"])

    [queue] = overview["queues"]
    assert (queue["queue"], queue["dead"], queue["delayed"], queue["ready"]) == ("mail", 1, 1, 0)
    assert overview["totals"] == {"done": 0, "failed": 1}
    assert [worker["running"] for worker in overview["workers"]] == [0]
    [schedule] = overview["schedules"]
    assert (schedule["action"], schedule["cron"], schedule["timezone"]) == (
        "report",
        "0 3 * * *",
        "Europe/Berlin",
    )
    assert schedule["next"] > overview["now"]
    assert overview["samples"] == [[overview["now"], 0, 1, 0]]
    assert all(sample[0] > overview["now"] for sample in second["samples"])


async def test_concurrent_requests_query_the_store_once(serve: Serve) -> None:
    """The result is reused for a second."""
    now = [0.0]
    queries = 0

    async with serve() as page:
        store = page.tasks.store

        async def use(query: Callable[[JobStore], Any]) -> Any:
            nonlocal queries
            queries += 1
            return query(store)

        overview = Overview(page.app.app, use, clock=lambda: now[0])
        await asyncio.gather(*(overview.snapshot(0) for _ in range(20)))
        concurrent_queries = queries
        now[0] += 1.0
        await overview.snapshot(0)

    assert (concurrent_queries, queries) == (1, 2)


async def test_secret_inputs_are_redacted(serve: Serve) -> None:
    """In lists and details, even for jobs that another program enqueued."""
    async with serve() as page:
        [id] = await page.mail("ada")
        await page.wait(id)
        foreign = new_job(
            action="mail",
            delay_ms=60_000,
            body=b'{"queue_name":"default","actor_name":"mail","args":[],"kwargs":{"to":"bob",'
            b'"token":"%s"},"options":{},"message_id":"x","message_timestamp":1}'
            % page.secret.encode(),
        )
        await page.tasks.use(lambda store: store.add([foreign]))
        results = [
            await page.read("list", state="dead"),
            await page.read("job", id=id),
            await page.read("list", state="delayed"),
            await page.read("job", id=foreign.id),
        ]

    assert page.secret not in json.dumps(results)
    [listed] = results[0]["jobs"]
    assert json.loads(listed["inputs"]) == {"to": "ada", "token": "[redacted]"}
    assert listed["error"] == {
        "message": "no mailbox for ada",
        "type": "CONNECTION_ACTION_CONFLICT",
    }
    assert json.loads(results[1]["inputs"]) == {"to": "ada", "token": "[redacted]"}
    assert json.loads(results[3]["inputs"]) == {"to": "bob", "token": "[redacted]"}


async def test_undecodable_and_large_jobs_are_listed(serve: Serve) -> None:
    """Large inputs are truncated in lists."""
    async with serve() as page:
        broken = new_job(body=b"\xff", delay_ms=60_000)
        await page.tasks.use(lambda store: store.add([broken]))
        await page.mail("x" * 10_000, delay=LATER)

        [large, small] = (await page.read("list", state="delayed"))["jobs"]
        details = await page.read("job", id=large["id"])

    assert small["inputs"] == "{}"
    assert len(large["inputs"]) == 240
    assert large["inputs"].endswith("…")
    assert len(json.loads(details["inputs"])["to"]) == 10_000


async def test_lists_are_paginated(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest first, of one queue or of all queues."""
    monkeypatch.setattr(functions, "PAGE_SIZE", 3)
    async with serve(run_in_server=False) as page:
        ids = await page.mail(*"abcde")
        [other] = await page.mail("eve", queue="other")

        first = await page.read("list", state="ready", queue="mail")
        second = await page.read("list", state="ready", queue="mail", before=first["next"])
        all_queues = await page.read("list", state="ready")

    pages = [[job["id"] for job in result["jobs"]] for result in (first, second)]
    assert pages == [ids[:1:-1], ids[1::-1]]
    assert second["next"] is None
    assert all_queues["jobs"][0]["id"] == other


async def test_invalid_requests_are_rejected(serve: Serve) -> None:
    """With the error document of every response; that of a query is beside other results."""
    async with serve() as page:
        errors = [
            await page.read("list", state="nonesuch"),
            await page.read("list", state="dead", before="x"),
            await page.read("job", id="nonesuch"),
            await page.read("nonesuch"),
        ]
        unknown = await page.client.get("/tasks/api/nonesuch")
        change = await page.change("nonesuch")

    assert [error.get("key") for error in errors] == ["state", "before", "id", None]
    assert errors[-1]["message"] == "There is no such query"
    for response in (unknown, change):
        assert response.status_code == 404
        assert response.json()["error"]["message"].startswith("There is no such")


async def test_a_dead_letter_is_retried(serve: Serve) -> None:
    """A second request is a conflict."""
    async with serve() as page:
        [id] = await page.mail("ada")
        await page.wait(id)
        page.set_mailbox(is_available=True)

        retried = await page.change("retry", id=id)
        [job] = await page.wait(id)
        late = await page.change("retry", id=id)

    assert (retried.status_code, retried.json()["value"]) == (200, {"id": id})
    assert (job.state, job.result) == (JobState.DONE, {"sent": "ada"})
    assert late.status_code == 409
    assert late.json()["error"]["message"] == f"Job {id} cannot be changed: it is not a dead letter"


async def test_dead_letters_are_discarded_and_delayed_jobs_cancelled(serve: Serve) -> None:
    """Jobs in other states are not changed."""
    async with serve() as page:
        [dead] = await page.mail("ada")
        [waiting] = await page.mail("bob", delay=LATER)
        await page.wait(dead)

        responses = [
            await page.change("cancel", id=dead),
            await page.change("discard", id=waiting),
            await page.change("discard", id=dead),
            await page.change("cancel", id=waiting),
            await page.change("discard", id=dead),
            await page.change("cancel"),
            await page.client.post("/tasks/api/change/jobs/cancel", json=["x"]),
        ]
        cancelled = await page.tasks.job(waiting)

    statuses = [response.status_code for response in responses]
    assert statuses == [409, 409, 200, 200, 404, 422, 400]
    assert cancelled.state is JobState.CANCELLED


async def test_every_dead_letter_of_a_queue_is_retried_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches, even if the jobs fail again immediately."""
    monkeypatch.setattr(job_views, "BATCH_SIZE", 2)
    async with serve() as page:
        ids = await page.mail(*"abcde")
        [other] = await page.mail("eve", queue="other")
        await page.wait(*ids, other)

        counts = []
        before = None
        while True:
            response = await page.change("retry_dead", queue="mail", before=before)
            counts.append(response.json()["value"]["count"])
            before = response.json()["value"]["next"]
            await page.wait(*ids)
            if before is None:
                break
        discard = await page.change("discard_dead", queue=None, before=None)
        invalid_queue = await page.change("discard_dead", queue=7, before=None)
        invalid_before = await page.change("discard_dead", queue=None, before=2**70)

    assert counts == [2, 2, 1]
    assert discard.json()["value"]["count"] == 2
    assert (invalid_queue.status_code, invalid_before.status_code) == (422, 422)


async def test_an_unavailable_store_is_reported_without_internals(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error has a time to retry."""

    def fail(_: object) -> JobStore:
        raise StoreUnavailable("Redis: no route to 10.0.0.7")

    async with serve() as page:
        monkeypatch.setattr(store_client, "open_store", fail)
        error = await page.read("overview")
        change = await page.change("pause", queue="mail")

    assert (error["message"], error["retry_after"]) == ("The queue of jobs is not available", 1)
    assert (change.status_code, change.headers["Retry-After"]) == (503, "1")
