"""The contract suite for servers, over all transports."""

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

from actionhero import Credentials
from actionhero.testing import Caller, RunningApp, running_app
from actionhero.transport import outcome_value
from pytest_actionhero import (
    CallFailure,
    CallResult,
    ServerContract,
    TransportClient,
    TransportContract,
    contract_actions,
)

if TYPE_CHECKING:
    from pathlib import Path

Started = Callable[[], Awaitable[None]]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a process with the contract's actions as the application."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ACTIONHERO_ENV": "test",
        "ACTIONHERO_APP__PACKAGE": contract_actions.__name__,
    }


class InProcessClient(TransportClient):
    """Calls actions in the process of the test."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.caller = app.connect()

    async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
        return await self._call(self.caller, action, inputs)

    async def call_with_token(
        self, action: str, inputs: Mapping[str, str], token: str
    ) -> CallResult:
        caller = self.app.connect()
        caller.connection.credentials = Credentials("bearer", token)
        return await self._call(caller, action, inputs)

    async def _call(self, caller: Caller, action: str, inputs: Mapping[str, str]) -> CallResult:
        outcome = await caller.outcome(action, **inputs)
        if outcome.error is None:
            return CallResult(outcome_value(outcome))
        error = outcome.error
        # Without the cause, which is available to tests only.
        text = f"{error!r} {error.__dict__}"
        challenge = ", ".join(
            f'{name}="{value}"' for name, value in (error.challenge or {}).items()
        )
        return CallResult(failure=CallFailure.from_error(error), text=text, challenge=challenge)

    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], started: Started
    ) -> None:
        task = asyncio.create_task(self.caller.outcome(action, **inputs))
        await started()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class HttpClient(TransportClient):
    """Calls a server in another process, with plain bytes on a socket."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port

    def request(self, action: str, inputs: Mapping[str, str], token: str = "") -> bytes:
        body = json.dumps(inputs).encode()
        path = action.replace(":", "/")
        head = (
            f"POST /api/{path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        )
        if token:
            head += f"Authorization: Bearer {token}\r\n"
        return f"{head}\r\n".encode() + body

    async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
        return await self.call_with_token(action, inputs, "")

    async def call_with_token(
        self, action: str, inputs: Mapping[str, str], token: str
    ) -> CallResult:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(self.request(action, inputs, token))
        response = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        head, _, body = response.partition("\r\n\r\n")
        if " 200 " in head.partition("\r\n")[0]:
            return CallResult(json.loads(body), text=response)
        challenge = re.search("(?im)^WWW-Authenticate: (.*)\r$", head)
        return CallResult(
            failure=CallFailure.from_document(json.loads(body)),
            text=response,
            challenge=challenge[1] if challenge else "",
        )

    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], started: Started
    ) -> None:
        _, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(self.request(action, inputs))
        await started()
        writer.close()
        await writer.wait_closed()


class WebSocketClient(TransportClient):
    """Calls the same server over a WebSocket."""

    def __init__(self, host: str, port: int) -> None:
        self.url = f"http://{host}:{port}/api"

    async def send(
        self, socket: ClientWebSocketResponse, action: str, inputs: Mapping[str, str]
    ) -> None:
        message = {"messageType": "action", "action": action, "messageId": 1, "params": inputs}
        await socket.send_json(message)

    async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
        return await self.call_with_token(action, inputs, "")

    async def call_with_token(
        self, action: str, inputs: Mapping[str, str], token: str
    ) -> CallResult:
        async with ClientSession() as session, session.ws_connect(self.url) as socket:
            text = ""
            if token:
                # As browsers do: the response to a refused handshake cannot be read.
                message = {"messageType": "authenticate", "messageId": 1, "token": token}
                await socket.send_json(message)
                text = await socket.receive_str()
            if "error" not in (json.loads(text) if text else {}):
                await self.send(socket, action, inputs)
                text = await socket.receive_str()
        message = json.loads(text)
        assert message.pop("messageId") == 1
        if "response" in message:
            return CallResult(message["response"], text=text)
        return CallResult(failure=CallFailure.from_document(message), text=text)

    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], started: Started
    ) -> None:
        async with ClientSession() as session, session.ws_connect(self.url) as socket:
            await self.send(socket, action, inputs)
            await started()


class CommandLineClient(TransportClient):
    """Runs `actionhero call` in a new process for each call."""

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
        out, err = (stream.decode() for stream in await process.communicate())
        self.exit_code = process.returncode
        if process.returncode == 0:
            return CallResult(json.loads(out), text=out)
        assert out == ""
        # The error document follows the lines of the log, which are for the operator.
        document = err.splitlines()[-1]
        return CallResult(failure=CallFailure.from_document(json.loads(document)), text=document)

    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], started: Started
    ) -> None:
        process = await self.start(action, inputs)
        try:
            await started()
            process.send_signal(signal.SIGINT)
            await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        self.exit_code = process.returncode


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Yield the address of a server that runs for all tests of this module."""
    folder = tmp_path_factory.mktemp("http")
    with subprocess.Popen(
        [sys.executable, "-m", "actionhero", "start", "--port", "0"],
        cwd=folder,
        env=environment(folder),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines: list[str] = []
        try:
            for line in process.stderr:
                lines.append(line)
                if match := re.search(r"http://([\d.]+):(\d+)", line):
                    break
            else:
                pytest.fail("the server did not start:\n" + "".join(lines))
            yield match[1], int(match[2])
        finally:
            process.terminate()
            lines.append(process.communicate(timeout=30)[1])
        # Pytest shows it if a test fails.
        print("".join(lines), file=sys.stderr)
        assert process.returncode == 0


class TestTestCaller(ServerContract):
    """`actionhero.testing`, without a socket or a process."""

    @pytest.fixture
    async def transport(self) -> AsyncIterator[TransportClient]:
        async with running_app(contract_actions) as app:
            yield InProcessClient(app)


class TestHttp(ServerContract):
    """`actionhero start`, with actionhero-web."""

    @pytest.fixture
    def transport(self, address: tuple[str, int]) -> TransportClient:
        return HttpClient(*address)


class TestWebSocket(ServerContract):
    """`actionhero start`, with actionhero-websocket."""

    has_challenges = False

    @pytest.fixture
    def transport(self, address: tuple[str, int]) -> TransportClient:
        return WebSocketClient(*address)


class TestCommandLine(TransportContract):
    """`actionhero call`, with an exit code for each outcome."""

    @pytest.fixture
    def transport(self, tmp_path: Path) -> CommandLineClient:
        return CommandLineClient(tmp_path)

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
    async def test_the_exit_code_depends_on_the_outcome(
        self,
        transport: CommandLineClient,
        journal: Path,
        action: str,
        inputs: dict[str, str],
        code: int,
    ) -> None:
        """A script can distinguish usage errors, invalid inputs and failed actions."""
        await transport.call(action, {"journal": str(journal), **inputs})

        assert transport.exit_code == code

    async def test_a_disconnect_cancels_the_call(
        self, transport: TransportClient, journal: Path
    ) -> None:
        """Ctrl-C cancels the action, and the exit code is that of an interrupt."""
        await super().test_a_disconnect_cancels_the_call(transport, journal)

        assert isinstance(transport, CommandLineClient)
        assert transport.exit_code == 130
