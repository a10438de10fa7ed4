"""Sockets in an application that another server runs, as any application of aiohttp."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import ClientSession, WSMsgType, web

from actionhero_web.application import create

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

APPLICATION = '''
from actionhero import Action


class Greet(Action):
    """Greet."""

    name = "greet"
    websocket = True

    async def run(self) -> dict[str, str]:
        return {"greeting": "Hello!"}
'''


async def test_sockets_follow_the_lifecycle_of_the_aiohttp_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are closed with 1001 when it is cleaned up."""
    (tmp_path / "sample.py").write_text(APPLICATION)
    (tmp_path / "actionhero.toml").write_text(
        'app.package = "sample"\nplugins.enabled = ["web", "websocket"]\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    application = await create(location=tmp_path, logs=False)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    async with (
        ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{port}/ws") as socket,
    ):
        await socket.send_json({"messageType": "action", "action": "greet"})
        response = await socket.receive_json()
        cleanup = asyncio.create_task(runner.cleanup())
        message = await socket.receive()

        assert response == {"response": {"greeting": "Hello!"}}
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)
        await cleanup
