"""The console in a real browser that can reach only the server under test."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import async_playwright, expect
from plugins.console.tests.conftest import OPERATORS, PASSWORDS, Site, console_site

from actionhero import logs
from actionhero_console import Operator, Role
from actionhero_console.builtin import overview
from actionhero_console.console import Console

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Browser, Page, Route

    Open = Callable[..., Awaitable["Window"]]

# One server and one browser for all tests.
pytestmark = pytest.mark.asyncio(loop_scope="module")

TIMEOUT_MS = 20_000
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
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"
PANELS = ("overview", "actions", "actions/greet", "stamps", "log", "settings", "audit")


class Window:
    """A browser window, its requests, and the messages of its console."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.requests: list[str] = []
        self.messages: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("dialog", lambda dialog: self.messages.append(dialog.message))

    async def sign_in(self, name: str) -> None:
        """Sign in with the form."""
        await self.page.goto(self.url)
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("Password").fill(PASSWORDS[name])
        await self.page.keyboard.press("Enter")
        await self.wait_until_connected()

    async def open(self, address: str) -> None:
        """Open a panel, and wait until its data is there."""
        await self.page.goto(f"{self.url}#/{address}")
        await self.wait_until_connected()

    async def wait_until_connected(self) -> None:
        """Wait until the data of the page is current."""
        await expect(self.page.locator("#connection")).to_have_text(re.compile("Live"))

    def check(self) -> None:
        """Check that the browser has blocked nothing, and has sent nothing elsewhere."""
        assert self.messages == []
        origin = "/".join(self.url.split("/")[:3])
        assert {url for url in self.requests if not url.startswith((origin, "data:"))} == set()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(program: Callable[[str], str]) -> AsyncIterator[Browser]:
    expect.set_options(timeout=TIMEOUT_MS)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=program("chromium"), args=ARGUMENTS
        )
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Site]:
    logs.configure("info", "json", stream=io.StringIO())
    async with console_site(operators=OPERATORS) as site:
        yield site
    logs.shutdown()


@pytest_asyncio.fixture(loop_scope="module")
async def open_window(browser: Browser, server: Site) -> AsyncIterator[Open]:
    """Yield a function that opens a window with a new browser context."""
    contexts = []

    async def open_(name: str = "", url: str = "", **options: Any) -> Window:
        contexts.append(await browser.new_context(**options))
        window = Window(await contexts[-1].new_page(), url or f"{server.origin}/console")
        if name:
            await window.sign_in(name)
        return window

    yield open_
    for context in contexts:
        await context.close()


@pytest.mark.parametrize(
    ("scheme", "width", "height"),
    [("light", 360, 740), ("dark", 1440, 900)],
    ids=["light phone", "dark desktop"],
)
async def test_the_panels_are_accessible(
    open_window: Open, server: Site, tmp_path: Path, scheme: str, width: int, height: int
) -> None:
    """Nothing is cut off, and axe-core reports no violation."""
    await server.client.post("/api/greet", json={"name": "W" * 300})
    view = {"width": width, "height": height}
    window = await open_window(viewport=view, color_scheme=scheme)
    await window.page.goto(window.url)
    await check_page(window, width, tmp_path / "sign-in.png")
    await window.sign_in("ada")
    for panel in PANELS:
        await window.open(panel)
        await check_page(window, width, tmp_path / f"{panel.replace('/', '-')}.png")
    window.check()


async def check_page(window: Window, width: int, picture: Path) -> None:
    """Check the accessibility of a page."""
    await window.page.screenshot(path=picture)
    assert await window.page.evaluate("document.documentElement.scrollWidth") <= width, picture
    results = await Axe().run(window.page)
    assert results.violations_count == 0, f"{picture}\n{results.generate_report()}"


async def test_an_action_is_run_from_its_form(open_window: Open) -> None:
    """With the keyboard; errors are beside their field, and the commands are shown."""
    window = await open_window("ada")
    page = window.page
    await page.get_by_role("link", name="Actions").click()
    await expect(page.get_by_role("searchbox")).to_be_visible()
    await page.keyboard.press("/")
    await page.keyboard.type("greet a")
    await expect(page.locator("tbody tr")).to_have_count(1)
    assert page.url.endswith("#/actions?search=greet+a")
    await page.get_by_role("link", name="greet").click()
    await page.get_by_role("button", name="Run").click()
    await expect(page.locator(".error", has_text="Missing required param: name")).to_be_visible()
    await expect(page.get_by_label("name")).to_be_focused()
    await page.keyboard.type("Ada 'L'")
    await page.get_by_label("token").fill("hidden-token")
    await page.get_by_label("As user").fill("7")
    await page.keyboard.press("Enter")
    result = page.get_by_label("Result")
    await expect(result).to_contain_text("Hello Ada 'L'")
    await expect(result).to_contain_text('"user": 7')
    command = "actionhero --as-user 7 call greet --name 'Ada '\\''L'\\''' --token …"
    await expect(page.get_by_label("CLI")).to_have_text(command)
    await expect(page.get_by_label("curl")).to_contain_text("-X POST http://127.0.0.1")
    assert "hidden-token" not in await page.locator(".commands").inner_text()

    await page.go_back()
    await expect(page.get_by_role("searchbox")).to_have_value("greet a")
    await page.reload()
    await expect(page.locator("tbody tr")).to_have_count(1)
    window.check()


async def test_the_commands_of_an_action_keep_all_digits(open_window: Open) -> None:
    """In the query, in the path, and in a JSON body."""
    window = await open_window("ada")
    page = window.page
    await window.open("actions/search")
    await page.get_by_label("topic").fill("a b")
    await page.get_by_label("limit").fill("9007199254740993")
    curl = f"curl '{window.url.removesuffix('/console')}/api/search/a%20b?limit=9007199254740993'"
    await expect(page.get_by_label("curl")).to_have_text(curl)
    await window.open("actions/stamp")
    await page.get_by_label("number").fill("9007199254740993")
    await page.get_by_label("name").fill("9007199254740993")
    body = '-d \'{"name":"9007199254740993","number":9007199254740993}\''
    await expect(page.get_by_label("curl")).to_contain_text(body)
    window.check()


async def test_a_panel_of_a_plugin_makes_a_change(open_window: Open, server: Site) -> None:
    """After its confirmation; it is in the audit log with its outcome."""
    window = await open_window("ada")
    page = window.page
    await window.open("stamps")
    button = page.get_by_role("button", name="Stamp letter")
    await button.click()
    await expect(page.get_by_role("dialog")).to_contain_text("Stamp 7?")
    await page.get_by_role("button", name="Back").click()
    assert server.stamps.made == []
    await button.click()
    await page.get_by_role("dialog").get_by_role("button", name="Stamp").click()
    await expect(page.get_by_text("Stamped 7.")).to_be_visible()
    await expect(page.locator("#main li")).to_have_text(["ada 7"])

    await window.open("audit")
    entry = page.locator(".lines li").first
    await expect(entry).to_contain_text("stamps.stamp")
    await expect(entry).to_contain_text("success")
    await entry.locator("summary").click()
    await expect(entry).to_contain_text("letter 7")
    window.check()


async def test_a_viewer_sees_no_changes(open_window: Open) -> None:
    """Neither the form of actions nor the audit log."""
    window = await open_window("eve")
    page = window.page
    await window.open("stamps")
    await expect(page.get_by_role("button", name="Stamp letter")).to_be_disabled()
    await window.open("actions/greet")
    await expect(page.get_by_text("Greet a person.")).to_be_visible()
    await expect(page.get_by_role("button", name="Run")).to_be_hidden()
    await window.open("audit")
    await expect(page.get_by_text("your role does not include it")).to_be_visible()
    await expect(page.get_by_role("navigation").get_by_role("link", name="Audit")).to_have_count(0)


async def test_texts_of_strangers_are_not_markup(open_window: Open, server: Site) -> None:
    """In inputs, errors, names, targets and log lines."""
    window = await open_window("ada")
    page = window.page
    await server.client.post("/api/greet", json={"name": SCRIPT})
    await server.client.get("/api/nowhere", headers={"User-Agent": SCRIPT, "X-Request-Id": "r"})
    trail = server.app.app.get(Console).trail
    await trail.note(
        "access",
        "failure",
        Operator("eve", Role.VIEWER),
        connection_of(SCRIPT),
        {"path": SCRIPT, "reason": SCRIPT},
    )
    await server.sign_in("ada")
    await server.change("stamps/stamp", json={"id": SCRIPT})
    for panel in PANELS:
        await window.open(panel)
        await page.evaluate("document.querySelectorAll('details').forEach((e) => (e.open = true))")
    await window.open("log")
    await expect(page.locator("dd").filter(has_text=SCRIPT).first).to_be_attached()
    await window.open("stamps")
    await expect(page.get_by_text(SCRIPT).first).to_be_visible()
    assert await page.locator("#main script, #main img").count() == 0
    window.check()
    server.stamps.made.clear()


def connection_of(remote: str) -> Any:
    """Return the connection of a client."""
    from actionhero import Connection

    return Connection("web", remote)


async def test_the_log_is_live(open_window: Open, server: Site) -> None:
    """Until it is paused."""
    window = await open_window("ada")
    page = window.page
    await window.open("log?text=live-line")
    await expect(page.get_by_text("No lines yet.")).to_be_visible()
    await server.client.post("/api/greet", json={"name": "live-line"})
    await expect(page.locator(".lines li").filter(has_text="greet web ok")).to_have_count(1)
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("button", name="Continue")).to_be_visible()


async def test_the_log_of_many_processes_is_followed(open_window: Open) -> None:
    """Their positions do not fit in an address."""
    window = await open_window("ada")
    last = {f"actionhero-deployment-7d9f8c6b5-{number} 1 server": 7 for number in range(500)}
    lines = {"lines": [], "last": last, "left_out": 0, "missing": []}
    body = {"results": {"log.lines": {"value": {**lines, "asked": 0, "only_this_process": False}}}}

    async def answer(route: Route) -> None:
        await route.fulfill(json=body)

    await window.page.route("**/api/read*", answer)
    await window.open("log")
    async with window.page.expect_request(lambda request: request.method == "POST") as info:
        pass
    request = await info.value
    assert request.url.endswith("/api/read")
    assert json.loads(request.post_data or "")["log.lines"]["after"] == last


async def test_a_hidden_tab_sends_no_requests(open_window: Open) -> None:
    """A visible one sends one every two seconds. The clock is simulated."""
    window = await open_window("ada")
    page = window.page
    await page.clock.install()
    await window.open("overview")
    async with page.expect_response("**/api/read*"):
        await page.clock.run_for(2_000)

    await page.evaluate(HIDE, True)
    await expect(page.get_by_text("Paused")).to_be_visible()
    hidden = len(window.requests)
    await page.clock.run_for(600_000)
    assert len(window.requests) == hidden

    await page.evaluate(HIDE, False)
    await window.wait_until_connected()
    assert len(window.requests) > hidden


async def test_a_lost_connection_is_shown_and_restored(open_window: Open) -> None:
    """Without reloading the page."""
    window = await open_window("ada")

    async def abort(route: Route) -> None:
        await route.abort()

    await window.page.route("**/api/read*", abort)
    await expect(window.page.get_by_text("No response, retrying")).to_be_visible()
    await window.page.unroute("**/api/read*")
    await window.wait_until_connected()


async def test_a_server_that_does_not_answer_is_shown(open_window: Open) -> None:
    """A network that is lost without a word does not end a request. The clock is simulated."""
    window = await open_window("ada")
    page = window.page
    await page.clock.install()
    await window.open("overview")

    async def hang(route: Route) -> None:
        """Do not answer."""

    await page.route("**/api/read*", hang)
    async with page.expect_request("**/api/read*"):
        await page.clock.run_for(2_000)
    await page.clock.run_for(10_000)
    await expect(page.get_by_text("No response, retrying")).to_be_visible()
    await page.unroute("**/api/read*")
    await page.clock.run_for(4_000)
    await window.wait_until_connected()


async def test_a_restarted_server_is_read_again(open_window: Open) -> None:
    """Its panels and its settings may have changed; the typed text remains."""
    window = await open_window("ada")
    page = window.page
    await window.open("settings")
    await page.get_by_role("searchbox").fill("console.path")
    answers = {"abort": True}

    async def restart(route: Route) -> None:
        if answers["abort"]:
            await route.abort()
        else:
            await route.continue_()

    await page.route("**/api/*", restart)
    await expect(page.get_by_text("No response, retrying")).to_be_visible()
    async with (
        page.expect_request("**/api/console"),
        page.expect_request(lambda request: "settings.list" in request.url),
    ):
        answers["abort"] = False
    await window.wait_until_connected()
    await expect(page.get_by_role("searchbox")).to_have_value("console.path")


async def test_health_is_unknown_before_the_first_checks(
    open_window: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that does not answer is not healthy meanwhile."""
    monkeypatch.setattr(overview.ProcessStatus, "_health", _no_checks)
    window = await open_window("ada")
    await window.open("overview")
    await expect(window.page.locator(".health-summary")).to_have_text("The checks are running")


@pytest.mark.parametrize("problem", ["", "no answer " * 20], ids=["healthy", "failed"])
@pytest.mark.parametrize("width", [360, 1440])
async def test_names_of_checks_are_on_one_line(
    open_window: Open, monkeypatch: pytest.MonkeyPatch, problem: str, width: int
) -> None:
    """Also beside a long reason."""
    check = {"name": "database", "healthy": not problem, "problem": problem, "seconds": 1}

    async def checks(status: overview.ProcessStatus) -> list[dict[str, Any]]:
        return [check]

    monkeypatch.setattr(overview.ProcessStatus, "_health", checks)
    window = await open_window("ada", viewport={"width": width, "height": 740})
    await window.open("overview")
    box = await window.page.locator(".checks b").first.bounding_box()

    assert box is not None
    assert box["width"] > 40
    assert box["height"] < 30


async def _no_checks(status: overview.ProcessStatus) -> None:
    """Return nothing, as while the first checks run."""


@pytest.mark.parametrize("width", [320, 700, 861, 1000, 1201])
async def test_values_and_units_are_on_one_line(open_window: Open, width: int) -> None:
    """Also long ones, in tiles that are as wide."""
    window = await open_window("ada", viewport={"width": width, "height": 740})

    values = window.page.locator(".tile b")
    await expect(values).to_have_count(5)
    is_wrong = """values => values.map(value => {
        value.textContent = "0.0123 ms";
        const line = parseFloat(getComputedStyle(value).lineHeight);
        return value.clientHeight > 1.5 * line || value.scrollWidth > value.clientWidth;
    })"""
    assert await values.evaluate_all(is_wrong) == [False] * 5


async def test_a_sign_out_ends_the_session_in_all_windows(open_window: Open) -> None:
    """The others show the form at their next request."""
    window = await open_window("bob")
    other = Window(await window.page.context.new_page(), window.url)
    await other.open("overview")
    await window.page.get_by_role("button", name="Sign out").click()
    await expect(window.page.get_by_label("Password")).to_be_visible()
    await expect(other.page.get_by_label("Password")).to_be_visible()


async def test_the_console_works_below_a_mount(open_window: Open, server: Site) -> None:
    """A proxy adds a prefix to its path, of which the server does not know."""
    async with proxied(server.origin, "/ops/shop") as origin:
        window = await open_window("ada", url=f"{origin}/ops/shop/console")
        await window.open("stamps")
        await expect(window.page.get_by_role("button", name="Stamp letter")).to_be_visible()
        await window.page.get_by_role("button", name="Sign out").click()
        await expect(window.page.get_by_label("Password")).to_be_visible()
        window.check()


@contextlib.asynccontextmanager
async def proxied(origin: str, prefix: str) -> AsyncIterator[str]:
    """Run a proxy that removes a prefix from paths."""

    async def forward(request: web.Request) -> web.Response:
        url = origin + request.path_qs.removeprefix(prefix)
        headers = {name: value for name, value in request.headers.items() if name != "Connection"}
        async with session.request(
            request.method, url, headers=headers, data=await request.read(), allow_redirects=False
        ) as response:
            kept = [
                (name, value)
                for name, value in response.headers.items()
                if name not in ("Content-Length", "Transfer-Encoding", "Content-Encoding")
            ]
            body = await response.read()
            answer = web.Response(status=response.status, body=body)
            answer.headers.clear()
            answer.headers.extend(kept)
            return answer

    application = web.Application()
    application.router.add_route("*", prefix + "/{path:.*}", forward)
    async with ClientSession() as session, TestServer(application) as test_server:
        yield str(test_server.make_url("")).rstrip("/")


async def test_wrong_passwords_are_shown_and_delayed(open_window: Open, server: Site) -> None:
    """The form says so, and for how long."""
    window = await open_window()
    page = window.page
    await page.goto(window.url)
    for _ in range(6):
        await page.get_by_label("Name").fill("ada")
        await page.get_by_label("Password").fill("wrong")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Too many attempts.")
    await asyncio.sleep(1.1)
    await page.get_by_label("Name").fill("ada")
    await page.get_by_label("Password").fill(PASSWORDS["ada"])
    await page.keyboard.press("Enter")
    await window.wait_until_connected()
