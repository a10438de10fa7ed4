"""The echo that suites of RFC 6455 are run on."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import aiohttp
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Place


@pytest.mark.parametrize("content", ["grüße", b"\x00\xff", "", "x" * 2**20, bytes(2**24)])
async def test_the_echo_says_what_it_heard(
    place: Place, workspace: Path, content: str | bytes
) -> None:
    """Text as text and bytes as bytes, empty ones and those of 16 MiB, with compression agreed."""
    specimens = workspace / "tests" / "specimens"
    shutil.copy(specimens / "echo" / "actionhero.toml", place.folder)
    place.enabled = ["web", "websocket"]
    running = place.start("start", PYTHONPATH=os.fspath(specimens))
    port = running.wait_for(r"listening on http://127\.0\.0\.1:(\d+)")[1]

    url = f"ws://127.0.0.1:{port}/echo"
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(url, compress=15, max_msg_size=0) as socket,
    ):
        if isinstance(content, str):
            await socket.send_str(content)
        else:
            await socket.send_bytes(content)
        heard = await socket.receive()

    assert heard.data == content
