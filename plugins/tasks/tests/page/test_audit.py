"""The audit events of the page of jobs, and of the commands for jobs."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from plugins.tasks.tests.page.conftest import PageSite

    Serve = Callable[..., contextlib.AbstractAsyncContextManager[PageSite]]

PASSWORD = "correct horse battery staple"


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that returns the events so far."""
    caplog.set_level(logging.INFO, "actionhero.audit")

    def read() -> list[dict[str, Any]]:
        records = [record for record in caplog.records if record.name == "actionhero.audit"]
        return [json.loads(record.getMessage()) for record in records]

    return read


async def test_sign_ins_refusals_and_changes_are_recorded(
    serve: Serve, events: Callable[[], list[dict[str, Any]]]
) -> None:
    """With the address of the operator, and without passwords and tokens."""
    async with serve(store="embedded", operator_password=PASSWORD) as page:
        [dead] = [job.id for job in await page.wait(*await page.mail("ada"))]
        await page.change("retry", id=dead)
        await page.sign_in("sesame, open")
        token = (await page.sign_in()).cookies["actionhero_tasks"]
        await page.change("retry", id=dead)
        await page.wait(dead)
        await page.change("discard_dead", queue="mail")
        await page.client.post("/tasks/sign-out")
        await page.client.post("/tasks/sign-out")

    recorded = events()
    assert [(item["event"], item["outcome"], item["method"]) for item in recorded] == [
        ("access", "failure", ""),
        ("sign_in", "failure", "operator_password"),
        ("sign_in", "success", "operator_password"),
        ("tasks.retry", "success", "operator_password"),
        ("tasks.discard", "success", "operator_password"),
        ("sign_out", "success", "operator_password"),
    ]
    assert {item["remote"] for item in recorded} == {"127.0.0.1"}
    assert recorded[0]["details"]["path"] == "/tasks/api/change/jobs/retry"
    assert recorded[3]["details"] == {"page": "tasks", "jobs": [dead]}
    assert recorded[4]["details"] == {"page": "tasks", "jobs": "all", "queue": "mail", "count": 1}
    for secret in (PASSWORD, "sesame", token):
        assert secret not in json.dumps(recorded)


async def test_other_changes_are_recorded(
    serve: Serve, events: Callable[[], list[dict[str, Any]]]
) -> None:
    """With redacted inputs."""
    async with serve(store="embedded") as page:
        [dead] = [job.id for job in await page.wait(*await page.mail("ada"))]
        inputs = json.dumps({"to": "bob", "token": page.secret})
        await page.change("edit", id=dead, action="mail", inputs=inputs)
        await page.change("pause", queue="mail")

    edit, pause = events()
    redacted = {"to": "bob", "token": "[redacted]"}
    details = {"page": "tasks", "action": "mail", "inputs": redacted, "jobs": [dead]}
    assert (edit["event"], edit["details"]) == ("tasks.edit", details)
    assert (pause["event"], pause["details"]) == ("tasks.pause", {"page": "tasks", "queue": "mail"})


async def test_without_a_password_the_operator_is_local(
    serve: Serve, events: Callable[[], list[dict[str, Any]]]
) -> None:
    """In development."""
    async with serve(store="embedded") as page:
        [dead] = [job.id for job in await page.wait(*await page.mail("ada"))]
        await page.change("discard", id=dead)
        await page.client.post(
            "/tasks/api/change/jobs/discard", headers={"Sec-Fetch-Site": "cross-site"}
        )

    changed, refused = events()
    assert (changed["event"], changed["method"]) == ("tasks.discard", "operator")
    assert (refused["event"], refused["outcome"]) == ("access", "failure")
