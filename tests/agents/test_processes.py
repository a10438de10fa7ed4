"""Agents of several server processes without sticky sessions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx2
import pytest
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client
from plugins.mcp.tests.conftest import Site as Endpoint
from plugins.mcp.tests.conftest import meta, request
from plugins.mcp.tests.test_streams import Agent
from redis.asyncio import Redis
from tests.agents.test_oauth import User

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.agents.conftest import Cluster
    from tests.agents.test_oauth import Site


async def signed_in(cluster: Cluster, name: str, *scopes: str) -> User:
    """Return a user whose agent has a token."""
    user = User(cluster.site(), name, "mcp", *scopes)
    async with user.agent() as client:
        await client.list_tools()
        if scopes:
            # The first request asks for the default scopes only.
            assert not (await client.call_tool("room-write", {"user": name})).is_error
    return user


@contextlib.asynccontextmanager
async def listening(site: Site, token: str, *uris: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """Open a stream of notifications, and yield it after its acknowledgment."""
    params: dict[str, Any] = {"resourceSubscriptions": list(uris)}
    async with aiohttp.ClientSession() as session, site.open(
        session, token, "subscriptions/listen", notifications=params
    ) as stream:  # fmt: skip
        assert stream.status == 200
        assert b"acknowledged" in await stream.content.readuntil(b"\n\n")
        yield stream


async def test_revoked_grants_are_refused_by_all_processes_within_a_second(
    cluster: Cluster,
) -> None:
    """All have cached the token; open streams end."""
    ada = await signed_in(cluster, "ada")
    sites = cluster.sites()
    async with contextlib.AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(listening(site, ada.token, "rooms://ada"))
            for site in sites
        ]
        for site in sites:
            assert (await site.post(ada.token, "tools/call", name="me", arguments={}))[0] == 200

        revoked = time.monotonic()
        assert (await ada.post("revoke", token=ada.token)).status_code == 200

        async with asyncio.timeout(1):
            rests = [await stream.content.read() for stream in streams]
        for site in sites:
            while (await site.post(ada.token, "tools/call", name="me", arguments={}))[0] != 401:
                assert time.monotonic() - revoked < 1
    assert time.monotonic() - revoked < 1
    assert all(b'"resultType":"complete"' in rest for rest in rests)


async def test_requests_whose_body_is_incomplete_at_the_revocation_are_refused(
    cluster: Cluster,
) -> None:
    """The caller is identified again, as it is before the body."""
    ada = await signed_in(cluster, "ada")
    site = cluster.sites()[1]
    responses = []
    for method, params in (
        ("subscriptions/listen", {"notifications": {}}),
        ("tools/call", {"name": "me"}),
    ):
        responses.append(asyncio.create_task(_post_slowly(site, ada, method, params)))
    # Both have been admitted with a valid token.
    await asyncio.sleep(0.3)
    await ada.post("revoke", token=ada.token)

    statuses = await asyncio.wait_for(asyncio.gather(*responses), 20)

    assert statuses == [401, 401]


async def _post_slowly(site: Site, user: User, method: str, params: dict[str, Any]) -> int:
    """Send a request whose body ends a second after its beginning; return the status."""
    version = "2026-07-28"
    meta = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}

    async def body() -> AsyncIterator[bytes]:
        text = json.dumps(message).encode()
        yield text[:20]
        await asyncio.sleep(1)
        yield text[20:]

    headers = {
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {user.token}",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": version,
        "Mcp-Method": method,
        **({"Mcp-Name": params["name"]} if "name" in params else {}),
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(site.url, data=body(), headers=headers) as response,
    ):
        return response.status


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_clients_do_not_notice_that_a_process_is_killed(cluster: Cluster, mode: str) -> None:
    """Their requests reach another process each time, also the answers to questions."""
    ada = await signed_in(cluster, "ada")

    async def answer(context: Any, params: Any) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    headers = {"Authorization": f"Bearer {ada.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=20) as http,
        Client(
            streamable_http_client(cluster.site().url, http_client=http),
            mode=mode, elicitation_callback=answer,
        ) as client,
    ):  # fmt: skip
        port = next(iter(cluster.servers))
        for number in range(16):
            if number == 6:
                cluster.kill(port)
            me = await client.call_tool("me", {})
            assert me.structured_content == {"user": "ada"}
            if number % 2:
                asked = await client.call_tool("ask", {})
                assert asked.structured_content == {"answer": "Ada"}
        [room] = (await client.read_resource("rooms://ada")).contents
        assert isinstance(room, types.TextResourceContents)
        assert room.text == "The room of ada"
    cluster.start(port).wait_for("listening on")


class TokenAgent(Agent):
    """A client with an access token, whose requests go to one process each.

    Args:
        token: The token.
        session: The id of its session.
        client: The HTTP client.
    """

    def __init__(self, token: str, session: str, client: aiohttp.ClientSession) -> None:
        self.token = token
        self.session = session
        self.client = client

    def at(self, site: Site) -> TokenAgent:
        """Send the next requests to a process."""
        self.site = Endpoint(site.app, site.url, self.client)
        return self

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.token}",
            "MCP-Protocol-Version": "2025-11-25",
            **({"Mcp-Session-Id": self.session} if self.session else {}),
        }


async def test_the_requests_of_a_session_may_reach_any_process(cluster: Cluster) -> None:
    """Subscriptions, cancellations, and the rest of a stream that was cut off."""
    first, second, third, _ = cluster.sites()
    ada, bob = await signed_in(cluster, "ada"), await signed_in(cluster, "bob", "messages:write")
    async with aiohttp.ClientSession() as client:
        agent = TokenAgent(ada.token, "", client).at(first)
        initialize = {"protocolVersion": "2025-11-25", "capabilities": {}}
        reply = await agent.site.post(request("initialize", initialize), **agent.headers)
        agent.session = reply.headers["Mcp-Session-Id"]
        async with agent.get() as notifications:
            await notifications.next()
            assert await agent.at(second).request("resources/subscribe", uri="rooms://ada") == {}
            refused = await agent.request("resources/subscribe", uri="rooms://bob")
            assert refused["message"] == "This is the room of another user"
            changed = asyncio.create_task(notifications.next())
            while not changed.done():
                # The process with the stream subscribes a moment later.
                for user in ("bob", "ada"):
                    status, body, _ = await third.post(
                        bob.token, "tools/call", name="room-write", arguments={"user": user}
                    )
                    assert status == 200, body
                await asyncio.wait([changed], timeout=0.05)
            assert (await changed).message["params"] == {"uri": "rooms://ada"}

        async with agent.at(first).call("wait") as stream:
            _, progress = [await stream.next() for _ in range(2)]
        async with agent.at(second).get(progress.id) as rest:
            await agent.at(third).site.post(
                {
                    "jsonrpc": "2.0",
                    "method": "notifications/cancelled",
                    "params": {"requestId": "call"},
                },
                **agent.headers,
            )
            cancelled = await rest.next()

    assert progress.message["params"] == {"progressToken": 1, "progress": 1}
    assert cancelled.message["error"]["message"] == "The request was cancelled"


async def test_a_task_completes_although_its_worker_is_killed(cluster: Cluster) -> None:
    """The job runs again in another process; the client only polls."""
    ada = await signed_in(cluster, "ada")
    capabilities: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    async with aiohttp.ClientSession() as client, asyncio.timeout(40):
        endpoint = Endpoint(cluster.site().app, cluster.site().url, client)
        headers = {"Authorization": f"Bearer {ada.token}"}
        params = {"_meta": meta(**capabilities), "name": "report", "arguments": {"key": "killed"}}
        reply = await endpoint.new("tools/call", params, **headers)
        id = reply.body["result"]["taskId"]
        async with Redis.from_url(cluster.redis_url) as redis:
            assert await redis.blpop(["started:killed"], timeout=20)
            cluster.kill_worker()
            assert await redis.blpop(["started:killed"], timeout=20)
            await redis.rpush("go:killed", "1")
        while True:
            query = {"_meta": meta(**capabilities), "taskId": id}
            reply = await endpoint.new("tasks/get", query, **headers, Mcp_Name=id)
            if reply.body["result"]["status"] != "working":
                break
            await asyncio.sleep(0.05)

    assert reply.body["result"]["status"] == "completed"
    assert reply.body["result"]["result"]["structuredContent"] == {"runs": 2}
