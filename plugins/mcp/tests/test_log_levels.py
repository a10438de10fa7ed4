"""The levels of log messages that clients with a handshake choose."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import redis
from plugins.mcp.tests.conftest import request

from actionhero import Action, Call
from actionhero_mcp.process_messages import ProcessMessages
from actionhero_redis import plugin as redis_plugin
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    import pytest
    from plugins.mcp.tests.conftest import Reply, Serve, Site

    from actionhero_mcp.connection import McpConnection
    from actionhero_redis.testing import ThrowAwayRedis

REVISION = "2025-11-25"


class Report(Action):
    """Send log messages."""

    name = "report"
    mcp = True

    async def run(self, call: Call) -> str:
        for level in ("debug", "warning", "error"):
            cast("McpConnection", call.connection).log(level, "a message")
        return "done"


async def connect(site: Site) -> dict[str, str]:
    """Return the headers of a client after its handshake."""
    params = {"protocolVersion": REVISION, "capabilities": {}}
    reply = await site.post(request("initialize", params))
    return {
        "MCP_Protocol_Version": REVISION,
        "Mcp_Session_Id": reply.headers["Mcp-Session-Id"],
    }


async def choose(site: Site, client: dict[str, str], level: str) -> Reply:
    """Choose a level."""
    return await site.post(request("logging/setLevel", {"level": level}), **client)


async def levels_of(site: Site, client: dict[str, str]) -> list[str]:
    """Return the levels of the messages that a client receives."""
    reply = await site.post(request("tools/call", {"name": "report"}), **client)
    assert isinstance(reply.body, list)
    return [message["params"]["level"] for message in reply.body if "method" in message]


async def test_a_session_receives_messages_of_its_level(serve: Serve) -> None:
    """Without Redis there is one process; other sessions have their own level."""
    async with serve(Report) as site:
        client, other = await connect(site), await connect(site)
        before = await levels_of(site, client)
        chosen = await choose(site, client, "warning")
        after, of_other = await levels_of(site, client), await levels_of(site, other)
        unknown = await choose(site, client, "loud")
        again = await levels_of(site, client)

    assert before == of_other == ["debug", "warning", "error"]
    assert chosen.body["result"] == {}
    assert after == again == ["warning", "error"]
    assert unknown.body["error"]["code"] == -32602


async def test_a_level_is_that_of_all_processes(
    serve: Serve,
    redis_server: ThrowAwayRedis,  # noqa: F811 - the fixture
) -> None:
    """Those with calls of the session before, and those that start later."""
    environ = {
        "ACTIONHERO_REDIS__URL": redis_server.url,
        "ACTIONHERO_APP__SECRET_KEY": "k" * 64,
    }
    async with serve(redis_plugin, Report, **environ) as first:
        client = await connect(first)
        async with serve(redis_plugin, Report, **environ) as second:
            before = await levels_of(second, client)
            await choose(first, client, "error")
            async with asyncio.timeout(20):
                while await levels_of(second, client) == before:
                    continue
            after = await levels_of(second, client)
        async with serve(redis_plugin, Report, **environ) as third:
            later = await levels_of(third, client)

    assert before == ["debug", "warning", "error"]
    assert after == later == ["error"]


async def test_a_level_is_read_again_after_a_lost_connection(
    serve: Serve,
    redis_server: ThrowAwayRedis,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The announcement of a change may have been missed."""
    environ = {
        "ACTIONHERO_REDIS__URL": redis_server.url,
        "ACTIONHERO_APP__SECRET_KEY": "k" * 64,
    }
    async with (
        serve(redis_plugin, Report, **environ) as first,
        serve(redis_plugin, Report, **environ) as second,
    ):
        client = await connect(first)
        chosen = await levels_of(second, client)
        await choose(first, client, "warning")
        async with asyncio.timeout(20):
            # From now on it listens: it has read the level once more when it started to.
            while (before := await levels_of(second, client)) == chosen:
                continue

        async def lose(*_: object, **__: object) -> None:
            """Send nothing."""

        monkeypatch.setattr(ProcessMessages, "send", lose)
        await choose(first, client, "error")
        missed = await levels_of(second, client)
        with redis.Redis.from_url(redis_server.url) as connection:
            connection.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        async with asyncio.timeout(20):
            while (after := await levels_of(second, client)) == before:
                continue

    assert missed == before == ["warning", "error"]
    assert after == ["error"]


async def test_a_level_needs_a_session(serve: Serve) -> None:
    """It is not acknowledged and then ignored."""
    async with serve(Report) as site:
        reply = await site.old("logging/setLevel", {"level": "error"})

    assert "needs a session" in reply.body["error"]["message"]
