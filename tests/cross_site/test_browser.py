"""Pages of other sites in a real browser: they cannot act with the session of their visitor."""

from __future__ import annotations

import contextlib
import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import trustme
from aiohttp import web
from playwright.async_api import BrowserContext, Error, Frame, async_playwright

from actionhero import (
    Action,
    Call,
    Connection,
    Inputs,
    Observer,
    Outcome,
    RunMode,
    TypedError,
    hookimpl,
)
from actionhero.testing import free_port, running_app
from actionhero_channels import plugin as channels_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import plugin as sessions_plugin
from actionhero_web import build_application
from actionhero_web import plugin as web_plugin
from actionhero_websocket import plugin as websocket_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

# One browser for all tests.
pytestmark = pytest.mark.asyncio(loop_scope="module")

#: The site, and those of pages that attack it.
SHOP = "shop.example.test"
SIBLING = "blog.example.test"
OTHER = "evil.test"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * 127.0.0.1",
)
#: Sends a form, as a navigation of the page.
FORM = """([url, enctype]) => {
  const form = document.createElement("form");
  Object.assign(form, { action: url, method: "POST", enctype });
  const field = document.createElement("input");
  Object.assign(field, { name: '{"user', value: '":"mallory"}' });
  if (enctype !== "text/plain") Object.assign(field, { name: "user", value: "mallory" });
  form.append(field);
  document.body.append(form);
  form.submit();
}"""
FETCH = """([url, mode, type, body]) => fetch(url, {
  method: "POST", mode, credentials: "include", headers: { "Content-Type": type }, body,
}).then(() => "", () => "blocked")"""
IMAGE = """([url]) => new Promise(resolve => {
  const image = new Image();
  image.onload = image.onerror = () => resolve("");
  image.src = url;
})"""
SOCKET = """([url]) => new Promise(resolve => {
  const socket = new WebSocket(url);
  socket.onopen = () => socket.send(JSON.stringify(
    { messageType: "action", messageId: 1, action: "transfer", params: {} }
  ));
  socket.onmessage = () => { socket.close(); resolve("open"); };
  socket.onerror = () => resolve("blocked");
})"""
EVENTS = """([url]) => new Promise(resolve => {
  const source = new EventSource(url, { withCredentials: true });
  source.onmessage = event => { source.close(); resolve(`read ${event.data}`); };
  source.onerror = () => { source.close(); resolve("blocked"); };
})"""
FORM_TYPE, JSON_TYPE = "application/x-www-form-urlencoded", "application/json"
BODIES = {FORM_TYPE: "user=mallory", JSON_TYPE: '{"user":"mallory"}', "text/plain": "{}"}


class Account(Inputs):
    user: str = ""


class SignIn(Action):
    name = "sign:in"
    web = "POST /session"

    async def run(self, inputs: Account, call: Call) -> None:
        await call.session.regenerate()
        call.session["userId"] = inputs.user


class Transfer(Action):
    name = "transfer"
    web = "POST /transfer"

    async def run(self, inputs: Account, call: Call) -> str | None:
        return call.session.get("userId")


class Webhook(Action):
    name = "webhook"
    web = "POST /webhook"
    cross_origin = True

    async def run(self, call: Call) -> str | None:
        return call.session.get("userId")


class Balance(Action):
    name = "balance"
    web = "GET /balance"

    async def run(self, call: Call) -> AsyncIterator[str]:
        yield str(call.session.get("userId"))


class Record(Observer):
    """Records the calls, each with its user or error."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    @property
    def result(self) -> str:
        """The result of the calls; empty without any."""
        return ", ".join(self.calls)

    def ended(self, call: Call, outcome: Outcome, seconds: float, mark: Any) -> None:
        """Record a call."""
        result = outcome.error.type if outcome.error else f"as {call.session.get('userId')}"
        self.calls.append(result)

    def refused(self, connection: Connection, name: str, error: TypedError) -> None:
        """Record a refusal."""
        self.calls.append(error.type)

    @hookimpl
    def actionhero_observers(self) -> list[Observer]:
        """Return this observer."""
        return [self]


class Shop:
    """The running application, and a browser.

    Args:
        record: The record of its calls.
        context: The browser, whose user is signed in.
        port: The port of the application.
        page_port: The port of the pages of other sites.
    """

    def __init__(self, record: Record, context: BrowserContext, port: int, page_port: int) -> None:
        self._record = record
        self._context = context
        self._port = port
        self._page_port = page_port

    async def results(self, name: str) -> dict[str, str]:
        """Return the result of each attack by a page.

        Args:
            name: The name of the page's host, `own`, or `sandbox`.
        """
        host = "localhost" if name == "localhost" else SHOP
        api = f"https://{host}:{self._port}/api"
        own = await self._page(host, own=True)
        await own.evaluate(FETCH, [f"{api}/session", "cors", JSON_TYPE, '{"user":"ada"}'])
        page = own if name == "own" else await self._page(name)
        results = {}

        async def attack(title: str, script: str, url: str, *arguments: str) -> None:
            self._record.calls.clear()
            if script is FORM:
                await self._submit(page.page.url, [url, *arguments])
                results[title] = self._record.result
            else:
                result = await page.evaluate(script, [url, *arguments])
                results[title] = f"{self._record.result} {result}".strip()

        await attack("form", FORM, f"{api}/transfer", FORM_TYPE)
        await attack("form of text", FORM, f"{api}/transfer", "text/plain")
        await attack("multipart form", FORM, f"{api}/transfer", "multipart/form-data")
        for mode, type in (
            ("no-cors", "text/plain"), ("no-cors", FORM_TYPE),
            ("cors", FORM_TYPE), ("cors", JSON_TYPE),
        ):  # fmt: skip
            title = f"fetch {mode} {type}"
            await attack(title, FETCH, f"{api}/transfer", mode, type, BODIES[type])
        await attack("image", IMAGE, f"{api}/balance")
        await attack("image of a change", IMAGE, f"{api}/transfer")
        await attack("events", EVENTS, f"{api}/balance")
        await attack("socket", SOCKET, f"wss://{host}:{self._port}/ws")
        await attack("exempt action", FORM, f"{api}/webhook", FORM_TYPE)
        # The last one, as it signs the user out if it succeeds.
        await attack("sign-in form", FORM, f"{api}/session", FORM_TYPE)
        await own.page.close()
        await page.page.close()
        return results

    async def _submit(self, url: str, arguments: list[str]) -> None:
        """Submit a form in a new page."""
        page = await self._context.new_page()
        await page.goto(url)
        # A frame must not show the response.
        with contextlib.suppress(Error):
            async with page.frames[-1].expect_navigation():
                await page.frames[-1].evaluate(FORM, arguments)
        await page.close()

    async def _page(self, name: str, *, own: bool = False) -> Frame:
        """Return a page of a host, or a sandboxed frame of a page of another site."""
        page = await self._context.new_page()
        if own:
            await page.goto(f"https://{name}:{self._port}/livez")
            return page.main_frame
        host = OTHER if name == "sandbox" else name
        path = "sandbox" if name == "sandbox" else ""
        await page.goto(f"https://{host}:{self._page_port}/{path}")
        return page.frames[-1]


async def respond(request: web.Request) -> web.Response:
    """Return a page of another site."""
    text = "<body></body>"
    if request.path == "/sandbox":
        text = '<iframe sandbox="allow-scripts allow-forms" src="/"></iframe>'
    return web.Response(text=f"<!doctype html>{text}", content_type="text/html")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[BrowserContext]:
    """Chromium, for which all names are those of this machine, and with third-party cookies."""
    folder = tmp_path_factory.mktemp("chromium")
    preferences = folder / "Default" / "Preferences"
    preferences.parent.mkdir()
    preferences.write_text(json.dumps({"profile": {"cookie_controls_mode": 0}}))
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder,
            executable_path=program("chromium"),
            args=list(ARGUMENTS),
            bypass_csp=True,
            ignore_https_errors=True,
        )
        yield context
        await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def browser(chromium: BrowserContext) -> BrowserContext:
    """The browser without cookies of other tests."""
    await chromium.clear_cookies()
    return chromium


@contextlib.asynccontextmanager
async def serve_tls(application: web.Application, port: int = 0) -> AsyncIterator[int]:
    """Serve an application of aiohttp over TLS on a port."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def shop(browser: BrowserContext, **settings: str) -> AsyncIterator[Shop]:
    """The application over TLS, and pages of other sites; `PAGES` in settings is their port."""
    record = Record()
    page_port = free_port()
    environ = {
        "PORT": "0",
        "ACTIONHERO_REDIS__MODE": "memory",
        "ACTIONHERO_WEB__ALLOWED_HOSTS": f"{SHOP},localhost",
        **{name: value.replace("PAGES", str(page_port)) for name, value in settings.items()},
    }
    plugins = [web_plugin, redis_plugin, channels_plugin, sessions_plugin, websocket_plugin]
    pages = web.Application()
    pages.router.add_get("/{tail:.*}", respond)
    async with contextlib.AsyncExitStack() as stack:
        app = await stack.enter_async_context(
            running_app(
                *plugins, record, SignIn, Transfer, Webhook, Balance,
                environ=environ, mode=RunMode.SERVER,
            )
        )  # fmt: skip
        port = await stack.enter_async_context(serve_tls(build_application(app.app)))
        await stack.enter_async_context(serve_tls(pages, page_port))
        yield Shop(record, browser, port, page_port)


#: The results of requests with the session, and without it.
AS_USER = {
    "form": "as ada",
    "form of text": "CONNECTION_MEDIA_TYPE",
    "multipart form": "as ada",
    "fetch no-cors text/plain": "CONNECTION_MEDIA_TYPE",
    f"fetch no-cors {FORM_TYPE}": "as ada",
    f"fetch cors {FORM_TYPE}": "as ada",
    f"fetch cors {JSON_TYPE}": "as ada",
    "image": "as ada",
    "image of a change": "CONNECTION_METHOD_NOT_ALLOWED",
    "events": "as ada read ada",
    "socket": "as ada open",
    "exempt action": "as ada",
    "sign-in form": "as mallory",
}
REFUSED = "CONNECTION_ACTION_FORBIDDEN"
#: A page of another site, whose requests have the session. It cannot read responses.
ATTACK = AS_USER | {
    "form": REFUSED,
    "form of text": REFUSED,
    "multipart form": REFUSED,
    "fetch no-cors text/plain": REFUSED,
    f"fetch no-cors {FORM_TYPE}": REFUSED,
    f"fetch cors {FORM_TYPE}": f"{REFUSED} blocked",
    f"fetch cors {JSON_TYPE}": "blocked",
    "events": "as ada blocked",
    "socket": "blocked",
    "sign-in form": REFUSED,
}
#: The same if the browser does not send the session.
WITHOUT_SESSION = ATTACK | {
    "form": "as None",
    "form of text": "CONNECTION_MEDIA_TYPE",
    "multipart form": "as None",
    "fetch no-cors text/plain": "CONNECTION_MEDIA_TYPE",
    f"fetch no-cors {FORM_TYPE}": "as None",
    f"fetch cors {FORM_TYPE}": "as None blocked",
    "image": "as None",
    "events": "as None blocked",
    "exempt action": "as None",
}
#: A page that may use the session, but neither read responses nor open a socket.
WRITE_ONLY = AS_USER | {
    f"fetch cors {FORM_TYPE}": "as ada blocked",
    f"fetch cors {JSON_TYPE}": "blocked",
    "events": "as ada blocked",
    "socket": "blocked",
}
#: Browsers send a cookie with `SameSite` to all hosts and ports of a site.
PAGES = {
    "own": (AS_USER, AS_USER),
    OTHER: (WITHOUT_SESSION, ATTACK),
    SIBLING: (ATTACK, ATTACK),
    "localhost": (ATTACK, ATTACK),
    "sandbox": (WITHOUT_SESSION, ATTACK),
}
FOR_ALL_SITES = {"ACTIONHERO_SESSIONS__SAME_SITE": "None", "ACTIONHERO_SESSIONS__SECURE": "true"}


@pytest.mark.parametrize("settings", [{}, FOR_ALL_SITES], ids=["default", "SameSite=None"])
async def test_pages_of_other_sites_cannot_act_with_the_session(
    browser: BrowserContext, settings: dict[str, str]
) -> None:
    """Those of another site, another host of the site, another port, and in a sandbox."""
    column = 1 if settings else 0
    async with shop(browser, **settings) as site:
        results = {name: await site.results(name) for name in PAGES}

    assert results == {name: columns[column] for name, columns in PAGES.items()}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"ACTIONHERO_WEB__TRUSTED_ORIGINS": f"https://{SIBLING}:PAGES"},
            WRITE_ONLY,
        ),
        # `SameSite` alone does not stop a page of another host of the site.
        ({"ACTIONHERO_WEB__CROSS_ORIGIN_PROTECTION": "false"}, WRITE_ONLY),
        ({"ACTIONHERO_WEB__ALLOWED_ORIGINS": f"https://{SIBLING}:PAGES"}, AS_USER),
        # Every page may call the API, but none with a session.
        (
            {"ACTIONHERO_WEB__ALLOWED_ORIGINS": "*"},
            ATTACK | {f"fetch cors {FORM_TYPE}": f"{REFUSED} blocked"},
        ),
    ],
    ids=["trusted_origins", "disabled", "allowed_origins", "any origin"],
)
async def test_listed_origins_may_use_the_session(
    browser: BrowserContext, settings: dict[str, str], expected: dict[str, str]
) -> None:
    """A page of another host of the site."""
    async with shop(browser, **settings) as site:
        results = await site.results(SIBLING)

    assert results == expected
