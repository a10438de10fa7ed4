"""The panel Jobs in a real browser that can reach only the server under test."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from playwright.async_api import expect
from plugins.console.tests.conftest import OPERATORS, console_site
from plugins.console.tests.test_browser import (
    SCRIPT,
    browser,
    check_page,
    open_window,
)

from actionhero import Action, logs
from actionhero_tasks import Task, Tasks
from actionhero_tasks import plugin as tasks_plugin
from actionhero_tasks.job import JobState, Settlement, SettlementKind
from actionhero_tasks.testing.jobs import new_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Locator, Page
    from plugins.console.tests.conftest import Site
    from plugins.console.tests.test_browser import Open

    from actionhero_tasks.job import JobRecord, NewJob
    from actionhero_tasks.stores.store import JobStore

# One server and one browser for all tests.
pytestmark = pytest.mark.asyncio(loop_scope="module")

__all__ = ["browser", "open_window"]

DEAD = 10_000


class Mail(Action):
    """Send a mail."""

    name = "mail"
    task = Task(queue="mail")

    async def run(self, to: str, count: int = 1) -> None:
        """Do nothing."""


class Report(Action):
    """Run every night."""

    name = "report"
    task = Task(queue="reports", cron="0 3 * * *")

    async def run(self) -> None:
        """Do nothing."""


def mail(to: str = "ada", **fields: Any) -> NewJob:
    """Return a job."""
    message = {
        "queue_name": "mail", "actor_name": "mail", "args": [], "kwargs": {"to": to},
        "options": {}, "message_id": "x", "message_timestamp": 1,
    }  # fmt: skip
    return new_job(
        **{"action": "mail", "queue": "mail", "body": json.dumps(message).encode(), **fields}
    )


def add_dead(store: JobStore, jobs: list[NewJob], message: str = "no mailbox") -> None:
    """Add dead letters."""
    store.add(jobs)
    queues = sorted({job.queue for job in jobs})
    claims, _ = store.settle_and_claim("worker", queues, len(jobs))
    error = json.dumps({"message": message, "type": "X"}).encode()
    dead = [Settlement(claim.id, claim.token, SettlementKind.DEAD, error=error) for claim in claims]
    store.settle_and_claim("worker", queues, 0, dead)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """An application with a console and jobs, which no worker runs."""
    logs.configure("info", "json", stream=io.StringIO())
    environ = {
        "ACTIONHERO_APP__DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "ACTIONHERO_TASKS__RUN_IN_SERVER": "false",
    }
    async with console_site(
        tasks_plugin, Mail, Report, operators=OPERATORS, environ=environ
    ) as site:
        jobs = [mail(queue="bulk") for _ in range(DEAD)]
        await site.app.app.get(Tasks).use(lambda store: add_dead(store, jobs))
        yield site
    logs.shutdown()


async def add(server: Site, *jobs: NewJob, dead: bool = True) -> None:
    """Add jobs to the store."""
    add_to = add_dead if dead else lambda store, jobs: store.add(jobs)
    await server.app.app.get(Tasks).use(lambda store: add_to(store, list(jobs)))


async def find(server: Site, id: str) -> JobRecord | None:
    """Return a job of the store."""
    record: JobRecord | None = await server.app.app.get(Tasks).use(lambda store: store.find(id))
    return record


def row(page: Page, text: str) -> Locator:
    """Return the row of a table that contains a text."""
    return page.locator("tbody tr").filter(has_text=text)


async def confirm(page: Page, question: str, button: str) -> None:
    """Confirm a change."""
    await expect(page.get_by_role("dialog")).to_contain_text(question)
    await page.get_by_role("dialog").get_by_role("button", name=button, exact=True).click()
    await expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize(
    ("scheme", "width", "height"),
    [("light", 360, 740), ("dark", 1440, 900)],
    ids=["light phone", "dark desktop"],
)
async def test_the_views_are_accessible(
    open_window: Open, server: Site, tmp_path: Path, scheme: str, width: int, height: int
) -> None:
    """Nothing is cut off, and axe-core reports no violation."""
    long = mail("W" * 300, queue="Q" * 100)
    await add(server, long)
    fan_out = await server.app.app.get(Tasks).fan_out(Mail, [{"to": "ada"}] * 3, queue="fan")
    view = {"width": width, "height": height}
    window = await open_window("bob", viewport=view, color_scheme=scheme)
    views = ["jobs", f"jobs?state=dead&queue={long.queue}", f"jobs/job/{long.id}"]
    for number, address in enumerate([*views, f"jobs/fan-out/{fan_out}"]):
        await window.open(address)
        await expect(window.page.locator(".jobs-panel .card").first).to_be_visible()
        await check_page(window, width, tmp_path / f"{number}.png")
    window.check()


async def test_single_jobs_are_changed(open_window: Open, server: Site) -> None:
    """Dangerous changes after a confirmation, which names the action."""
    first, second = mail("first", queue="one"), mail("second", queue="one")
    third = mail("third", queue="one", delay_ms=3_600_000)
    await add(server, first, second)
    await add(server, third, dead=False)
    window = await open_window("bob")
    page = window.page
    await window.open("jobs?state=dead&queue=one")
    await row(page, "first").get_by_role("button", name="Retry").click()
    await expect(page.get_by_text("Retried mail.")).to_be_visible()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await row(page, "second").get_by_role("button", name="Discard").click()
    await confirm(page, "Discard this dead letter of mail?", "Discard")
    await expect(page.get_by_text("No jobs.")).to_be_visible()
    await page.get_by_role("link", name="Delayed").click()
    await expect(row(page, "third")).to_be_visible()
    await page.get_by_label("Queue", exact=True).select_option("")
    await expect(page).to_have_url(re.compile(r"#/jobs\?state=delayed$"))
    await expect(row(page, "third")).to_be_visible()
    await row(page, "third").get_by_role("button", name="Cancel").click()
    await confirm(page, "Cancel this job of mail? It will not run.", "Cancel")
    await expect(row(page, "third")).to_have_count(0)

    retried, cancelled = await find(server, first.id), await find(server, third.id)
    assert retried is not None
    assert retried.state is JobState.READY
    assert await find(server, second.id) is None
    assert cancelled is not None
    assert cancelled.state is JobState.CANCELLED
    window.check()


async def test_inputs_are_edited(open_window: Open, server: Site) -> None:
    """An invalid input is reported beside the form, with its text intact."""
    job = mail("nowhere", queue="edit")
    await add(server, job)
    window = await open_window("bob")
    page = window.page
    await window.open("jobs?search=nowhere-else")
    await expect(page.get_by_text("No job matches.")).to_be_visible()
    await page.get_by_role("searchbox").fill(job.id)
    await page.keyboard.press("Enter")
    await row(page, "nowhere").get_by_role("link").click()
    text = page.get_by_role("textbox", name="Inputs")
    await expect(text).to_have_value(re.compile('"to": "nowhere"'))
    await text.fill('{"to": "ada", "count": "many"}')
    await page.get_by_role("button", name="Retry with these inputs").click()
    await expect(page.locator(".error[role=alert]")).to_contain_text("count")
    await expect(text).to_have_value('{"to": "ada", "count": "many"}')
    # Every digit is kept.
    await text.fill('{"to": "ada", "count": 9007199254740993}')
    await page.get_by_role("button", name="Retry with these inputs").click()
    await expect(page.get_by_text("Retried mail.")).to_be_visible()
    await expect(page.locator(".card .chip")).to_have_text("ready")
    shown = page.get_by_role("region", name="Inputs")
    await expect(shown).to_contain_text('"count": 9007199254740993')

    window.messages = [message for message in window.messages if "422" not in message]
    window.check()


async def test_all_dead_letters_of_a_queue_are_changed(open_window: Open, server: Site) -> None:
    """In batches of a hundred; other queues are not affected."""
    await add(server, *(mail(queue="batch") for _ in range(150)))
    window = await open_window("bob")
    page = window.page
    await window.open("jobs?state=dead&queue=batch")
    await page.get_by_role("button", name="Retry all").click()
    await confirm(page, "Retry 150 dead letters of queue batch?", "Retry all")
    await expect(page.get_by_text("Retried 150 dead letters.")).to_be_visible()
    await expect(page.get_by_text("No jobs.")).to_be_visible()
    await expect(page.get_by_role("button", name="Retry all")).to_be_hidden()

    await add(server, mail(queue="batch2"))
    await window.open("jobs?state=dead&queue=batch2")
    await page.get_by_role("button", name="Discard all").click()
    await confirm(page, "Discard 1 dead letter of queue batch2?", "Discard all")
    await expect(page.get_by_text("Discarded 1 dead letter.")).to_be_visible()
    window.check()


async def test_queues_are_paused_and_schedules_run(open_window: Open, server: Site) -> None:
    """A paused queue is marked."""
    await add(server, mail(queue="pausing"), dead=False)
    window = await open_window("bob")
    page = window.page
    await window.open("jobs")
    queue = row(page, "pausing")
    await queue.get_by_role("button", name="Pause").click()
    await confirm(page, "Pause the queue pausing?", "Pause")
    await expect(queue.get_by_text("paused")).to_be_visible()
    await queue.get_by_role("button", name="Resume").click()
    await expect(queue.get_by_text("paused", exact=True)).to_be_hidden()
    await page.get_by_role("button", name="Run report now").click()
    await confirm(page, "Run report now?", "Run now")
    await expect(page.get_by_text("Enqueued report.")).to_be_visible()
    await expect(row(page, "reports").get_by_label("1 ready in reports")).to_be_visible()
    window.check()


async def test_a_viewer_sees_no_changes(open_window: Open, server: Site) -> None:
    """The server refuses them."""
    job = mail("viewed", queue="view")
    await add(server, job)
    window = await open_window("eve")
    page = window.page
    main = page.locator("#panel")
    for address in ("jobs", "jobs?state=dead&queue=view", f"jobs/job/{job.id}"):
        await window.open(address)
        await expect(main.locator(".card").first).to_be_visible()
        await expect(main.get_by_role("button")).to_have_count(0)
        await expect(main.get_by_role("textbox")).to_have_count(0)
    status = await page.evaluate(
        """async (id) => (await fetch("console/api/change/jobs/discard", {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ id }),
        })).status""",
        job.id,
    )
    assert status == 403
    assert await find(server, job.id) is not None


async def test_texts_of_strangers_are_not_markup(open_window: Open, server: Site) -> None:
    """In inputs, errors, keys, and the names of queues and actions."""
    job = mail(SCRIPT, queue=SCRIPT, action=SCRIPT, key=SCRIPT)
    tasks = server.app.app.get(Tasks)
    await tasks.use(lambda store: add_dead(store, [job], SCRIPT))
    window = await open_window("bob")
    page = window.page
    for address in ("jobs", "jobs?state=dead", f"jobs/job/{job.id}", f"jobs?search={job.id}"):
        await window.open(address)
        await expect(page.get_by_text(SCRIPT).first).to_be_attached()
        assert await page.locator("#main script, #main img").count() == 0
    await window.open("jobs?state=dead")
    await row(page, SCRIPT).get_by_role("button", name="Discard").click()
    await confirm(page, f"Discard this dead letter of {SCRIPT}?", "Discard")
    window.check()


async def test_many_dead_letters_are_paged(open_window: Open) -> None:
    """A hundred on a page; the address has the page."""
    window = await open_window("bob")
    page = window.page
    await window.open("jobs?state=dead&queue=bulk")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(100)
    await expect(page.get_by_role("link", name=re.compile("Dead 10,0"))).to_be_visible()
    first = await rows.first.get_by_role("link").get_attribute("href")
    await expect(page.get_by_role("button", name="Newest")).to_be_disabled()
    await page.get_by_role("button", name="Older").click()
    await expect(page.get_by_role("button", name="Newest")).to_be_enabled()
    second = await rows.first.get_by_role("link").get_attribute("href")
    await page.reload()
    await expect(rows).to_have_count(100)
    assert await rows.first.get_by_role("link").get_attribute("href") == second != first
    await page.go_back()
    await expect(page.get_by_role("button", name="Newest")).to_be_disabled()
    assert await rows.first.get_by_role("link").get_attribute("href") == first
    await window.open("jobs?search=nothing-like-this&queue=bulk")
    await expect(page.get_by_text("No job matches.")).to_be_visible()
    window.check()


async def test_the_page_of_jobs_leads_here(open_window: Open, server: Site) -> None:
    """With the panel in the address, over the sign-in too."""
    window = await open_window()
    window.url = f"{server.origin}/tasks"
    await window.sign_in("bob")
    await expect(window.page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    assert window.page.url == f"{server.origin}/console#/jobs"
