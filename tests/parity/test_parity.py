"""Every door that exists makes the same of a call: one table of cases, run through each."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse

from actionhero.testing import Caller, running_app
from pytest_actionhero import (
    CallFailure,
    CallResult,
    ServerContract,
    TransportClient,
    contract_actions,
)

if TYPE_CHECKING:
    from pathlib import Path

Begun = Callable[[], Awaitable[None]]


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of a process in which the contract's actions are the application."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ACTIONHERO_ENV": "test",
        "ACTIONHERO_APP__PACKAGE": contract_actions.__name__,
    }


class InTest(TransportClient):
    """Calls in the test's own process."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
        outcome = await self.caller.outcome(action, **inputs)
        if outcome.error is None:
            return CallResult(outcome.value)
        error = outcome.error
        # What caused it is kept for whoever debugs a test; a caller of another door has this.
        text = f"{error!r} {error.__dict__}"
        return CallResult(failure=CallFailure.from_error(error), text=text)

    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], begun: Begun
    ) -> None:
        calling = asyncio.create_task(self.caller.outcome(action, **inputs))
        await begun()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling


class OverHttp(TransportClient):
    """Calls a server in a process of its own, with plain bytes on a socket."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port

    def request(self, action: str, inputs: Mapping[str, str]) -> bytes:
        body = json.dumps(inputs).encode()
        path = action.replace(":", "/")
        head = (
            f"POST /api/{path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(self.request(action, inputs))
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        head, _, body = answer.partition("\r\n\r\n")
        if " 200 " in head.partition("\r\n")[0]:
            return CallResult(json.loads(body), text=answer)
        return CallResult(failure=CallFailure.from_envelope(json.loads(body)), text=answer)

    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], begun: Begun
    ) -> None:
        _, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(self.request(action, inputs))
        await begun()
        writer.close()
        await writer.wait_closed()


class OverWebSocket(TransportClient):
    """Calls the same server over a socket."""

    def __init__(self, host: str, port: int) -> None:
        self.url = f"http://{host}:{port}/api"

    async def say(
        self, socket: ClientWebSocketResponse, action: str, inputs: Mapping[str, str]
    ) -> None:
        message = {"messageType": "action", "action": action, "messageId": 1, "params": inputs}
        await socket.send_json(message)

    async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
        async with ClientSession() as session, session.ws_connect(self.url) as socket:
            await self.say(socket, action, inputs)
            text = await socket.receive_str()
        answer = json.loads(text)
        assert answer.pop("messageId") == 1
        if "response" in answer:
            return CallResult(answer["response"], text=text)
        return CallResult(failure=CallFailure.from_envelope(answer), text=text)

    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], begun: Begun
    ) -> None:
        async with ClientSession() as session, session.ws_connect(self.url) as socket:
            await self.say(socket, action, inputs)
            await begun()


class FromTheShell(TransportClient):
    """Runs `actionhero call`, each time in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.exit_code: int | None = None

    async def start(self, action: str, inputs: Mapping[str, str]) -> asyncio.subprocess.Process:
        options = [part for name, value in inputs.items() for part in (f"--{name}", value)]
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "actionhero", "call", action, *options),
            cwd=self.folder,
            env=environment(self.folder),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
        process = await self.start(action, inputs)
        out, talk = (stream.decode() for stream in await process.communicate())
        self.exit_code = process.returncode
        if process.returncode == 0:
            return CallResult(json.loads(out), text=out)
        assert out == ""
        # Before the envelope stand the lines of the log, which is the operator's own.
        envelope = talk.splitlines()[-1]
        return CallResult(failure=CallFailure.from_envelope(json.loads(envelope)), text=envelope)

    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], begun: Begun
    ) -> None:
        process = await self.start(action, inputs)
        try:
            await begun()
            process.send_signal(signal.SIGINT)
            await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        self.exit_code = process.returncode


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Give where the server listens, which runs for all tests of this module."""
    folder = tmp_path_factory.mktemp("http")
    with subprocess.Popen(
        [sys.executable, "-m", "actionhero", "start", "--port", "0"],
        cwd=folder,
        env=environment(folder),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        seen: list[str] = []
        try:
            for line in process.stderr:
                seen.append(line)
                if found := re.search(r"listens on http://([\d.]+):(\d+)", line):
                    break
            else:
                pytest.fail("the server did not start:\n" + "".join(seen))
            yield found[1], int(found[2])
        finally:
            process.terminate()
            seen.append(process.communicate(timeout=30)[1])
        # Shown by pytest where a test has failed.
        print("".join(seen), file=sys.stderr)
        assert process.returncode == 0


class TestTestCaller(ServerContract):
    """`actionhero.testing`: no socket, no process."""

    @pytest.fixture
    async def door(self) -> AsyncIterator[TransportClient]:
        async with running_app(contract_actions) as app:
            yield InTest(app.connect())


class TestHttp(ServerContract):
    """`actionhero start`, with actionhero-web."""

    @pytest.fixture
    def door(self, address: tuple[str, int]) -> TransportClient:
        return OverHttp(*address)


class TestWebSocket(ServerContract):
    """`actionhero start`, with actionhero-websocket."""

    @pytest.fixture
    def door(self, address: tuple[str, int]) -> TransportClient:
        return OverWebSocket(*address)


class TestCommandLine(ServerContract):
    """`actionhero call`, with an exit code for each kind of end."""

    @pytest.fixture
    def door(self, tmp_path: Path) -> FromTheShell:
        return FromTheShell(tmp_path)

    @pytest.mark.parametrize(
        ("action", "inputs", "code"),
        [
            ("contract:ok", {}, 0),
            ("contract:refuses", {}, 1),
            ("contract:fails", {}, 1),
            ("contract:timeout", {}, 1),
            ("contract:unknown", {}, 2),
            ("contract:ok", {"name": "A"}, 65),
        ],
    )
    async def test_the_exit_code_tells_what_kind_of_end_it_was(
        self,
        door: FromTheShell,
        journal: Path,
        action: str,
        inputs: dict[str, str],
        code: int,
    ) -> None:
        """A script can tell its own mistakes from those of the action."""
        await door.call(action, {"journal": str(journal), **inputs})

        assert door.exit_code == code

    async def test_whoever_leaves_ends_the_call(self, door: TransportClient, journal: Path) -> None:
        """Ctrl-C ends the action in order, and the exit code is what shells expect."""
        await super().test_whoever_leaves_ends_the_call(door, journal)

        assert isinstance(door, FromTheShell)
        assert door.exit_code == 130
