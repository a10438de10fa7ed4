"""The page in a real browser that can reach only the server under test."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import async_playwright, expect

from actionhero import Action, Call
from actionhero_tasks.job import JobState
from actionhero_tasks.operations import functions, job_views

if TYPE_CHECKING:
    import contextlib
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Browser, Locator, Page, Route
    from plugins.tasks.tests.page.conftest import PageSite

    Serve = Callable[..., contextlib.AbstractAsyncContextManager[PageSite]]

# One browser for all tests.
pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse battery staple"
TIMEOUT_MS = 20_000
LATER = timedelta(hours=1)
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--proxy-server=direct://",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class Window:
    """A browser window, its requests, and the messages of its console."""

    def __init__(self, page: Page, site: PageSite) -> None:
        self.page = page
        self.requests: list[str] = []
        self.console: list[str] = []
        self._origin = site.origin
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.console.append(message.text))
        page.on("pageerror", lambda error: self.console.append(str(error)))

    async def open(self, view: str = "") -> None:
        """Open a view of the page, and wait until it is connected."""
        await self.page.goto(f"{self._origin}/tasks#/{view}")
        await self.wait_until_connected()

    async def wait_until_connected(self) -> None:
        """Wait until the data of the page is current."""
        await expect(self.page.locator("#connection")).to_have_text(re.compile("Live"))

    def link(self, name: str) -> Locator:
        """Return the link to the jobs with a state."""
        navigation = self.page.get_by_role("navigation", name="Jobs by state")
        return navigation.get_by_role("link", name=name, exact=True)

    def tile(self, name: str) -> Locator:
        """Return the number of a tile of the overview."""
        tiles = self.page.locator(".tile")
        return tiles.filter(has=self.page.get_by_text(name, exact=True)).locator("b")

    @property
    def jobs(self) -> Locator:
        """The jobs of a list."""
        return self.page.locator(".jobs tbody tr")

    def job(self, text: str) -> Locator:
        """Return the job of a list that contains a text."""
        return self.jobs.filter(has_text=text)

    def button(self, name: str) -> Locator:
        """Return the button of that name."""
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def external_requests(self) -> set[str]:
        """The requests to other servers."""
        return {url for url in self.requests if not url.startswith((self._origin, "data:"))}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(program: Callable[[str], str]) -> AsyncIterator[Browser]:
    expect.set_options(timeout=TIMEOUT_MS)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=program("chromium"), args=ARGUMENTS
        )
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="module")
async def window(browser: Browser) -> AsyncIterator[Callable[..., Awaitable[Window]]]:
    """A function that opens a window with a new browser context."""

    async def open_window(site: PageSite, **options: Any) -> Window:
        return Window(await (await browser.new_context(**options)).new_page(), site)

    yield open_window
    for context in browser.contexts:
        await context.close()


async def test_an_operator_signs_in_and_retries_and_discards_dead_letters(
    serve: Serve, window: Any
) -> None:
    """A discarded job is deleted from the store."""
    async with serve(operator_password=PASSWORD) as page:
        ada, bob = await page.mail("ada", "bob")
        await page.wait(ada, bob)
        page.set_mailbox(is_available=True)
        tab = await window(page)

        await tab.page.goto(f"{page.origin}/tasks")
        await tab.page.get_by_label("Password").fill(PASSWORD)
        await tab.page.keyboard.press("Enter")
        await tab.wait_until_connected()
        await expect(tab.tile("Dead")).to_have_text("2")
        await tab.link("Dead 2").click()
        await expect(tab.job("no mailbox for ada")).to_be_visible()
        await tab.job("no mailbox for ada").get_by_role("button", name="Retry").click()
        await expect(tab.page.get_by_text("Retried mail.")).to_be_visible()
        await expect(tab.jobs).to_have_count(1)

        await tab.link("Done").click()
        await expect(tab.job('"to":"ada"')).to_be_visible()
        await tab.job('"to":"ada"').get_by_role("link").click()
        await expect(tab.page.get_by_label("Result")).to_have_text(re.compile('"sent": "ada"'))

        await tab.link("Dead 1").click()
        await tab.job("no mailbox for bob").get_by_role("button", name="Discard").click()
        await tab.page.get_by_role("dialog").get_by_role("button", name="Discard").click()
        await expect(tab.page.get_by_text("No jobs.")).to_be_visible()
        discarded = await page.tasks.use(lambda store: store.find(bob))
        text = await tab.page.content()
        await tab.button("Sign out").click()
        await expect(tab.page.get_by_label("Password")).to_be_visible()

    assert discarded is None
    assert page.secret not in text
    # No violation of the Content-Security-Policy, no error in a script, no external request.
    assert (tab.console, tab.external_requests) == ([], set())
    assert not any(PASSWORD in url for url in tab.requests)


async def test_a_wrong_password_is_reported_at_the_field(serve: Serve, window: Any) -> None:
    """The field has the focus, so that a screen reader reads the error."""
    async with serve(operator_password=PASSWORD) as page:
        tab = await window(page)
        await tab.page.goto(f"{page.origin}/tasks")
        await tab.page.get_by_label("Password").fill("sesame")
        await tab.page.keyboard.press("Enter")

        field = tab.page.get_by_label("Password")
        await expect(tab.page.get_by_role("alert")).to_have_text("Wrong password.")
        await expect(field).to_be_focused()
        await expect(field).to_have_accessible_description("Wrong password.")
        await field.fill(PASSWORD)
        await tab.page.keyboard.press("Enter")
        await tab.wait_until_connected()


async def test_counts_and_plots_are_updated(serve: Serve, window: Any) -> None:
    """Without reloading the page."""
    async with serve() as page:
        page.set_mailbox(is_available=True)
        tab = await window(page)
        await tab.open()
        await expect(tab.tile("Done")).to_have_text("0")
        plot = tab.page.get_by_role("img", name=re.compile("^Runs per second"))

        await page.mail(*(f"user{number}" for number in range(40)))
        await expect(tab.tile("Done")).to_have_text("40")
        await expect(plot).to_have_accessible_name(re.compile(r"at most (?!0 )[\d.]+ in"))
        await expect(plot.locator("path.line-0")).to_have_attribute("d", re.compile("^M.*L"))
        page.set_mailbox(is_available=False)
        await page.mail("eve")
        await expect(tab.tile("Dead")).to_have_text("1")

        row = tab.page.get_by_role("row").filter(has_text="mail")
        await expect(row.get_by_role("link", name="1 dead in mail")).to_be_visible()
        schedules = tab.page.get_by_role("region", name="Schedules")
        await expect(schedules).to_contain_text(re.compile(r"report0 3 \* \* \* \(Europe/Berlin\)"))
        workers = tab.page.get_by_role("region", name="Workers")
        await expect(workers.locator("tbody tr")).to_have_count(1)

    assert tab.console == []


async def test_the_progress_and_the_result_of_a_job_are_shown(serve: Serve, window: Any) -> None:
    """Without reloading the page."""
    release = asyncio.Event()

    class Long(Action):
        """Wait for an event."""

        name = "long"

        async def run(self, call: Call) -> str:
            call.progress(30, 120)
            await release.wait()
            return "finished"

    async with serve(plugins=(Long,)) as page:
        tab = await window(page)
        await tab.open("jobs?state=running")
        await expect(tab.page.get_by_text("No jobs.")).to_be_visible()
        await page.tasks.enqueue(Long)

        bar = tab.page.get_by_role("progressbar")
        await expect(bar).to_have_js_property("position", 0.25)
        await tab.job("long").get_by_role("link").click()
        await expect(tab.page.get_by_text("30 of 120")).to_be_visible()
        release.set()
        await expect(tab.page.locator(".card > .bar .chip")).to_have_text("done")
        await expect(tab.page.get_by_label("Result")).to_have_text('"finished"')

    assert tab.console == []


async def test_a_running_job_is_cancelled(serve: Serve, window: Any) -> None:
    """In the list, after a confirmation."""

    class Endless(Action):
        """Wait for the cancellation."""

        name = "endless"

        async def run(self) -> None:
            await asyncio.Event().wait()

    async with serve(plugins=(Endless,)) as page:
        tab = await window(page)
        await tab.open("jobs?state=running")
        id = await page.tasks.enqueue(Endless)

        await tab.job("endless").get_by_role("button").click()
        await expect(tab.page.get_by_role("dialog")).to_contain_text("It is interrupted.")
        await tab.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        await expect(tab.page.get_by_text("No jobs.")).to_be_visible()
        [job] = await page.wait(id)

    assert job.state is JobState.CANCELLED
    assert tab.console == []


async def test_a_delayed_job_is_cancelled(serve: Serve, window: Any) -> None:
    """In its own view, which the search by id opens."""
    async with serve() as page:
        [id] = await page.mail("bob", delay=LATER)
        tab = await window(page)
        await tab.open()
        await tab.page.get_by_label("Search jobs").fill(id)
        await tab.page.keyboard.press("Enter")
        await tab.job('"to":"bob"').get_by_role("link").click()
        await expect(tab.page.get_by_role("heading", name="mail")).to_be_visible()

        await tab.page.get_by_role("button", name="Cancel").click()
        await tab.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        await expect(tab.page.locator(".card > .bar .chip")).to_have_text("cancelled")
        await expect(tab.page.get_by_role("button", name="Cancel")).to_have_count(0)
        await tab.link("Cancelled").click()
        await expect(tab.job('"to":"bob"')).to_be_visible()

    assert tab.console == []


async def test_all_dead_letters_of_a_queue_are_discarded(
    serve: Serve, window: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of other queues are not."""
    monkeypatch.setattr(job_views, "BATCH_SIZE", 2)
    async with serve() as page:
        ids = await page.mail(*"abcde")
        other = await page.mail("eve", queue="other")
        await page.wait(*ids, *other)
        tab = await window(page)
        await tab.open("jobs?state=dead")
        await tab.page.get_by_label("Queue", exact=True).select_option("mail")
        await expect(tab.jobs).to_have_count(5)

        await tab.button("Discard all").click()
        dialog = tab.page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Discard 5 dead letters of queue mail?")
        await dialog.get_by_role("button", name="Discard all").click()
        await expect(tab.page.get_by_text("Discarded 5 dead letters.")).to_be_visible()
        await expect(tab.page.get_by_text("No jobs.")).to_be_visible()
        await tab.page.get_by_label("Queue", exact=True).select_option("")
        await expect(tab.jobs).to_have_count(1)

    assert tab.console == []


async def test_the_page_is_usable_by_keyboard(serve: Serve, window: Any) -> None:
    """After a job was discarded, the next job has the focus."""
    async with serve() as page:
        await page.wait(*await page.mail("ada", "bob"))
        tab = await window(page)
        await tab.open("jobs?state=dead")
        keyboard = tab.page.keyboard
        first, second = (tab.job(f"for {name}") for name in ("bob", "ada"))
        await expect(first).to_be_visible()

        await keyboard.press("Tab")
        await expect(tab.page.get_by_role("link", name="Skip to content")).to_be_focused()
        await keyboard.press("Enter")
        await expect(tab.page.get_by_role("main")).to_be_focused()
        # The states, the search, the queue, two buttons for all, the table, and the job with two.
        for _ in range(7 + 1 + 1 + 2 + 1 + 3):
            await keyboard.press("Tab")
        await expect(first.get_by_role("button", name="Discard")).to_be_focused()
        await keyboard.press("Enter")
        await expect(tab.button("Back")).to_be_focused()
        await keyboard.press("Escape")
        await expect(first.get_by_role("button", name="Discard")).to_be_focused()
        await keyboard.press("Enter")
        await expect(tab.button("Back")).to_be_focused()
        await keyboard.press("Tab")
        confirm = tab.page.get_by_role("dialog").get_by_role("button", name="Discard")
        await expect(confirm).to_be_focused()
        await keyboard.press("Enter")
        await expect(first).to_have_count(0)
        await expect(second.get_by_role("button", name="Discard")).to_be_focused()

    assert tab.console == []


async def test_a_change_is_confirmed_after_another_was_not(serve: Serve, window: Any) -> None:
    """Also before the browser reports that the first dialog was closed."""
    async with serve() as page:
        await page.wait(*await page.mail("bob"))
        tab = await window(page)
        await tab.open("jobs?state=dead")
        discard = tab.job("for bob").get_by_role("button", name="Discard")
        await discard.click()
        await expect(tab.button("Back")).to_be_focused()

        await discard.evaluate(
            "(button) => { document.querySelector('dialog').close(); button.click(); }"
        )
        await tab.page.get_by_role("dialog").get_by_role("button", name="Discard").click()
        await expect(tab.page.get_by_text("Discarded mail.")).to_be_visible()
        await expect(tab.page.locator("dialog")).to_have_count(0)

    assert tab.console == []


async def test_lists_have_pages(serve: Serve, window: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The heading of a new page has the focus."""
    monkeypatch.setattr(functions, "PAGE_SIZE", 3)
    async with serve(run_in_server=False) as page:
        await page.mail(*"abcde")
        tab = await window(page)
        await tab.open("jobs?state=ready")
        await expect(tab.jobs).to_have_count(3)
        await expect(tab.button("Newest")).to_be_disabled()

        await tab.button("Older").click()
        await expect(tab.jobs).to_have_count(2)
        await expect(tab.button("Older")).to_be_disabled()
        await expect(tab.page.get_by_role("heading", name="Jobs")).to_be_focused()
        await tab.button("Newest").click()
        await expect(tab.jobs).to_have_count(3)

    assert tab.console == []


async def test_a_hidden_tab_sends_no_requests(serve: Serve, window: Any) -> None:
    """When it becomes visible, it is refreshed immediately. The clock is simulated."""
    async with serve() as page:
        tab = await window(page)
        await tab.page.clock.install()
        await tab.open()
        before = len(tab.requests)
        await tab.page.clock.run_for(2_000)
        async with tab.page.expect_response("**/api/read*"):
            await tab.page.clock.run_for(2_000)
        assert len(tab.requests) > before

        await tab.page.evaluate(HIDE, True)
        await expect(tab.page.get_by_text("Paused")).to_be_visible()
        hidden = len(tab.requests)
        await tab.page.clock.run_for(600_000)
        assert len(tab.requests) == hidden

        await tab.page.evaluate(HIDE, False)
        await tab.wait_until_connected()
        assert len(tab.requests) > hidden


async def test_a_lost_connection_is_shown_and_restored(serve: Serve, window: Any) -> None:
    """Without reloading the page."""

    async def abort(route: Route) -> None:
        await route.abort()

    async with serve() as page:
        tab = await window(page)
        await tab.open()
        await tab.page.route("**/api/read*", abort)
        await expect(tab.page.get_by_text("No response, retrying")).to_be_visible()
        await tab.page.unroute("**/api/read*")
        await tab.wait_until_connected()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_is_accessible(
    serve: Serve, window: Any, tmp_path: Path, scheme: str
) -> None:
    """On a phone and on a desktop nothing is cut off, and axe-core reports no violation."""
    async with serve(operator_password=PASSWORD) as page:
        [long, *_] = ids = await page.mail("W" * 300, "ada", "שלום עולם")
        await page.wait(*ids)
        await page.mail("bob", delay=LATER)
        for size, (width, height) in SIZES.items():
            view = {"width": width, "height": height}
            tab = await window(page, viewport=view, color_scheme=scheme)
            await tab.page.goto(f"{page.origin}/tasks")
            await _check_accessibility(tab, width, tmp_path / f"{size}-{scheme}-sign-in.png")
            await tab.page.get_by_label("Password").fill(PASSWORD)
            await tab.page.keyboard.press("Enter")
            await tab.wait_until_connected()
            views = {
                "overview": "",
                "dead": "jobs?state=dead",
                "delayed": "jobs?state=delayed",
                "job": f"jobs/job/{long}",
            }
            for name, path in views.items():
                await tab.open(path)
                await expect(tab.page.locator(".jobs-panel .card").first).to_be_visible()
                await _check_accessibility(tab, width, tmp_path / f"{size}-{scheme}-{name}.png")
            assert tab.console == []


async def _check_accessibility(tab: Window, width: int, picture: Path) -> None:
    await tab.page.screenshot(path=picture, full_page=True)
    assert await tab.page.evaluate("document.documentElement.scrollWidth") <= width, picture
    results = await Axe().run(tab.page)
    assert results.violations_count == 0, f"{picture}\n{results.generate_report()}"
