"""`EventSource` of a real browser, across a restart of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import async_playwright

from actionhero.testing import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.sse.tests.conftest import Serve

    from actionhero_redis.testing import ThrowAwayRedis

SUBSCRIBE = """channels => {
  window.received = [];
  for (const channel of channels) {
    const source = new EventSource(`/api/channels/${channel}/events`);
    source.onmessage = event => received.push(JSON.parse(event.data).message);
    for (const name of ["subscribed", "gap", "end"]) {
      source.addEventListener(name, () => received.push(`${name} ${channel}`));
    }
  }
}"""
WAIT = "events => events.every(event => received.includes(event))"


async def test_a_browser_resumes_after_a_restart_of_the_server(
    serve: Serve, redis_server: ThrowAwayRedis, program: Callable[[str], str]
) -> None:
    """It receives the broadcasts that it missed; without history, a gap is reported."""
    environ = {
        "ACTIONHERO_WEB__PORT": str(free_port()),
        "ACTIONHERO_SSE__RETRY": "0.05",
        "REDIS_URL": redis_server.url,
    }
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=program("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        page = await chromium.new_page(bypass_csp=True)
        async with serve(**environ) as site:
            await page.goto(f"{site.origin}/api/status")
            await page.evaluate(SUBSCRIBE, ["long", "news"])
            await page.wait_for_function(WAIT, arg=["subscribed long", "subscribed news"])
            await site.broadcast("long", "before")
            await page.wait_for_function(WAIT, arg=["before"])
        await page.wait_for_function(WAIT, arg=["end long", "end news"])
        # Another process broadcasts while the server of the page is down.
        async with serve(REDIS_URL=redis_server.url) as other:
            await other.broadcast("long", "meanwhile")
            await other.broadcast("news", "lost")
        async with serve(**environ) as site:
            await page.wait_for_function(WAIT, arg=["meanwhile", "gap news"])
            await site.broadcast("long", "after")
            await site.broadcast("news", "after the gap")
            await page.wait_for_function(WAIT, arg=["after", "after the gap"])
            received = await page.evaluate("received")
        await chromium.close()

    long = [each for each in received if each in {"before", "meanwhile", "after"}]
    assert long == ["before", "meanwhile", "after"]
    assert "gap long" not in received
    assert received.index("gap news") < received.index("after the gap")
    assert "lost" not in received
