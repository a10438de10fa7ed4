"""The page of the chat, in a real browser."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from playwright.async_api import async_playwright, expect

from actionhero_chat.channels import KEPT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import BrowserContext, Page, WebSocketRoute

IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}
PASSWORD = "correct horse"
#: The page waits up to eight seconds before it tries again to connect.
PATIENCE_MS = 30_000
MORE_THAN_IS_KEPT = 205
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
SIZES = {"desk": (1200, 800), "phone": (360, 740)}


class Window:
    """One page of the chat, and what the browser complained of."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._url = url
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: self.complaints.append(line.text))

    async def sign_up(self, name: str) -> None:
        """Open the page, and make a user."""
        await self.page.goto(self._url)
        await self.page.get_by_role("button", name="Sign up instead").click()
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("E-mail").fill(f"{abs(hash(name))}@example.com")
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.keyboard.press("Enter")
        await expect(self.page.get_by_text("Connected", exact=True)).to_be_visible()

    async def write(self, body: str) -> None:
        """Write a message, by the keyboard."""
        field = self.page.get_by_label("Write a message")
        await field.fill(body)
        await field.press("Enter")
        await expect(field).to_have_value("")

    async def post(self, body: str) -> None:
        """Write a message past the page: with its cookie, over HTTP."""
        request = self.page.context.request
        answer = await request.put(f"{self._url}/api/message", data={"body": body})
        assert answer.ok, await answer.text()

    async def shows(self, *bodies: str) -> None:
        """Wait until exactly these are the messages."""
        await expect(self.page.get_by_role("log").locator(".what")).to_have_text(list(bodies))

    async def shows_people(self, *names: str) -> None:
        """Wait until exactly these are here."""
        region = self.page.get_by_role("region", name="Here now")
        await expect(region.get_by_role("listitem")).to_have_text(list(names))


@pytest.fixture
async def context() -> AsyncIterator[Callable[..., Awaitable[BrowserContext]]]:
    """Give a function that opens a browser that nobody has used yet."""
    program = shutil.which("chromium")
    if program is None:
        (pytest.fail if IN_CI else pytest.skip)("there is no program 'chromium' on PATH")
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield chromium.new_context
        await chromium.close()


@pytest.fixture
def sign_up_at() -> Callable[..., Awaitable[None]]:
    """Give a function that signs somebody up without a page, who listens until a stack is left."""

    async def join(stack: contextlib.AsyncExitStack, served: Any, name: str) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        told = {"name": name, "email": f"{secrets.token_hex(8)}@example.com", "password": PASSWORD}
        for path in ("user", "session"):
            async with http.put(f"{served.url}/{path}", json=told) as answer:
                assert answer.ok, await answer.text()
        socket = await stack.enter_async_context(http.ws_connect(f"{_origin(served)}/ws"))
        await socket.send_json({"messageType": "subscribe", "messageId": 1, "channel": "messages"})
        while (await socket.receive_json()).get("messageId") != 1:
            pass

    return join


@pytest.fixture
def served(start_chat: Any, tmp_path: Path) -> Any:
    """Give a chat that nobody has written in yet."""
    return start_chat(tmp_path).listening()


async def opened(context: Any, served: Any, **options: Any) -> Window:
    return Window(await (await context(**options)).new_page(), _origin(served))


async def test_two_windows_chat_and_see_who_is_here(context: Any, served: Any) -> None:
    """Nothing is complained of: no script failed, nothing was refused by the page's policy."""
    ada, bob = await opened(context, served), await opened(context, served)
    await ada.sign_up("Ada")
    await bob.sign_up("Bob")

    await ada.write("hello Bob")
    await bob.shows("hello Bob")
    await bob.write("hello Ada")

    for window in (ada, bob):
        await window.shows("hello Bob", "hello Ada")
        await window.shows_people("Ada", "Bob")
    await bob.page.get_by_role("button", name="Sign out").click()
    await expect(bob.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await ada.shows_people("Ada")
    assert ada.complaints == []


async def test_a_closed_window_is_seen_to_leave(context: Any, served: Any) -> None:
    """Without anybody signing out."""
    ada, bob = await opened(context, served), await opened(context, served)
    await ada.sign_up("Ada")
    await bob.sign_up("Bob")
    await ada.shows_people("Ada", "Bob")

    await bob.page.close()

    await ada.shows_people("Ada")


async def test_windows_come_back_after_a_restart_and_miss_nothing(
    context: Any, served: Any, start_chat: Any, tmp_path: Path
) -> None:
    """Nothing is doubled, and what was written before they were back arrives, too."""
    if shutil.which("redis-server") is None:
        (pytest.fail if IN_CI else pytest.skip)("there is no program 'redis-server' on PATH")
    ada, bob = await opened(context, served), await opened(context, served)
    await ada.sign_up("Ada")
    await bob.sign_up("Bob")
    await ada.write("before")
    await bob.shows("before")

    assert served.stop() == 0
    for window in (ada, bob):
        await expect(window.page.get_by_text("Connection lost")).to_be_visible()
    start_chat(tmp_path, port=served.port).listening()
    await ada.post("meanwhile 1")
    await bob.post("meanwhile 2")
    for window in (ada, bob):
        await expect(window.page.get_by_text("Connected", exact=True)).to_be_visible()
    await ada.write("after 1")
    await bob.write("after 2")

    for window in (ada, bob):
        await window.shows("before", "meanwhile 1", "meanwhile 2", "after 1", "after 2")
        await window.shows_people("Ada", "Bob")


async def test_how_the_server_is_is_told_as_soon_as_it_is_back(
    context: Any, served: Any, start_chat: Any, tmp_path: Path
) -> None:
    """Not only at the next turn of the clock, which has none here: it was away until then."""
    ada = await opened(context, served)
    await ada.page.add_init_script("window.setInterval = () => 0")
    await ada.sign_up("Ada")
    health = ada.page.locator("#health")
    await expect(health).to_have_text("well")

    assert served.stop() == 0
    await expect(ada.page.get_by_text("Connection lost")).to_be_visible()
    await health.evaluate("(shown) => { shown.textContent = 'away'; }")
    start_chat(tmp_path, port=served.port).listening()

    await expect(ada.page.get_by_text("Connected", exact=True)).to_be_visible()
    await expect(health).to_have_text("well")


async def test_who_missed_more_than_is_kept_is_told(context: Any, served: Any) -> None:
    """The page says where others may be missing, and shows them to who wants to see them."""
    ada = await opened(context, served)
    away = False
    sockets: list[WebSocketRoute] = []

    async def route(socket: WebSocketRoute) -> None:
        if away:
            await socket.close()
        else:
            socket.connect_to_server()
            sockets.append(socket)

    await ada.page.route_web_socket("**/ws", route)
    await ada.sign_up("Ada")
    await ada.write("before")
    away = True
    await sockets[-1].close()
    await expect(ada.page.get_by_text("Connection lost")).to_be_visible()
    for number in range(MORE_THAN_IS_KEPT):
        await ada.post(f"meanwhile {number}")
    away = False

    told = ada.page.get_by_text("Some messages may be missing here.")
    await expect(told).to_be_visible()
    missed = [f"meanwhile {number}" for number in range(MORE_THAN_IS_KEPT)]
    await ada.shows("before", *missed[-KEPT:])
    gap = ada.page.get_by_role("log").get_by_role("listitem").nth(1)
    await expect(gap).to_contain_text("Some messages may be missing here.")

    await gap.get_by_role("button", name="Show them").press("Enter")

    await ada.shows("before", *missed)
    await expect(told).to_have_count(0)
    await expect(ada.page.get_by_role("log")).to_be_focused()


async def test_many_people_are_shown_by_their_names(
    context: Any, served: Any, sign_up_at: Any
) -> None:
    """More than there may be messages in a second; nobody has said a word."""
    names = [f"Guest {number:02}" for number in range(30)]
    async with contextlib.AsyncExitStack() as stack:
        for name in names:
            await sign_up_at(stack, served, name)
        ada = await opened(context, served)

        await ada.sign_up("Ada")

        await ada.shows_people("Ada", *names)
        await ada.write("hello everybody")
        await expect(ada.page.get_by_text("Connected", exact=True)).to_be_visible()
    await ada.shows_people("Ada")


async def test_what_is_wrong_in_a_form_is_told_at_its_field(context: Any, served: Any) -> None:
    """The first wrong field has the focus, so that a screen reader reads what is wrong."""
    page = (await opened(context, served)).page
    await page.goto(_origin(served))
    await page.get_by_role("button", name="Sign up instead").click()
    await page.get_by_label("E-mail").fill("no address")
    await page.get_by_role("button", name="Sign up", exact=True).click()

    for label in ("Name", "E-mail", "Password"):
        await expect(page.get_by_label(label)).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_label(label)).to_have_accessible_description(re.compile("."))
    await expect(page.get_by_label("Name")).to_be_focused()


async def test_signed_out_in_one_window_is_signed_out_in_the_other(
    context: Any, served: Any
) -> None:
    """At once, and the page says why."""
    ada = await opened(context, served)
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
async def test_nothing_is_cut_off(
    context: Any, served: Any, tmp_path: Path, size: str, scheme: str
) -> None:
    """Long words, long names, other scripts: the page is never wider than the window."""
    width, height = SIZES[size]
    view = {"width": width, "height": height}
    ada = await opened(context, served, viewport=view, color_scheme=scheme)
    await ada.sign_up("W" * 40)
    for body in ("short", "x" * 1000, "two\nlines", "שלום עולם", "مرحبا", "👩‍👩‍👧‍👦 🎈" * 20):
        await ada.post(body)
    await expect(ada.page.get_by_role("log").locator(".what")).to_have_count(6)
    await ada.page.screenshot(path=tmp_path / f"{size}-{scheme}.png")

    wide = "document.documentElement.scrollWidth"
    assert await ada.page.evaluate(wide) <= width
    for kind in (".message", "header", "#send", "aside"):
        for box in await ada.page.locator(kind).all():
            place = await box.bounding_box()
            assert place is not None
            assert place["x"] >= 0, kind
            assert place["x"] + place["width"] <= width, kind


def _origin(served: Any) -> str:
    return str(served.url).removesuffix("/api")
