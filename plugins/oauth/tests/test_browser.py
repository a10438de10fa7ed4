"""The flow in a real browser, begun on a page of another site."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from playwright.async_api import async_playwright
from plugins.oauth.tests.conftest import CHALLENGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from playwright.async_api import Page
    from plugins.oauth.tests.conftest import Site


class ClientSite:
    """Another site, whose link leads to the authorization server and back."""

    def __init__(self, port: int) -> None:
        # Another site than that of the server, which is at 127.0.0.1.
        self.origin = f"http://localhost:{port}"
        self.target = ""
        self.received: asyncio.Queue[dict[str, str]] = asyncio.Queue()


@pytest.fixture
async def client_site() -> AsyncIterator[ClientSite]:
    """Yield the running site."""
    application = web.Application()

    async def start(_: web.Request) -> web.Response:
        return web.Response(text=f'<a href="{found.target}">Connect</a>', content_type="text/html")

    async def callback(request: web.Request) -> web.Response:
        found.received.put_nowait(dict(request.query))
        return web.Response(text="<h1>Back</h1>", content_type="text/html")

    application.router.add_get("/", start)
    application.router.add_get("/callback", callback)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found = ClientSite(runner.addresses[0][1])
    yield found
    await runner.cleanup()


async def test_a_user_connects_an_application_of_another_site(
    site: Site, client_site: ClientSite, program: Callable[[str], str]
) -> None:
    """With the default `SameSite=Strict`: the second time, the user is signed in already."""
    redirect_uri = f"{client_site.origin}/callback"
    async with site.client() as http:
        metadata = {"client_name": "Agent", "redirect_uris": [redirect_uri]}
        registered = (await http.post("/oauth/register", json=metadata)).json()
    client_site.target = (
        f"{site.issuer}/oauth/authorize?response_type=code&client_id={registered['client_id']}"
        f"&code_challenge={CHALLENGE}&code_challenge_method=S256&state=s"
        f"&scope=mcp%20messages:write"
    )
    problems: list[str] = []
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=program("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        page = await chromium.new_page(viewport={"width": 360, "height": 640})
        page.on("console", lambda message: problems.append(message.text))

        await page.goto(client_site.origin)
        await page.click("text=Connect")
        await page.fill("#email", "ada@example.com")
        await page.fill("#password", "wrong")
        await page.click("button:has-text('Sign in')")
        assert await page.text_content("[role=alert]") == "Invalid email or password"
        problems.clear()
        await page.fill("#email", "ada@example.com")
        await page.fill("#password", "right")
        await page.click("button:has-text('Sign in')")
        await _check_consent(page)
        await page.uncheck("text=Write messages for you")
        await page.click("button:has-text('Allow')")
        await page.wait_for_selector("text=Back")
        first = await client_site.received.get()

        await page.goto(client_site.origin)
        await page.click("text=Connect")
        await _check_consent(page)
        await page.click("button:has-text('Deny')")
        await page.wait_for_selector("text=Back")
        second = await client_site.received.get()
        await chromium.close()

    tokens = await site.exchange(
        first["code"], client_id=registered["client_id"], redirect_uri=redirect_uri
    )
    assert tokens.status == 200
    assert tokens.values["scope"] == "mcp"
    assert second["error"] == "access_denied"
    assert second["iss"] == first["iss"] == site.issuer
    # Such as a blocked style sheet, or a form that the policy forbids.
    assert not problems


async def _check_consent(page: Page) -> None:
    await page.wait_for_selector("text=You are signed in as ada@example.com")
    assert await page.is_checked("text=Use this application")
    warning = await page.text_content(".warning")
    assert warning is not None
    assert "runs on this computer" in warning
    # Nothing is wider than the screen of a phone.
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
