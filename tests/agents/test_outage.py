"""An outage of the Redis of agents and their authorization server: 503, and no internal error."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import aiohttp
import httpx
from plugins.mcp.tests.conftest import Site as Endpoint
from plugins.mcp.tests.conftest import request
from tests.agents.test_oauth import User, serving

from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    import pytest

    from actionhero_redis.testing import ThrowAwayRedis

INITIALIZE = request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})


async def test_requests_during_an_outage_of_redis(
    redis_server: ThrowAwayRedis,  # noqa: F811 - the fixture
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Clients of a cached token are served; everything that needs Redis succeeds afterwards."""
    quick = {"ACTIONHERO_REDIS__RETRIES": "0", "ACTIONHERO_REDIS__TIMEOUT": "1"}
    async with (
        serving(redis_server.url, **quick) as site,
        aiohttp.ClientSession() as http,
        httpx.AsyncClient(base_url=site.issuer) as client,
    ):
        ada = User(site, "ada", "mcp")
        async with ada.agent() as agent:
            await agent.list_tools()
        assert ada.client
        endpoint = Endpoint(site.app, site.url, http)
        token = {"Authorization": f"Bearer {ada.token}"}
        reply = await endpoint.post(INITIALIZE, **token)
        session = {"Mcp-Session-Id": reply.headers["Mcp-Session-Id"], **token}
        form = {"client_id": str(ada.client.client_id), "grant_type": "refresh_token",
                "refresh_token": str(ada.tokens and ada.tokens.refresh_token)}  # fmt: skip
        query = {"client_id": form["client_id"]}
        caplog.clear()
        redis_server.pause()
        try:
            cached = await endpoint.post(request("tools/list", {}), **session)
            responses = await asyncio.gather(
                client.post("/oauth/register", json={"redirect_uris": ["https://a.example/"]}),
                client.post("/oauth/token", data=form),
                client.post("/oauth/revoke", data={**form, "token": ada.token}),
                client.get("/oauth/authorize", params=query),
                client.get("/oauth/consent/x"),
                client.get("/oauth/connections", headers={"Cookie": "__session=" + "x" * 43}),
                client.get("/mcp", headers={**session, "Accept": "text/event-stream"}),
            )
        finally:
            redis_server.resume()
        refreshed = await client.post("/oauth/token", data=form)

    assert cached.status == 200
    assert [response.status_code for response in responses] == [503] * 7
    # Programs read JSON (RFC 6749 §5.2), and users pages.
    assert [response.json()["error"] for response in responses[:3]] == (
        ["temporarily_unavailable"] * 3
    )
    for page in responses[3:6]:
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "This did not work" in page.text
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert all(response.headers["Retry-After"] == "1" for response in responses)
    assert "Traceback" not in caplog.text
    assert not [item for item in caplog.records if item.levelno >= logging.ERROR]
    assert refreshed.status_code == 200
