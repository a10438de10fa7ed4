"""Sockets under a server that is not ours: the application runs as any of aiohttp's."""

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


async def test_sockets_live_and_end_with_an_application_of_aiohttp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told with 1001 that it goes."""
    (tmp_path / "borrowed.py").write_text(APPLICATION)
    (tmp_path / "actionhero.toml").write_text(
        'app.package = "borrowed"\nplugins.enabled = ["web", "websocket"]\n'
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
        answer = await socket.receive_json()
        ending = asyncio.create_task(runner.cleanup())
        message = await socket.receive()

        assert answer == {"response": {"greeting": "Hello!"}}
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)
        await ending
