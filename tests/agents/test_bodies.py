"""Bodies that are too large, or stop in the middle, for agents and their authorization server."""

from __future__ import annotations

import asyncio
import gzip
import re
from typing import TYPE_CHECKING

import httpx
from tests.agents.test_oauth import serving

from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from tests.agents.test_oauth import Site

    from actionhero_redis.testing import ThrowAwayRedis

#: Those of programs; pages need a session too.
PATHS = ("/mcp", "/mcp/", "/oauth/token", "/oauth/register", "/oauth/revoke")
FORM = "x-www-form-urlencoded"
LARGE_BYTES = 40 * 1024 * 1024
#: 300 KiB that expand to 300 MiB.
BOMB = gzip.compress(bytes(300 * 1024 * 1024), 9)


async def status_of(port: int, path: str, headers: str, body: bytes) -> int:
    """Send a request, and return the status of its response."""
    kind = "json" if path in ("/mcp", "/mcp/", "/oauth/register") else FORM
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/{kind}\r\n"
    writer.write(f"{head}{headers}\r\n\r\n".encode() + body)
    try:
        line = await asyncio.wait_for(reader.readline(), 30)
    finally:
        writer.close()
    return int(line.split()[1])


async def statuses_of(port: int, path: str, headers: str = "") -> tuple[int, int, int]:
    """Return the statuses of a large body, a bomb, and one that stops in the middle."""
    compressed = f"Content-Encoding: gzip\r\nContent-Length: {len(BOMB)}"
    return (
        await status_of(port, path, f"{headers}Content-Length: {LARGE_BYTES}", b""),
        await status_of(port, path, f"{headers}{compressed}", BOMB),
        await status_of(port, path, f"{headers}Content-Length: 100", b"{"),
    )


async def page_of(site: Site) -> tuple[str, str]:
    """Return the path of a consent page, and the headers of the browser that has signed in."""
    origin = {"Origin": site.issuer, "Sec-Fetch-Site": "same-origin"}
    async with httpx.AsyncClient(base_url=site.issuer, headers=origin) as browser:
        uris = ["http://127.0.0.1:3344/callback"]
        client = (await browser.post("/oauth/register", json={"redirect_uris": uris})).json()
        query = {
            "response_type": "code", "client_id": client["client_id"], "redirect_uri": uris[0],
            "code_challenge": "x" * 43, "code_challenge_method": "S256",
        }  # fmt: skip
        hop = await browser.get("/oauth/authorize", params=query)
        [path] = re.findall(r'content="0;url=([^"]+)"', hop.text)
        page = await browser.get(path)
        fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        signed_in = await browser.post(path, data={**fields, "name": "ada"})
        assert signed_in.status_code == 303
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return path, f"Cookie: {cookies}\r\nOrigin: {site.issuer}\r\n"


async def test_limits_of_bodies(redis_server: ThrowAwayRedis) -> None:  # noqa: F811 - the fixture
    """All are answered before the body is complete."""
    environ = {
        "ACTIONHERO_MCP__AUTH": "optional",
        "ACTIONHERO_WEB__BODY_IDLE_TIMEOUT": "0.5s",
    }
    async with serving(redis_server.url, **environ) as site:
        port = int(site.issuer.rpartition(":")[2])
        found = {path: await statuses_of(port, path) for path in PATHS}
        consent, browser = await page_of(site)
        pages = (consent, "/oauth/connections")
        found |= {path: await statuses_of(port, path, browser) for path in pages}
        web_server = next(item for item in site.app.app.servers if isinstance(item, WebServer))
        assert web_server._application
        routes = web_server._application.router.routes()
        native = {
            route.resource.canonical
            for route in routes
            if route.resource is not None and route.method in {"POST", "*"}
        }

    assert found == dict.fromkeys((*PATHS, *pages), (413, 413, 408))
    # A new route has to be in this test; those of actions have their own.
    native -= {"/{tail}", "/api", "/api/{tail}"}
    assert native == {*PATHS, "/oauth/consent/{id}", "/oauth/connections"}
