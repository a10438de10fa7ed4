"""The transactions of calls over HTTP: committed or rolled back, for every kind of end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Place
    from tests.faults.conftest import LedgerServer, Serve


async def assert_rolled_back(server: LedgerServer, text: str) -> None:
    """Assert that there is no entry with a text.

    Texts are unique: writing one waits for an open transaction with the same text, and conflicts
    with a committed one.
    """
    async with server.browser() as browser:
        created = await browser.post("/entries", json={"text": text})
        count = await browser.get("/entries")

    assert created.status_code == 200, created.text
    assert count.json() == 1


async def test_a_successful_call_is_committed(serve: Serve) -> None:
    """The entry exists even after the server was killed."""
    server = serve()
    async with server.browser() as browser:
        response = await browser.post("/entries", json={"text": "stored"})
        server.running.kill()
    server = serve()
    async with server.browser() as browser:
        count = await browser.get("/entries")
        duplicate = await browser.post("/entries", json={"text": "stored"})

    assert response.status_code == 200
    assert count.json() == 1
    assert duplicate.status_code == 409


@pytest.mark.parametrize(("action", "status"), [("refuse", 409), ("crash", 500), ("slow", 408)])
async def test_a_failed_call_is_rolled_back(serve: Serve, action: str, status: int) -> None:
    """After a typed error, an exception and a timeout."""
    server = serve()

    async with server.browser() as browser:
        response = await browser.post(f"/entries/{action}", json={"text": "discarded"})

    assert response.status_code == status
    await assert_rolled_back(server, "discarded")


async def test_the_call_of_a_disconnected_client_is_rolled_back(
    serve: Serve, program: Callable[[str], str]
) -> None:
    """curl is killed during its call."""
    server = serve()
    curl = await asyncio.create_subprocess_exec(
        *(program("curl"), "-s", "--json", '{"text": "discarded"}', f"{server.url}/entries/hold")
    )
    await asyncio.to_thread(server.running.wait_for, "holding discarded")

    curl.kill()
    await curl.wait()

    await assert_rolled_back(server, "discarded")


async def test_a_call_beyond_the_grace_period_is_rolled_back(serve: Serve) -> None:
    """The shutdown of the server cancels a call that does not finish."""
    server = serve(ACTIONHERO_PROCESS__SHUTDOWN_TIMEOUT="300ms")
    async with server.browser() as browser:
        holding = asyncio.create_task(browser.post("/entries/hold", json={"text": "discarded"}))
        await asyncio.to_thread(server.running.wait_for, "holding discarded")
        completed = await asyncio.to_thread(server.running.stop)
        [outcome] = await asyncio.gather(holding, return_exceptions=True)

    assert completed.code == 0
    assert isinstance(outcome, BaseException) or outcome.status_code >= 500
    await assert_rolled_back(serve(), "discarded")


async def test_a_call_that_finishes_within_the_grace_period_is_committed(serve: Serve) -> None:
    """It started before the signal."""
    server = serve()
    async with server.browser() as browser, server.browser() as other:
        # It connects before the server stops accepting connections.
        await other.get("/plain")
        holding = asyncio.create_task(browser.post("/entries/hold", json={"text": "stored"}))
        await asyncio.to_thread(server.running.wait_for, "holding stored")
        releasing = asyncio.create_task(other.post("/release"))
        server.running.process.send_signal(signal.SIGTERM)
        await releasing
        response = await holding
    completed = await asyncio.to_thread(server.running.wait)
    async with serve().browser() as browser:
        count = await browser.get("/entries")

    assert response.status_code == 200
    assert completed.code == 0
    assert count.json() == 1


AGENTS = """
from __future__ import annotations

from actionhero import Call
from actionhero_db import Transaction
from ledger.entries import EntryInputs, Hold


class HoldForAgents(Hold):
    \"\"\"Write an entry, report that, and hold the transaction.\"\"\"

    name = "entry:hold-for-agents"
    web = None
    mcp = True
    middleware = [Transaction()]

    async def run(self, inputs: EntryInputs, call: Call) -> None:
        call.progress(1, 2, "written")
        await super().run(inputs, call)
"""


async def test_the_call_of_an_agent_that_closes_its_stream_is_rolled_back(
    ledger: Place, serve: Serve
) -> None:
    """After the progress that it has received."""
    ledger.write("ledger/agents.py", AGENTS)
    ledger.enabled.append("mcp")
    server = serve()
    prefix = "io.modelcontextprotocol/"
    meta = {
        f"{prefix}protocolVersion": "2026-07-28",
        f"{prefix}clientCapabilities": {},
        "progressToken": 1,
    }
    name = "entry-hold-for-agents"
    params = {"name": name, "arguments": {"text": "discarded"}, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": name,
    }
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("POST", f"{server.root}/mcp", json=message, headers=headers) as response,
    ):
        # The end of the iterator closes the stream.
        lines: Any = response.aiter_lines()
        async with contextlib.aclosing(lines):
            async for line in lines:
                if "notifications/progress" in line:
                    break
            await asyncio.to_thread(server.running.wait_for, "holding discarded")

    await assert_rolled_back(server, "discarded")
