"""Bodies that are too large, or stop in the middle, for agents and their authorization server."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING

from tests.agents.test_oauth import serving

from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from actionhero_redis.testing import ThrowAwayRedis

PATHS = ("/mcp", "/oauth/token", "/oauth/register", "/oauth/revoke")
FORM = "x-www-form-urlencoded"
LARGE_BYTES = 40 * 1024 * 1024


async def status_of(port: int, path: str, headers: str, body: bytes) -> int:
    """Send a request, and return the status of its response."""
    kind = "json" if path in ("/mcp", "/oauth/register") else FORM
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/{kind}\r\n"
    writer.write(f"{head}{headers}\r\n\r\n".encode() + body)
    try:
        line = await asyncio.wait_for(reader.readline(), 30)
    finally:
        writer.close()
    return int(line.split()[1])


async def test_limits_of_bodies(redis_server: ThrowAwayRedis) -> None:  # noqa: F811 - the fixture
    """All are answered before the body is complete."""
    bomb = gzip.compress(bytes(300 * 1024 * 1024), 9)
    compressed = f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}"
    environ = {
        "ACTIONHERO_MCP__AUTH": "optional",
        "ACTIONHERO_WEB__BODY_IDLE_TIMEOUT": "0.5s",
    }
    async with serving(redis_server.url, **environ) as site:
        port = int(site.issuer.rpartition(":")[2])
        found = {
            path: (
                await status_of(port, path, f"Content-Length: {LARGE_BYTES}", b""),
                await status_of(port, path, compressed, bomb),
                await status_of(port, path, "Content-Length: 100", b"{"),
            )
            for path in PATHS
        }

    assert found == dict.fromkeys(PATHS, (413, 413, 408))
