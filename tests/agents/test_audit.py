"""Refusals of agents: each is one line of the audit log."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from plugins.mcp.tests.conftest import Site as Endpoint
from plugins.mcp.tests.conftest import request
from tests.agents.test_oauth import User, Wait, serving

from actionhero_oauth import AuthorizationServer
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.agents.test_oauth import Site

    from actionhero_redis.testing import ThrowAwayRedis

INITIALIZE = request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})
PING = request("ping", {})


class Lines:
    """The lines of the audit log.

    Args:
        caplog: The records of all loggers.
    """

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def take(self) -> list[dict[str, Any]]:
        """Return the lines since the last time."""
        records = [item for item in self._caplog.records if item.name == "actionhero.audit"]
        self._caplog.clear()
        return [json.loads(item.getMessage()) for item in records]


@pytest.fixture
async def site(redis_server: ThrowAwayRedis) -> AsyncIterator[Site]:  # noqa: F811 - the fixture
    """The application."""
    async with serving(redis_server.url, ACTIONHERO_MCP__CALLS_PER_MINUTE="60") as site:
        yield site


async def connected(site: Site, *names: str) -> list[User]:
    """Return users whose agents have tokens."""
    users = [User(site, name, "mcp") for name in names]
    for user in users:
        async with user.agent() as client:
            await client.list_tools()
    return users


async def test_each_refusal_is_one_line(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "actionhero.audit")
    lines = Lines(caplog)
    ada, bob = await connected(site, "ada", "bob")
    asked = (await site.post(ada.token, "tools/call", name="ask", arguments={}))[1]["result"]
    state = {"requestState": asked["requestState"], "inputResponses": {}}
    server = site.app.app.get(AuthorizationServer)
    grant, _ = (await server.grant_of(ada.token)) or pytest.fail("the token is not valid")
    foreign = await server.grants.create(
        "ada", grant.client_id, "Agent", "127.0.0.1", grant.scopes, f"{site.issuer}/api"
    )
    assert ada.tokens
    old = str(ada.tokens.refresh_token)
    found: dict[str, list[dict[str, Any]]] = {}
    async with aiohttp.ClientSession() as http:
        endpoint = Endpoint(site.app, site.url, http)
        token = {"Authorization": f"Bearer {ada.token}"}
        reply = await endpoint.post(INITIALIZE, **token)
        session = {"Mcp-Session-Id": reply.headers["Mcp-Session-Id"]}
        lines.take()

        async def post(name: str, status: int, **headers: str) -> None:
            reply = await endpoint.post(PING, **headers)
            assert reply.status == status, name
            found[name] = lines.take()

        await post("no token", 401)
        await post("unknown token", 401, Authorization="Bearer aha_x")
        other = server.tokens.make("access", foreign.id, 1)
        await post("token of another resource", 401, Authorization=f"Bearer {other}")
        await post("foreign origin", 403, Origin="https://evil.example", **token)
        await post("foreign session", 403, **session, Authorization=f"Bearer {bob.token}")
        await post("forged session", 404, **{**session, "Mcp-Session-Id": "x"}, **token)
        statuses = [
            (await site.post(bob.token, "tools/call", name="message-write", arguments={}))[0]
        ]
        found["missing scope"] = lines.take()
        statuses.append(
            (await site.post(bob.token, "tools/call", name="ask", arguments={}, **state))[0]
        )
        found["foreign state"] = lines.take()
        for _ in range(100):
            if (await endpoint.post(PING, Authorization=f"Bearer {bob.token}")).status == 429:
                break
        found["too many requests"] = lines.take()
        stolen = await bob.post("token", grant_type="refresh_token", refresh_token=old)
        statuses.append(stolen.status_code)
        found["refresh token of another client"] = lines.take()
        newest = old
        for _ in range(2):
            fresh = await ada.post("token", grant_type="refresh_token", refresh_token=newest)
            newest = fresh.json()["refresh_token"]
        lines.take()
        statuses.append(
            (await ada.post("token", grant_type="refresh_token", refresh_token=old)).status_code
        )
        found["old refresh token"] = lines.take()
        unknown = await ada.post("token", grant_type="authorization_code", code="used")
        statuses.append(unknown.status_code)
        found["code"] = lines.take()

    assert statuses == [403, 400, 400, 400, 400]
    assert {name: len(items) for name, items in found.items()} == dict.fromkeys(found, 1)
    events = {name: items[0]["event"] for name, items in found.items()}
    for name, event in (
        ("unknown token", "credential_use"),
        ("token of another resource", "credential_use"),
        ("refresh token of another client", "oauth.refresh"),
        ("old refresh token", "oauth.refresh"),
        ("code", "oauth.code"),
    ):
        assert events.pop(name) == event
    assert set(events.values()) == {"access"}
    assert all(item["outcome"] == "failure" for items in found.values() for item in items)
    assert found["foreign state"][0]["user"] == "bob"
    assert found["missing scope"][0]["action"] == "message:write"
    assert all(items[0]["transport"] == "mcp" for name, items in found.items() if name in events)


async def test_each_call_of_a_tool_that_writes_is_one_line(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "actionhero.audit")
    lines = Lines(caplog)
    [ada] = await connected(site, "ada")
    lines.take()
    arguments = {"name": "Ada", "password": "4711"}

    status, _, _ = await site.post(ada.token, "tools/call", name="rename", arguments=arguments)
    [line] = lines.take()
    await site.post(ada.token, "tools/list")

    assert status == 200
    assert not lines.take()
    assert line["event"] == "mcp.tool"
    assert line["outcome"] == "success"
    assert line["user"] == "ada"
    assert line["method"] == "oauth"
    assert line["credential_id"] == ada.token.removeprefix("aha_").split(".")[0]
    assert line["action"] == "rename"
    assert line["details"]["tool"] == "rename"
    assert line["details"]["client"] == "tester 1"
    assert line["details"]["scopes"] == ["mcp"]
    assert line["details"]["inputs"] == {"name": "Ada", "password": "[redacted]"}
    assert line["details"]["request_id"]


async def test_inputs_with_unknown_names_are_not_recorded(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """They may be secrets whose names are misspelled."""
    caplog.set_level(logging.INFO, "actionhero.audit")
    lines = Lines(caplog)
    [ada] = await connected(site, "ada")
    lines.take()
    arguments = {"name": "Ada", "pasword": "4711"}

    await site.post(ada.token, "tools/call", name="rename", arguments=arguments)
    [line] = lines.take()

    assert line["outcome"] == "failure"
    assert line["details"]["inputs"] == {"name": "Ada"}


async def test_calls_without_a_result_are_recorded_too(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """A call that asks has begun, and a cancelled one has failed."""
    caplog.set_level(logging.INFO, "actionhero.audit")
    lines = Lines(caplog)
    [ada] = await connected(site, "ada")
    lines.take()
    _, asked, _ = await site.post(ada.token, "tools/call", name="ask", arguments={})
    [question] = lines.take()
    [key] = asked["result"]["inputRequests"]
    answer = {key: {"action": "accept", "content": {"name": "Ada"}}}
    state = asked["result"]["requestState"]
    await site.post(
        ada.token, "tools/call", name="ask", arguments={}, inputResponses=answer, requestState=state
    )
    [answered] = lines.take()
    async with aiohttp.ClientSession() as session:
        call = asyncio.create_task(
            session.post(
                site.url, json=request("tools/call", {"name": "wait"}),
                headers={"Authorization": f"Bearer {ada.token}",
                         "Accept": "application/json, text/event-stream"},
            )
        )  # fmt: skip
        await asyncio.wait_for(Wait.BEGAN.wait(), 10)
        call.cancel()
        await asyncio.wait([call])
    async with asyncio.timeout(10):
        while not (cancelled := lines.take()):  # noqa: ASYNC110 - a server
            await asyncio.sleep(0.01)

    assert (question["outcome"], question["details"].get("error")) == (
        "begun", "CONNECTION_ACTION_INPUT_REQUIRED"
    )  # fmt: skip
    assert answered["outcome"] == "success"
    assert [(line["outcome"], line["details"]["error"]) for line in cancelled] == [
        ("failure", "cancelled")
    ]
    assert cancelled[0]["details"]["request_id"]
