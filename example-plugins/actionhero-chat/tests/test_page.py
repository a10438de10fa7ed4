"""Tests of the chat page in a browser."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

from actionhero_chat.channels import HISTORY_SIZE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Browser, BrowserContext, Page, WebSocketRoute

# One browser for all tests.
pytestmark = pytest.mark.asyncio(loop_scope="module")

IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}
PASSWORD = "correct horse"
#: The page waits up to eight seconds before it reconnects.
TIMEOUT_MS = 30_000
MORE_THAN_HISTORY = HISTORY_SIZE + 5
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SIZES = {"desktop": (1200, 800), "phone": (360, 740)}


class Window:
    """A browser window with the chat page, and its console messages and script errors."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.console_messages: list[str] = []
        self._url = url
        page.on("pageerror", lambda error: self.console_messages.append(str(error)))
        page.on("console", lambda line: self.console_messages.append(line.text))

    async def sign_up(self, name: str) -> None:
        """Open the page, and sign up."""
        await self.page.goto(self._url)
        await self.page.get_by_role("button", name="Sign up instead").click()
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("E-mail").fill(f"{abs(hash(name))}@example.com")
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.keyboard.press("Enter")
        await expect(self.page.get_by_text("Connected", exact=True)).to_be_visible()

    async def send(self, body: str) -> None:
        """Send a message from the page, with the keyboard."""
        field = self.page.get_by_label("Write a message")
        await field.fill(body)
        await field.press("Enter")
        await expect(field).to_have_value("")

    async def post(self, body: str) -> None:
        """Send a message over HTTP, with the cookie of the page."""
        request = self.page.context.request
        response = await request.put(f"{self._url}/api/message", data={"body": body})
        assert response.ok, await response.text()

    async def expect_messages(self, *bodies: str) -> None:
        """Wait until the page shows exactly these messages."""
        await expect(self.page.get_by_role("log").locator(".body")).to_have_text(list(bodies))

    async def expect_members(self, *names: str) -> None:
        """Wait until the page shows exactly these users as online."""
        region = self.page.get_by_role("region", name="Online")
        await expect(region.get_by_role("listitem")).to_have_text(list(names))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Return a browser."""
    program = shutil.which("chromium")
    if program is None:
        (pytest.fail if IN_CI else pytest.skip)("program 'chromium' not found on PATH")
    expect.set_options(timeout=TIMEOUT_MS)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[Callable[..., Awaitable[BrowserContext]]]:
    """Return a function that opens a browser context without cookies."""
    yield browser.new_context
    for opened in browser.contexts:
        await opened.close()


@pytest.fixture
def join() -> Callable[..., Awaitable[None]]:
    """Return a function that signs up and subscribes a user without a page."""

    async def join_chat(stack: contextlib.AsyncExitStack, served: Any, name: str) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        inputs = {
            "name": name,
            "email": f"{secrets.token_hex(8)}@example.com",
            "password": PASSWORD,
        }
        for path in ("user", "session"):
            async with http.put(f"{served.url}/{path}", json=inputs) as response:
                assert response.ok, await response.text()
        socket = await stack.enter_async_context(http.ws_connect(f"{_origin(served)}/ws"))
        await socket.send_json({"messageType": "subscribe", "messageId": 1, "channel": "messages"})
        while (await socket.receive_json()).get("messageId") != 1:
            pass

    return join_chat


@pytest.fixture
def served(start_chat: Any, tmp_path: Path) -> Any:
    """Return a running chat without messages."""
    # The windows are still open when it stops, and the status of the page is a stream.
    return start_chat(tmp_path, ACTIONHERO_WEB__STREAM_GRACE="0.1").wait_until_listening()


async def open_window(context: Any, served: Any, **options: Any) -> Window:
    return Window(await (await context(**options)).new_page(), _origin(served))


async def test_two_windows_exchange_messages_and_show_online_users(
    context: Any, served: Any
) -> None:
    """The console is empty: no script error, no violation of the content security policy."""
    ada, bob = await open_window(context, served), await open_window(context, served)
    await ada.sign_up("Ada")
    await bob.sign_up("Bob")

    await ada.send("hello Bob")
    await bob.expect_messages("hello Bob")
    await bob.send("hello Ada")

    for window in (ada, bob):
        await window.expect_messages("hello Bob", "hello Ada")
        await window.expect_members("Ada", "Bob")
    await bob.page.get_by_role("button", name="Sign out").click()
    await expect(bob.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await ada.expect_members("Ada")
    assert ada.console_messages == []


async def test_an_administrator_deletes_messages(
    context: Any, start_chat: Any, tmp_path: Path
) -> None:
    """From all pages; other users have no button for it."""
    served = start_chat(
        tmp_path,
        ACTIONHERO_CHAT__DEFAULT_USER="false",
        ACTIONHERO_AUTH__ROLES='{"admin": ["messages:delete"]}',
        ACTIONHERO_AUTH__USERS='{"1": ["admin"]}',
        ACTIONHERO_WEB__STREAM_GRACE="0.1",
    ).wait_until_listening()
    admin, bob = await open_window(context, served), await open_window(context, served)
    await admin.sign_up("Admin")
    await bob.sign_up("Bob")
    await bob.send("first")
    await bob.send("second")
    await admin.expect_messages("first", "second")
    name = "Delete the message of Bob"
    await expect(bob.page.get_by_role("button", name=name)).to_have_count(0)

    await admin.page.get_by_role("button", name=name).first.click()

    for window in (admin, bob):
        await window.expect_messages("second")
    await admin.page.reload()
    await admin.expect_messages("second")
    assert admin.console_messages == []


async def test_a_user_creates_and_revokes_api_keys(context: Any, served: Any) -> None:
    """A new key is shown until the next change, and works."""
    ada = await open_window(context, served)
    await ada.sign_up("Ada")
    keys = ada.page.get_by_role("region", name="API keys")
    await expect(keys.get_by_role("listitem")).to_have_count(0)

    await keys.get_by_label("New API key, called").fill("script")
    await keys.get_by_role("button", name="Create key").click()

    secret = keys.locator("#new-key-secret")
    await expect(secret).to_have_text(re.compile(r"^ahk_\w{62}$"))
    await expect(keys.get_by_role("listitem")).to_contain_text(["script, until"])
    headers = {"Authorization": f"Bearer {await secret.text_content()}"}
    async with aiohttp.ClientSession(headers=headers) as script:
        async with script.put(f"{served.url}/message", json={"body": "from a script"}) as response:
            assert response.status == 200
        await ada.expect_messages("from a script")
        await keys.get_by_role("button", name="Revoke script").click()
        await expect(keys.get_by_role("listitem")).to_have_count(0)
        await expect(secret).to_be_hidden()
        async with script.put(f"{served.url}/message", json={"body": "again"}) as response:
            assert response.status == 401
    assert ada.console_messages == []


async def test_closed_windows_are_removed_from_the_online_users(context: Any, served: Any) -> None:
    """This does not require a sign-out."""
    ada, bob = await open_window(context, served), await open_window(context, served)
    await ada.sign_up("Ada")
    await bob.sign_up("Bob")
    await ada.expect_members("Ada", "Bob")

    await bob.page.close()

    await ada.expect_members("Ada")


async def test_windows_reconnect_after_a_restart_without_missing_messages(
    context: Any, served: Any, start_chat: Any, tmp_path: Path
) -> None:
    """No message is shown twice, and messages from before the reconnect are shown, too."""
    if shutil.which("redis-server") is None:
        (pytest.fail if IN_CI else pytest.skip)("program 'redis-server' not found on PATH")
    ada, bob = await open_window(context, served), await open_window(context, served)
    await ada.sign_up("Ada")
    await bob.sign_up("Bob")
    await ada.send("before")
    await bob.expect_messages("before")

    assert served.stop() == 0
    for window in (ada, bob):
        await expect(window.page.get_by_text("Connection lost")).to_be_visible()
    start_chat(tmp_path, port=served.port).wait_until_listening()
    await ada.post("meanwhile 1")
    await bob.post("meanwhile 2")
    for window in (ada, bob):
        await expect(window.page.get_by_text("Connected", exact=True)).to_be_visible()
    await ada.send("after 1")
    await bob.send("after 2")

    for window in (ada, bob):
        await window.expect_messages("before", "meanwhile 1", "meanwhile 2", "after 1", "after 2")
        await window.expect_members("Ada", "Bob")


async def test_the_status_is_updated_on_reconnect(
    context: Any, served: Any, start_chat: Any, tmp_path: Path
) -> None:
    """It does not wait for the next interval, which is disabled in this test."""
    ada = await open_window(context, served)
    await ada.page.add_init_script("window.setInterval = () => 0")
    await ada.sign_up("Ada")
    health = ada.page.locator("#health")
    await expect(health).to_have_text("healthy")

    assert served.stop() == 0
    await expect(ada.page.get_by_text("Connection lost")).to_be_visible()
    await health.evaluate("(element) => { element.textContent = 'unavailable'; }")
    start_chat(tmp_path, port=served.port).wait_until_listening()

    await expect(ada.page.get_by_text("Connected", exact=True)).to_be_visible()
    await expect(health).to_have_text("healthy")


async def test_missing_messages_beyond_the_history_are_marked(context: Any, served: Any) -> None:
    """The page shows the position of the gap, with a button that loads the messages."""
    ada = await open_window(context, served)
    is_offline = False
    sockets: list[WebSocketRoute] = []

    async def route(socket: WebSocketRoute) -> None:
        if is_offline:
            await socket.close()
        else:
            socket.connect_to_server()
            sockets.append(socket)

    await ada.page.route_web_socket("**/ws", route)
    await ada.sign_up("Ada")
    # The subscription is confirmed; until then, the page has no position to resume from.
    await ada.expect_members("Ada")
    await ada.send("before")
    is_offline = True
    await sockets[-1].close()
    await expect(ada.page.get_by_text("Connection lost")).to_be_visible()
    for number in range(MORE_THAN_HISTORY):
        await ada.post(f"meanwhile {number}")
    is_offline = False

    notice = ada.page.get_by_text("Some messages may be missing here.")
    await expect(notice).to_be_visible()
    bodies = [f"meanwhile {number}" for number in range(MORE_THAN_HISTORY)]
    await ada.expect_messages("before", *bodies[-HISTORY_SIZE:])
    gap = ada.page.get_by_role("log").get_by_role("listitem").nth(1)
    await expect(gap).to_contain_text("Some messages may be missing here.")

    await gap.get_by_role("button", name="Load messages").press("Enter")

    await ada.expect_messages("before", *bodies)
    await expect(notice).to_have_count(0)
    await expect(ada.page.get_by_role("log")).to_be_focused()


async def test_the_names_of_many_online_users_are_shown(
    context: Any, served: Any, join: Any
) -> None:
    """Their number exceeds the message rate limit of a socket, and none has sent a message."""
    names = [f"Guest {number:02}" for number in range(30)]
    async with contextlib.AsyncExitStack() as stack:
        for name in names:
            await join(stack, served, name)
        ada = await open_window(context, served)

        await ada.sign_up("Ada")

        await ada.expect_members("Ada", *names)
        await ada.send("hello all")
        await expect(ada.page.get_by_text("Connected", exact=True)).to_be_visible()
    await ada.expect_members("Ada")


async def test_form_errors_are_shown_at_their_fields(context: Any, served: Any) -> None:
    """The first invalid field has the focus, so that a screen reader announces its error."""
    page = (await open_window(context, served)).page
    await page.goto(_origin(served))
    await page.get_by_role("button", name="Sign up instead").click()
    await page.get_by_label("E-mail").fill("no address")
    await page.get_by_role("button", name="Sign up", exact=True).click()

    for label in ("Name", "E-mail", "Password"):
        await expect(page.get_by_label(label)).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_label(label)).to_have_accessible_description(re.compile("."))
    await expect(page.get_by_label("Name")).to_be_focused()

    await page.get_by_label("Name").fill("Ada")
    await page.get_by_label("Password").fill("correct horse")
    await page.get_by_role("button", name="Sign up", exact=True).click()

    await expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "false")
    await expect(page.get_by_label("E-mail")).to_be_focused()
    # The only error is shown once.
    await expect(page.get_by_text("This is not a valid email")).to_have_count(1)


async def test_the_latency_is_a_dash_without_calls(context: Any, served: Any) -> None:
    """A number would be that of no call."""
    window = await open_window(context, served)
    body = 'event: metrics\ndata: {"callsPerSecond": 0, "latencyMs": 0}\n\n'
    await window.page.route(
        "**/api/status/live",
        lambda route: route.fulfill(content_type="text/event-stream", body=body),
    )
    await window.page.goto(_origin(served))

    await expect(window.page.locator("#calls-value")).to_have_text("0.0")
    await expect(window.page.locator("#latency-value")).to_have_text("\N{EN DASH}")


async def test_sign_out_in_one_window_applies_to_the_other(context: Any, served: Any) -> None:
    """The other page shows the reason immediately."""
    ada = await open_window(context, served)
    await ada.sign_up("Ada")
    other = Window(await ada.page.context.new_page(), _origin(served))
    await other.page.goto(_origin(served))
    await expect(other.page.get_by_text("Connected", exact=True)).to_be_visible()

    await ada.page.get_by_role("button", name="Sign out").click()
    await expect(ada.page.get_by_role("heading", name="Sign in")).to_be_visible()

    await expect(other.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(other.page.get_by_text("You were signed out. Sign in again.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_no_content_overflows_the_window(
    context: Any, served: Any, tmp_path: Path, size: str, scheme: str
) -> None:
    """This holds for long words, long names and other scripts."""
    width, height = SIZES[size]
    view = {"width": width, "height": height}
    ada = await open_window(context, served, viewport=view, color_scheme=scheme)
    await ada.sign_up("W" * 40)
    for body in ("short", "x" * 1000, "two\nlines", "שלום עולם", "مرحبا", "👩‍👩‍👧‍👦 🎈" * 20):
        await ada.post(body)
    await expect(ada.page.get_by_role("log").locator(".body")).to_have_count(6)
    await ada.page.screenshot(path=tmp_path / f"{size}-{scheme}.png")

    scroll_width = "document.documentElement.scrollWidth"
    assert await ada.page.evaluate(scroll_width) <= width
    for selector in (".message", "header", "#send", "aside"):
        for box in await ada.page.locator(selector).all():
            bounds = await box.bounding_box()
            assert bounds is not None
            assert bounds["x"] >= 0, selector
            assert bounds["x"] + bounds["width"] <= width, selector


def _origin(served: Any) -> str:
    return str(served.url).removesuffix("/api")
