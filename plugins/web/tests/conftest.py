"""A small application, served by a started process, and how to wait for what it says."""

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

#: How long anything may take before the test gives up.
PATIENCE_SECONDS = 30.0

LISTENING = r"listen(?:s|ing) on http://[\w.\[\]:]+:(\d+)"

#: The application that is served where a test brings none of its own.
APPLICATION = '''
from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from actionhero import Action, Application, Call, Initializer, Inputs, Middleware

released = asyncio.Event()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Told(Middleware):
    async def after(self, call: Call, outcome: object) -> None:
        say(f"after {call.action.name}")


class Process(Action):
    """Tell which process answers."""

    name = "process"
    web = "GET /process"

    async def run(self, call: Call) -> int:
        return os.getpid()


class Wait(Action):
    """Answer when somebody says so."""

    name = "wait"
    web = "GET /wait"
    middleware = [Told()]

    async def run(self, call: Call) -> str:
        say("waiting")
        await released.wait()
        return "waited"


class Gate(Action):
    """Answer what somebody writes into a pipe."""

    name = "gate"
    web = "GET /gate"

    async def run(self, call: Call) -> str:
        say("at the gate")
        return await asyncio.to_thread(Path("gate").read_text)


class Stubborn(Action):
    """Never answer, whoever asks."""

    name = "stubborn"
    web = "GET /stubborn"

    async def run(self, call: Call) -> None:
        say("stubborn")
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue


class Block(Action):
    """Keep the event loop from turning."""

    name = "block"
    web = "GET /block"

    async def run(self, call: Call) -> None:
        # Not `say`: a signal may come while it still writes.
        os.write(2, b"blocking\\n")
        while True:
            time.sleep(1)


class Thread(Action):
    """Wait for a thread that does not end."""

    name = "thread"
    web = "GET /thread"

    async def run(self, call: Call) -> None:
        say("in a thread")
        await asyncio.to_thread(time.sleep, 1000)


class Release(Action):
    """Let those that wait go on."""

    name = "release"
    web = "GET /release"

    async def run(self, call: Call) -> str:
        released.set()
        return "released"


class Count(Action):
    """Tell how often it was called, and say so when that is often."""

    name = "count"
    web = "GET /count"
    count = 0

    async def run(self, call: Call) -> int:
        Count.count += 1
        if Count.count == 500:
            say("under load")
        await asyncio.sleep(0)
        return Count.count


class Goodbye(Initializer):
    """Say in the end how much there was to count."""

    name = "goodbye"

    async def stop(self, app: Application) -> None:
        say(f"counted {Count.count}")


class SizeInputs(Inputs):
    size: int


class Large(Action):
    """Answer with so many letters."""

    name = "large"
    web = "GET /large"

    async def run(self, inputs: SizeInputs, call: Call) -> str:
        say("large")
        return "a" * inputs.size


class LengthInputs(Inputs):
    text: str


class Length(Action):
    """Tell how long a text is."""

    name = "length"
    web = "POST /length"

    async def run(self, inputs: LengthInputs, call: Call) -> int:
        return len(inputs.text)
'''


class Started:
    """A process that serves, all that it says, and a client of it."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        #: The folder of its settings file and of its application.
        self.folder = folder
        self.port = 0
        self._clients: list[http.client.HTTPConnection] = []
        self._said = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        """Where it is reached, without the prefix of the actions."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def stderr(self) -> str:
        """All that it has said."""
        with self._changed:
            return self._said

    def wait_for(self, pattern: str, *, times: int = 1) -> list[re.Match[str]]:
        """Return the matches of a pattern as soon as it has been said so many times."""
        found: list[re.Match[str]] = []

        def is_said() -> bool:
            found[:] = re.finditer(pattern, self._said)
            return len(found) >= times or not self._reader.is_alive()

        with self._changed:
            self._changed.wait_for(is_said, PATIENCE_SECONDS)
        if len(found) < times:
            pytest.fail(f"{pattern!r} was not said {times} times; there was:\n{self.stderr}")
        return found

    def wait(self) -> int:
        """Return the exit code as soon as the process has ended and all it said is here."""
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    @property
    def has_left_processes(self) -> bool:
        """Whether any process is there that it started, and is not about to end."""
        # It leads a process group of its own.
        left = [item for item in psutil.process_iter() if is_in_group(item, self.process.pid)]
        return any(not ends(item) for item in left)

    def kill(self) -> None:
        """End it now, if it runs, together with all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
        for client in self._clients:
            client.close()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def connect(self) -> http.client.HTTPConnection:
        """Return a client that keeps its connection, once it is there; closed after the test."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        self._clients.append(client)
        client.connect()
        return client

    def socket(self) -> socket.socket:
        """Return a connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)

    def get(self, path: str) -> tuple[int, Any]:
        """Return status and body, read as JSON, of an answer on a connection of its own."""
        client = self.connect()
        try:
            client.request("GET", path)
            return self.answer(client)
        finally:
            client.close()

    def answer(self, client: http.client.HTTPConnection) -> tuple[int, Any]:
        """Return status and body, read as JSON, of what a client has asked for."""
        response = client.getresponse()
        return response.status, json.loads(response.read())

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self._said += line.decode(errors="replace")
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


def is_in_group(process: psutil.Process, group: int) -> bool:
    """Whether a process belongs to a process group."""
    try:
        return os.getpgid(process.pid) == group
    except ProcessLookupError:
        return False


def ends(process: psutil.Process) -> bool:
    """Whether a process has ended, or does within seconds; nobody may have asked how it went."""
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
    ) -> Started: ...


@pytest.fixture
def environ() -> dict[str, str]:
    """Give the variables of a process on which nothing from outside has a say."""
    kept = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "COVERAGE_PROCESS_START")
    return {name: os.environ[name] for name in kept if name in os.environ}


@pytest.fixture
def application_folder(tmp_path: Path) -> Callable[[str, str], Path]:
    """Give a function that writes an application with its settings, and returns the folder."""

    def write(settings: str = "", application: str = APPLICATION) -> Path:
        package = tmp_path / "small"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
        (package / "actions.py").write_text(application)
        (tmp_path / "actionhero.toml").write_text(
            # Whatever else is installed beside us stays out.
            f'app.package = "small"\nplugins.enabled = ["web"]\n{settings}\n'
        )
        return tmp_path

    return write


@pytest.fixture
def start_server(
    environ: dict[str, str], application_folder: Callable[[str, str], Path]
) -> Iterator[StartServer]:
    """Give a function that starts a server and returns when it listens.

    Whatever was started is killed after the test; what it said is shown if the test fails.
    """
    given_environ = environ
    started: list[Started] = []

    def start(
        *arguments: str,
        settings: str = "",
        application: str = APPLICATION,
        environ: Mapping[str, str] | None = None,
        wait: str | None = LISTENING,
        command: tuple[str, ...] = ("-m", "actionhero", "start"),
    ) -> Started:
        folder = application_folder(settings, application)
        if command[-1] == "start" and "--port" not in arguments:
            arguments = ("--port", "0", *arguments)
        process = subprocess.Popen(
            [sys.executable, *command, *arguments],
            cwd=folder,
            env={**given_environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        server = Started(process, folder)
        started.append(server)
        if wait is not None:
            found = server.wait_for(wait)[0]
            if found.groups():
                server.port = int(found[1])
        return server

    yield start

    for server in started:
        server.kill()
        # pytest shows this if the test failed.
        print(f"--- {server.process.args!r} said:\n{server.stderr}")
