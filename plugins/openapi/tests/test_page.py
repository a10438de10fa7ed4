"""The page at /docs, in a browser without access to other servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from playwright.async_api import Browser as Chromium
    from playwright.async_api import Locator, Page, Response
    from plugins.openapi.tests.conftest import Serve

# One browser for all tests.
pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDTH, HEIGHT = 1200, 1400


class Browser:
    """A page, with its requests and its console messages."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.messages: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda line: self.messages.append(line.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))

    def block(self, operation: str) -> Locator:
        """Return the section of an operation, such as `GET /books`."""
        method, path = operation.split()
        return self.page.locator(
            f".opblock-{method.lower()}", has=self.page.locator(f"[data-path='{path}']")
        )

    async def run(self, operation: str, **values: str) -> Response:
        """Fill in the form of an operation, send it, and return the response."""
        block = self.block(operation)
        await block.locator(".opblock-summary-control").click()
        await block.get_by_role("button", name="Try it out").click()
        for name, value in values.items():
            if name == "body":
                await block.locator("textarea.body-param__text").fill(value)
            else:
                await block.locator(f"tr[data-param-name='{name}'] input").fill(value)
        async with self.page.expect_response(lambda response: "/api/" in response.url) as waiting:
            await block.get_by_role("button", name="Execute").click()
        await block.locator(".live-responses-table").wait_for()
        return await waiting.value


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(program: Callable[[str], str]) -> AsyncIterator[Chromium]:
    """Return a browser that resolves no host names."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=program("chromium"),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--proxy-server=direct://",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="module")
async def browser(chromium: Chromium) -> AsyncIterator[Browser]:
    """Return a page without cookies."""
    page = await chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    yield Browser(page)
    await page.close()


async def test_the_page_shows_every_operation_without_other_servers(
    serve: Serve, browser: Browser, application: str, tmp_path: Path
) -> None:
    """It works without internet access, and leaks nothing."""
    served = serve(application, "standard")

    await browser.page.goto(f"{served.origin}/docs")
    await browser.page.locator(".opblock").first.wait_for()
    await browser.page.screenshot(path=tmp_path / "docs.png")

    document = await (await browser.page.request.get(f"{served.origin}/api/swagger")).json()
    operations = sum(map(len, document["paths"].values()))
    assert await browser.page.locator(".opblock").count() == operations
    assert await browser.page.title() == document["info"]["title"]
    assert {
        url for url in browser.requests if not url.startswith((served.origin, "data:"))
    } == set()
    # No violation of the Content-Security-Policy, and no script error.
    assert browser.messages == []


async def test_rows_have_descriptions_in_the_colors_of_the_browser(
    serve: Serve, browser: Browser, tmp_path: Path
) -> None:
    """The name of the action and the first line of its description, also on dark."""
    served = serve("specimen", "standard")
    await browser.page.emulate_media(color_scheme="dark")

    await browser.page.goto(f"{served.origin}/docs")
    row = browser.page.locator(".opblock-summary", has_text="book:search")
    await row.first.wait_for()
    await browser.page.screenshot(path=tmp_path / "dark.png")

    document = await (await browser.page.request.get(f"{served.origin}/api/swagger")).json()
    operation = document["paths"]["/books"]["get"]
    assert operation["summary"] == "book:search"
    assert operation["description"] == "Search books by `text`."
    assert "book:search · Search books by text." in await row.first.inner_text()
    await row.first.locator(".opblock-summary-control").click()
    block = browser.block("GET /books")
    await expect(block.locator(".opblock-description code")).to_have_text("text")
    color = "getComputedStyle(document.body).backgroundColor"
    assert await browser.page.evaluate(color) != "rgb(250, 250, 250)"
    await browser.page.emulate_media(color_scheme="light")
    await expect(browser.page.locator("html")).not_to_have_class("dark-mode")


async def test_the_page_calls_actions_with_the_session_of_the_browser(
    serve: Serve, browser: Browser, tmp_path: Path
) -> None:
    """A sign-in on the page sets the cookie, which no script can read."""
    served = serve("specimen", "standard")
    await browser.page.goto(f"{served.origin}/docs")

    anonymous = await browser.run("GET /session")
    signed_in = await browser.run("PUT /session", body='{"name": "Ada"}')
    await browser.page.reload()
    viewed = await browser.run("GET /session")
    await browser.page.screenshot(path=tmp_path / "ran.png")

    assert anonymous.status == 401
    assert signed_in.status == 200
    assert (viewed.status, await viewed.json()) == (200, {"name": "Ada"})
    table = browser.block("GET /session").locator(".live-responses-table")
    assert "Ada" in await table.inner_text()


async def test_inputs_are_filled_in_on_the_page(serve: Serve, browser: Browser) -> None:
    """The action receives the values of the form."""
    served = serve("specimen", "standard")
    await browser.page.goto(f"{served.origin}/docs")

    response = await browser.run("GET /books", text="Emma & others")

    assert (await response.json())[0]["title"] == "Emma & others"
