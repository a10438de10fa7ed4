"""A small application, a fixture that serves it in a process, and its client."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

#: The timeout of every wait in a test.
TIMEOUT_SECONDS = 30.0

LISTENING = r"listen(?:s|ing) on http://[\w.\[\]:]+:(\d+)"

#: The application of tests without their own.
APPLICATION = '''
from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from actionhero import Action, Application, Call, Initializer, Inputs, Middleware

released = asyncio.Event()


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class LogAfter(Middleware):
    async def after(self, call: Call, outcome: object) -> None:
        log(f"after {call.action.name}")


class Process(Action):
    """Return the process id."""

    name = "process"
    web = "GET /process"

    async def run(self, call: Call) -> int:
        return os.getpid()


class Wait(Action):
    """Wait for a call of `release`."""

    name = "wait"
    web = ["GET /wait", "POST /wait"]
    middleware = [LogAfter()]

    async def run(self, call: Call) -> str:
        log("waiting")
        await released.wait()
        return "waited"


class Pipe(Action):
    """Return the content of a named pipe."""

    name = "pipe"
    web = "GET /pipe"

    async def run(self, call: Call) -> str:
        log("reading the pipe")
        return await asyncio.to_thread(Path("pipe").read_text)


class Uncancellable(Action):
    """Suppress every cancellation."""

    name = "uncancellable"
    web = "GET /uncancellable"

    async def run(self, call: Call) -> None:
        log("uncancellable")
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue


class Block(Action):
    """Block the event loop."""

    name = "block"
    web = "GET /block"

    async def run(self, call: Call) -> None:
        # Not `log`: a signal may interrupt it.
        os.write(2, b"blocking\\n")
        while True:
            time.sleep(1)


class Thread(Action):
    """Wait for a thread that never finishes."""

    name = "thread"
    web = "GET /thread"

    async def run(self, call: Call) -> None:
        log("in a thread")
        await asyncio.to_thread(time.sleep, 1000)


class Release(Action):
    """Release the calls of `wait`."""

    name = "release"
    web = "GET /release"

    async def run(self, call: Call) -> str:
        released.set()
        return "released"


class Count(Action):
    """Return the number of calls, and log when it is high."""

    name = "count"
    web = "GET /count"
    count = 0

    async def run(self, call: Call) -> int:
        Count.count += 1
        if Count.count == 500:
            log("under load")
        await asyncio.sleep(0)
        return Count.count


class LogCount(Initializer):
    """Log the number of calls on shutdown."""

    name = "log_count"

    async def stop(self, app: Application) -> None:
        log(f"counted {Count.count}")


class SizeInputs(Inputs):
    size: int


class Large(Action):
    """Return a text of a given size."""

    name = "large"
    web = "GET /large"

    async def run(self, inputs: SizeInputs, call: Call) -> str:
        log("large")
        return "a" * inputs.size


class LengthInputs(Inputs):
    text: str


class Length(Action):
    """Return the length of a text."""

    name = "length"
    web = "POST /length"

    async def run(self, inputs: LengthInputs, call: Call) -> int:
        return len(inputs.text)
'''


class ServerProcess:
    """A server process, its output, and its clients."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        #: The folder of the settings file and the application.
        self.folder = folder
        self.port = 0
        self._clients: list[http.client.HTTPConnection] = []
        self._output = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        """The base URL, without the prefix of the actions."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def stderr(self) -> str:
        """The output so far."""
        with self._changed:
            return self._output

    def wait_for(self, pattern: str, *, times: int = 1) -> list[re.Match[str]]:
        """Wait until the output matches a pattern `times` times, and return the matches."""
        matches: list[re.Match[str]] = []

        def is_complete() -> bool:
            matches[:] = re.finditer(pattern, self._output)
            return len(matches) >= times or not self._reader.is_alive()

        with self._changed:
            self._changed.wait_for(is_complete, TIMEOUT_SECONDS)
        if len(matches) < times:
            pytest.fail(f"the output matches {pattern!r} not {times} times:\n{self.stderr}")
        return matches

    def wait(self) -> int:
        """Wait for the end of the process and of its output, and return the exit code."""
        code = self.process.wait(TIMEOUT_SECONDS)
        self._reader.join(TIMEOUT_SECONDS)
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    @property
    def has_child_processes(self) -> bool:
        """Whether a child process is still running, and does not exit within seconds."""
        # The server process leads its own process group.
        children = [item for item in psutil.process_iter() if is_in_group(item, self.process.pid)]
        return any(not exits_soon(item) for item in children)

    def kill(self) -> None:
        """Kill the process, if it runs, together with its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
        for client in self._clients:
            client.close()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def connect(self) -> http.client.HTTPConnection:
        """Return a connected client with keep-alive, which is closed after the test."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        self._clients.append(client)
        client.connect()
        return client

    def socket(self) -> socket.socket:
        """Return a connection to the server."""
        return socket.create_connection(("127.0.0.1", self.port), TIMEOUT_SECONDS)

    def get(self, path: str) -> tuple[int, Any]:
        """Send a request on a new connection, and return status and decoded JSON body."""
        client = self.connect()
        try:
            client.request("GET", path)
            return self.read_response(client)
        finally:
            client.close()

    def read_response(self, client: http.client.HTTPConnection) -> tuple[int, Any]:
        """Return status and decoded JSON body of the next response to a client."""
        response = client.getresponse()
        return response.status, json.loads(response.read())

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self._output += line.decode(errors="replace")
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


def is_in_group(process: psutil.Process, group: int) -> bool:
    """Whether a process belongs to a process group."""
    try:
        return os.getpgid(process.pid) == group
    except ProcessLookupError:
        return False


def exits_soon(process: psutil.Process) -> bool:
    """Whether a process has exited, or does so within seconds; it may be a zombie."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 3)[0])
    finally:
        os.close(handle)


class StartServer(Protocol):
    """Starts `actionhero start` in a folder with a settings file and an application."""

    def __call__(
        self,
        *arguments: str,
        settings: str = "",
        application: str = APPLICATION,
        environ: Mapping[str, str] | None = None,
        wait: str | None = LISTENING,
        command: tuple[str, ...] = ("-m", "actionhero", "start"),
    ) -> ServerProcess: ...


@pytest.fixture
def environ() -> dict[str, str]:
    """The environment of a process, without the settings of the outer environment."""
    names = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "COVERAGE_PROCESS_START")
    return {name: os.environ[name] for name in names if name in os.environ}


@pytest.fixture
def application_folder(tmp_path: Path) -> Callable[[str, str], Path]:
    """A function that writes an application with its settings, and returns the folder."""

    def write(settings: str = "", application: str = APPLICATION) -> Path:
        package = tmp_path / "small"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
        (package / "actions.py").write_text(application)
        (tmp_path / "actionhero.toml").write_text(
            # Other installed plugins stay disabled.
            f'app.package = "small"\nplugins.enabled = ["web"]\n{settings}\n'
        )
        return tmp_path

    return write


@pytest.fixture
def start_server(
    environ: dict[str, str], application_folder: Callable[[str, str], Path]
) -> Iterator[StartServer]:
    """A function that starts a server and returns when it listens.

    All servers are killed after the test; their output is shown if the test fails.
    """
    base_environ = environ
    servers: list[ServerProcess] = []

    def start(
        *arguments: str,
        settings: str = "",
        application: str = APPLICATION,
        environ: Mapping[str, str] | None = None,
        wait: str | None = LISTENING,
        command: tuple[str, ...] = ("-m", "actionhero", "start"),
    ) -> ServerProcess:
        folder = application_folder(settings, application)
        if command[-1] == "start" and "--port" not in arguments:
            arguments = ("--port", "0", *arguments)
        process = subprocess.Popen(
            [sys.executable, *command, *arguments],
            cwd=folder,
            env={**base_environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        server = ServerProcess(process, folder)
        servers.append(server)
        if wait is not None:
            match = server.wait_for(wait)[0]
            if match.groups():
                server.port = int(match[1])
        return server

    yield start

    for server in servers:
        server.kill()
        # pytest shows this if the test failed.
        print(f"--- output of {server.process.args!r}:\n{server.stderr}")
