"""The numbers of refused requests, for metrics."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, RunMode
from actionhero.testing import running_app
from actionhero_web import WebSettings, plugin
from actionhero_web.connections.refusals import REFUSALS
from actionhero_web.instruments import instruments

if TYPE_CHECKING:
    from datetime import timedelta


class Store(Action):
    """Store a text."""

    name = "store"
    web = "POST /store"

    async def run(self, text: str) -> str:
        return text


HEAD = b"POST /api/store HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"NOT HTTP\r\n\r\n", "unparsable"),
        (HEAD + b"X: " + b"x" * 10_000 + b"\r\n\r\n", "too_large"),
        (HEAD + b"Content-Length: 999\r\n\r\n" + b"x" * 999, "too_large"),
        (HEAD, "slow_head"),
        (HEAD + b"Content-Length: 9\r\n\r\n{", "slow_body"),
    ],
)
async def test_refusals_are_counted_by_their_reason(data: bytes, reason: str) -> None:
    seconds: Any = "200ms"
    short: timedelta = seconds
    settings = WebSettings(
        port=0, body_limit_bytes=500, header_timeout=short, body_idle_timeout=short
    )
    before = dict(REFUSALS)
    async with running_app(plugin, Store, settings=[settings], mode=RunMode.SERVER) as app:
        server: Any = app.app.servers[0]
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(data)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionResetError):
                await reader.readline()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    counted = {name: number - before[name] for name, number in REFUSALS.items()}
    assert counted == {**dict.fromkeys(REFUSALS, 0), reason: 1}


async def test_open_connections_are_counted() -> None:
    connections = instruments()[0]
    assert connections.read is not None
    read: Any = connections.read
    async with running_app(plugin, settings=[WebSettings(port=0)], mode=RunMode.SERVER) as app:
        server: Any = app.app.servers[0]
        [(_, before)] = read()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readline()
        [(_, during)] = read()
        writer.close()
        await writer.wait_closed()

    assert during == before + 1
