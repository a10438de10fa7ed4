"""Agents with the tokens of another issuer, beside those of our authorization server."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import aiohttp
from plugins.auth.tests.conftest import issuer, issuer_settings  # noqa: F401 - a fixture
from plugins.mcp.tests.conftest import Site as Endpoint
from plugins.mcp.tests.conftest import request
from tests.agents.test_oauth import serving

from actionhero_auth import plugin as auth_plugin
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from plugins.auth.tests.conftest import Issuer

    from actionhero_redis.testing import ThrowAwayRedis

INITIALIZE = request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})


async def test_tokens_of_another_issuer(
    redis_server: ThrowAwayRedis,  # noqa: F811 - the fixture
    issuer: Issuer,  # noqa: F811 - the fixture
) -> None:
    """Their scopes are required, and a session outlives the token that began it."""
    settings = {"ACTIONHERO_AUTH__ISSUERS": json.dumps([issuer_settings(issuer)])}

    def headers(**claims: Any) -> dict[str, str]:
        token = issuer.token(**{"scope": "mcp", "client_id": "agent", **claims})
        return {"Authorization": f"Bearer {token}"}

    async with (
        serving(redis_server.url, "", auth_plugin, **settings) as site,
        aiohttp.ClientSession() as http,
    ):
        endpoint = Endpoint(site.app, site.url, http)
        me = request("tools/call", {"name": "me"})
        caller = await endpoint.post(me, **headers(jti="1"))
        lacking = await endpoint.post(request("tools/call", {"name": "message-write"}), **headers())
        expired = await endpoint.post(me, **headers(exp=1))
        elsewhere = await endpoint.post(me, **headers(aud="https://other.example"))
        reply = await endpoint.post(INITIALIZE, **headers(jti="1"))
        session = {"Mcp-Session-Id": reply.headers["Mcp-Session-Id"]}
        renewed = await endpoint.post(me, **session, **headers(jti="2"))
        foreign = [
            await endpoint.post(me, **session, **headers(**claims))
            for claims in ({"sub": "bob"}, {"client_id": "another agent"})
        ]

    text = caller.body["result"]["content"][0]["text"]
    assert json.loads(text) == {"user": "ada", "scopes": ["mcp"]}
    assert lacking.status == 403
    assert 'scope="mcp messages:write"' in lacking.headers["WWW-Authenticate"]
    assert expired.status == elsewhere.status == 401
    assert re.search('resource_metadata="[^"]+"', expired.headers["WWW-Authenticate"])
    assert renewed.status == 200
    assert [reply.status for reply in foreign] == [403, 403]
