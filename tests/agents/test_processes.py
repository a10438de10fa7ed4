"""Agents of several server processes without sticky sessions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import aiohttp
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
