"""The page in a real browser that reaches nothing but our server."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import async_playwright, expect

from actionhero import Action, Call
from actionhero_tasks.page import job_views

if TYPE_CHECKING:
    import contextlib
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Browser, Locator, Page, Route
    from plugins.tasks.tests.page.conftest import Served

    Serve = Callable[..., contextlib.AbstractAsyncContextManager[Served]]

PASSWORD = "correct horse battery staple"
PATIENCE_MS = 20_000
LATER = timedelta(hours=1)
SIZES = {"desk": (1280, 900), "phone": (360, 740)}
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
    """One window, what it asked for, and what the browser complained of."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self._origin = served.origin
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda line: self.complaints.append(line.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def open(self, place: str = "") -> None:
        """Go to a place of the page, and wait until it is alive."""
        await self.page.goto(f"{self._origin}/tasks#/{place}")
        await self.lives()

    async def lives(self) -> None:
        """Wait until what is shown was just told."""
        await expect(self.page.locator("#live")).to_have_text(re.compile("Live"))

    def place(self, name: str) -> Locator:
        """Return the link to the jobs of a state."""
        places = self.page.get_by_role("navigation", name="Jobs by state")
        return places.get_by_role("link", name=name, exact=True)

    def tile(self, name: str) -> Locator:
        """Return the number above all others that is called `name`."""
        tiles = self.page.locator(".tile")
        return tiles.filter(has=self.page.get_by_text(name, exact=True)).locator("b")

    def job(self, text: str) -> Locator:
        """Return the job in a list that has a text."""
        return self.page.locator(".job").filter(has_text=text)

    def button(self, name: str) -> Locator:
        """Return the button of that name."""
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def strangers(self) -> set[str]:
        """Where it asked that is not our server."""
        return {url for url in self.asked if not url.startswith((self._origin, "data:"))}


@pytest.fixture
async def browser(program: Callable[[str], str]) -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=program("chromium"), args=ARGUMENTS
        )
        yield chromium
        await chromium.close()


@pytest.fixture
def window(browser: Browser) -> Callable[..., Awaitable[Window]]:
    """Give a function that opens a window that nobody has used yet."""

    async def opened(served: Served, **options: Any) -> Window:
        return Window(await (await browser.new_context(**options)).new_page(), served)

    return opened


async def test_an_operator_signs_in_retries_a_dead_letter_and_discards_another(
    served: Serve, window: Any
) -> None:
    """It is seen to be done, and the other is gone from the store."""
    async with served(operator_password=PASSWORD) as page:
        ada, bob = await page.mail("ada", "bob")
        await page.ended(ada, bob)
        page.mend()
        mine = await window(page)

        await mine.page.goto(f"{page.origin}/tasks")
        await mine.page.get_by_label("Operator password").fill(PASSWORD)
        await mine.page.keyboard.press("Enter")
        await mine.lives()
        await expect(mine.tile("Dead")).to_have_text("2")
        await mine.place("Dead 2").click()
        await expect(mine.job("no mailbox for ada")).to_be_visible()
        await mine.job("no mailbox for ada").get_by_role("button", name="Retry").click()
        await expect(mine.page.get_by_text("Retried mail.")).to_be_visible()
        await expect(mine.page.locator(".job")).to_have_count(1)

        await mine.place("Done").click()
        await expect(mine.job('"to":"ada"')).to_be_visible()
        await mine.job('"to":"ada"').get_by_role("link").click()
        await expect(mine.page.get_by_label("Result")).to_have_text(re.compile('"sent": "ada"'))

        await mine.place("Dead 1").click()
        await mine.job("no mailbox for bob").get_by_role("button", name="Discard").click()
        await mine.page.get_by_role("dialog").get_by_role("button", name="Discard").click()
        await expect(mine.page.get_by_text("There are none.")).to_be_visible()
        left = await page.tasks.use(lambda store: store.find(bob))
        text = await mine.page.content()
        await mine.button("Sign out").click()
        await expect(mine.page.get_by_label("Operator password")).to_be_visible()

    assert left is None
    assert page.secret not in text
    # Nothing was refused by the Content-Security-Policy, no script failed, nobody else was asked.
    assert (mine.complaints, mine.strangers) == ([], set())
    assert not any(PASSWORD in url for url in mine.asked)


async def test_a_wrong_password_is_told_where_it_was_given(served: Serve, window: Any) -> None:
    """The field has the focus, so that a screen reader reads what is wrong."""
    async with served(operator_password=PASSWORD) as page:
        mine = await window(page)
        await mine.page.goto(f"{page.origin}/tasks")
        await mine.page.get_by_label("Operator password").fill("sesame")
        await mine.page.keyboard.press("Enter")

        field = mine.page.get_by_label("Operator password")
        await expect(mine.page.get_by_role("alert")).to_have_text("That is not the password.")
        await expect(field).to_be_focused()
        await expect(field).to_have_accessible_description("That is not the password.")
        await field.fill(PASSWORD)
        await mine.page.keyboard.press("Enter")
        await mine.lives()


async def test_numbers_and_plots_move_by_themselves(served: Serve, window: Any) -> None:
    """Jobs run while somebody looks."""
    async with served() as page:
        page.mend()
        mine = await window(page)
        await mine.open()
        await expect(mine.tile("Done")).to_have_text("0")
        plot = mine.page.get_by_role("img", name=re.compile("^Runs per second"))

        await page.mail(*(f"user{number}" for number in range(40)))
        await expect(mine.tile("Done")).to_have_text("40")
        await expect(plot).to_have_accessible_name(re.compile(r"at most (?!0 )[\d.]+ in"))
        await expect(plot.locator("path.line-0")).to_have_attribute("d", re.compile("^M.*L"))
        page.mend(is_mended=False)
        await page.mail("nobody")
        await expect(mine.tile("Dead")).to_have_text("1")

        row = mine.page.get_by_role("row").filter(has_text="mail")
        await expect(row.get_by_role("link", name="1 dead")).to_be_visible()
        schedules = mine.page.get_by_role("region", name="Schedules")
        await expect(schedules).to_contain_text(re.compile(r"report0 3 \* \* \* \(Europe/Berlin\)"))
        workers = mine.page.get_by_role("region", name="Workers")
        await expect(workers).to_contain_text("0 jobs run")

    assert mine.complaints == []


async def test_the_progress_of_a_job_that_runs_is_seen(served: Serve, window: Any) -> None:
    """And its result, once it has one, without anybody loading the page again."""
    release = asyncio.Event()

    class Long(Action):
        """Run until somebody says so."""

        name = "long"

        async def run(self, call: Call) -> str:
            call.progress(30, 120)
            await release.wait()
            return "at last"

    async with served(plugins=(Long,)) as page:
        mine = await window(page)
        await mine.open("jobs/running")
        await expect(mine.page.get_by_text("There are none.")).to_be_visible()
        await page.tasks.enqueue(Long)

        bar = mine.page.get_by_role("progressbar")
        await expect(bar).to_have_js_property("position", 0.25)
        await mine.job("long").get_by_role("link").click()
        await expect(mine.page.get_by_text("30 of 120")).to_be_visible()
        release.set()
        await expect(mine.page.locator(".chip")).to_have_text("done")
        await expect(mine.page.get_by_label("Result")).to_have_text('"at last"')

    assert mine.complaints == []


async def test_a_job_that_waits_is_cancelled(served: Serve, window: Any) -> None:
    """From its own place, which is found by its id."""
    async with served() as page:
        [id] = await page.mail("bob", delay=LATER)
        mine = await window(page)
        await mine.open()
        await mine.page.get_by_label("Find a job by its id").fill(id)
        await mine.page.keyboard.press("Enter")
        await expect(mine.page.get_by_role("heading", name="mail")).to_be_visible()

        await mine.button("Cancel").click()
        await mine.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        await expect(mine.page.locator(".chip")).to_have_text("cancelled")
        await expect(mine.button("Cancel")).to_have_count(0)
        await mine.place("Cancelled").click()
        await expect(mine.job('"to":"bob"')).to_be_visible()

    assert mine.complaints == []


async def test_all_dead_letters_of_a_queue_are_discarded_at_once(
    served: Serve, window: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of others stay."""
    monkeypatch.setattr(job_views, "BATCH", 2)
    async with served() as page:
        ids = await page.mail(*"abcde")
        other = await page.mail("eve", queue="other")
        await page.ended(*ids, *other)
        mine = await window(page)
        await mine.open("jobs/dead")
        await mine.page.get_by_label("Queue").select_option("mail")
        await expect(mine.page.locator(".job")).to_have_count(5)

        await mine.button("Discard all").click()
        dialog = mine.page.get_by_role("dialog")
        await expect(dialog).to_contain_text("5 dead letters in queue mail will never run again.")
        await dialog.get_by_role("button", name="Discard all").click()
        await expect(mine.page.get_by_text("Discarded 5 dead letters.")).to_be_visible()
        await expect(mine.page.get_by_text("There are none.")).to_be_visible()
        await mine.page.get_by_label("Queue").select_option("")
        await expect(mine.page.locator(".job")).to_have_count(1)

    assert mine.complaints == []


async def test_it_is_used_by_the_keyboard_alone(served: Serve, window: Any) -> None:
    """The focus is never lost: after what was discarded comes what was beside it."""
    async with served() as page:
        await page.ended(*await page.mail("ada", "bob"))
        mine = await window(page)
        await mine.open("jobs/dead")
        keyboard = mine.page.keyboard
        first, second = (mine.job(f"for {name}") for name in ("bob", "ada"))
        await expect(first).to_be_visible()

        await keyboard.press("Tab")
        await expect(mine.page.get_by_role("link", name="Skip to content")).to_be_focused()
        await keyboard.press("Enter")
        await expect(mine.page.get_by_role("main")).to_be_focused()
        for _ in range(6):  # the queue, two buttons for all, the job, and its two buttons
            await keyboard.press("Tab")
        await expect(first.get_by_role("button", name="Discard")).to_be_focused()
        await keyboard.press("Enter")
        await expect(mine.button("Keep")).to_be_focused()
        await keyboard.press("Escape")
        await expect(first.get_by_role("button", name="Discard")).to_be_focused()
        await keyboard.press("Enter")
        await keyboard.press("Tab")
        await keyboard.press("Enter")
        await expect(first).to_have_count(0)
        await expect(second.get_by_role("button", name="Discard")).to_be_focused()

    assert mine.complaints == []


async def test_lists_are_turned_page_by_page(served: Serve, window: Any) -> None:
    """Whoever turns a page begins at its head."""
    async with served(run_in_server=False) as page:
        await page.mail(*(f"user{number}" for number in range(job_views.PAGE + 5)))
        mine = await window(page)
        await mine.open("jobs/ready")
        jobs = mine.page.locator(".job")
        await expect(jobs).to_have_count(job_views.PAGE)
        await expect(mine.button("Newer")).to_be_disabled()

        await mine.button("Older").click()
        await expect(jobs).to_have_count(5)
        await expect(mine.button("Older")).to_be_disabled()
        await expect(mine.page.get_by_role("heading", name="Ready jobs")).to_be_focused()
        await mine.button("Newer").click()
        await expect(jobs).to_have_count(job_views.PAGE)

    assert mine.complaints == []


async def test_nothing_is_asked_while_nobody_looks(served: Serve, window: Any) -> None:
    """Whoever comes back sees what is, at once. The clock is the test's."""
    async with served() as page:
        mine = await window(page)
        await mine.page.clock.install()
        await mine.open()
        seen = len(mine.asked)
        await mine.page.clock.run_for(2_000)
        async with mine.page.expect_response("**/api/overview*"):
            await mine.page.clock.run_for(2_000)
        assert len(mine.asked) > seen

        await mine.page.evaluate(HIDE, True)
        await expect(mine.page.get_by_text("Paused")).to_be_visible()
        hidden = len(mine.asked)
        await mine.page.clock.run_for(600_000)
        assert len(mine.asked) == hidden

        await mine.page.evaluate(HIDE, False)
        await mine.lives()
        assert len(mine.asked) > hidden


async def test_a_server_that_is_away_is_told_and_comes_back(served: Serve, window: Any) -> None:
    """By itself."""

    async def lose(route: Route) -> None:
        await route.abort()

    async with served() as page:
        mine = await window(page)
        await mine.open()
        await mine.page.route("**/api/overview*", lose)
        await expect(mine.page.get_by_text("No answer, trying again")).to_be_visible()
        await mine.page.unroute("**/api/overview*")
        await mine.lives()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_read_it(
    served: Serve, window: Any, tmp_path: Path, scheme: str
) -> None:
    """On a phone and on a desk: nothing is cut off, and axe-core finds nothing to complain of."""
    async with served(operator_password=PASSWORD) as page:
        [long, *_] = ids = await page.mail("W" * 300, "ada", "שלום עולם")
        await page.ended(*ids)
        await page.mail("bob", delay=LATER)
        for size, (width, height) in SIZES.items():
            view = {"width": width, "height": height}
            mine = await window(page, viewport=view, color_scheme=scheme)
            await mine.page.goto(f"{page.origin}/tasks")
            await _is_readable(mine, width, tmp_path / f"{size}-{scheme}-sign-in.png")
            await mine.page.get_by_label("Operator password").fill(PASSWORD)
            await mine.page.keyboard.press("Enter")
            await mine.lives()
            for place in ("", "jobs/dead", "jobs/delayed", f"job/{long}"):
                await mine.open(place)
                name = place.partition("/")[0] + place.partition("/")[2][:7] or "overview"
                await _is_readable(mine, width, tmp_path / f"{size}-{scheme}-{name}.png")
            assert mine.complaints == []


async def _is_readable(mine: Window, width: int, picture: Path) -> None:
    await mine.page.screenshot(path=picture, full_page=True)
    assert await mine.page.evaluate("document.documentElement.scrollWidth") <= width, picture
    found = await Axe().run(mine.page)
    assert found.violations_count == 0, f"{picture}\n{found.generate_report()}"
