"""A started process for each way of serving, and a client that sends exactly what it is told."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
COMMAND = [sys.executable, "-m", "actionhero", "start", "--port", "0"]
#: How long anything may take before the test gives up.
PATIENCE_SECONDS = 30.0

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header; all of them with commas, should there be several."""
        values = self.all(name)
        return ", ".join(values) if values else None

    def all(self, name: str) -> list[str]:
        """Return the values of each header of that name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """What the envelope holds."""
        document = self.json
        assert list(document) == ["error"]
        error: dict[str, Any] = document["error"]
        return error


@dataclass
class Door:
    """A started process, and a client of it."""

    profile: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    #: How much of the log was read by `new_in_log`.
    read: int = field(default=0)

    def send(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Headers = (),
        **options: Any,
    ) -> Answer:
        """Send one request, on a connection of its own, and return the answer.

        Args:
            method: As it goes out.
            target: Path and query, as they go out.
            body: What follows the head. Pieces are sent chunked.
            headers: Beside `Host` and the framing.
            options: `json`: a value to send as a JSON body.
        """
        given = list(headers.items() if isinstance(headers, Mapping) else headers)
        if "json" in options:
            body = json.dumps(options["json"]).encode()
            given = [("Content-Type", "application/json"), *given]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            names = {name.lower() for name, _ in given}
            chunked = body is not None and not isinstance(body, bytes)
            if chunked:
                given.append(("Transfer-Encoding", "chunked"))
            elif isinstance(body, bytes) and "content-length" not in names:
                given.append(("Content-Length", str(len(body))))
            for name, value in given:
                connection.putheader(name, value.encode("utf-8", "surrogateescape"))
            connection.endheaders()
            if body is not None:
                # A server that refuses a body early may answer before it took all of it.
                with suppress(ConnectionError):
                    _send_body(connection, body)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def get(self, target: str, **headers: str) -> Answer:
        """Send a `GET`; `accept_encoding="gzip"` is a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("GET", target, None, named)

    def post(self, target: str, value: Any) -> Answer:
        """Send a value as JSON."""
        return self.send("POST", target, json=value)

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        """Give a socket that is connected to the server."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS) as connection:
            yield connection

    def raw(self, sent: bytes) -> bytes:
        """Send bytes, and return all that comes back until the server closes the connection."""
        received = []
        with self.connected() as connection:
            with suppress(ConnectionError):
                connection.sendall(sent)
            with suppress(ConnectionError):
                while data := connection.recv(65536):
                    received.append(data)
        return b"".join(received)

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs, and answers."""
        return self.process.poll() is None and self.get("/livez").status == 200

    @property
    def text_of_log(self) -> str:
        """All that the process has said."""
        return self.log.read_text(errors="replace")

    def new_in_log(self) -> str:
        """Return what the process has said since this was asked for the last time."""
        text = self.text_of_log
        new, self.read = text[self.read :], len(text)
        return new

    def processor_seconds(self) -> float:
        """Return how long the process has used a processor."""
        times = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    def most_memory_kib(self) -> int:
        """Return the most memory that the process ever held, in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1])


def _send_body(connection: http.client.HTTPConnection, body: bytes | Iterable[bytes]) -> None:
    if isinstance(body, bytes):
        connection.send(body)
        return
    for piece in body:
        if piece:
            connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
    connection.send(b"0\r\n\r\n")


Serve = Callable[..., Door]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Give a function that starts a server with these settings, or gives the one that has them.

    Settings are written as `web__error_format="actionhero"`; other variables in capitals.
    """
    doors: dict[frozenset[tuple[str, str]], Door] = {}

    def start(**variables: str) -> Door:
        key = frozenset(variables.items())
        if key not in doors:
            doors[key] = _start(tmp_path_factory.mktemp("served"), variables)
        door = doors[key]
        ended = door.process.poll()
        assert ended is None, f"the server ended with {ended}: {door.text_of_log}"
        return door

    yield start
    for door in doors.values():
        door.process.send_signal(signal.SIGTERM)
    for door in doors.values():
        try:
            door.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            door.process.kill()
            door.process.wait()


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run() -> Run:
    """Give a function that starts a server in a folder, and waits for its end."""

    def start(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**_environment(), "ACTIONHERO_PLUGINS__ENABLED": "web", **variables}
        return subprocess.run(
            COMMAND, cwd=folder, env=environment, capture_output=True, text=True, check=False,
            timeout=PATIENCE_SECONDS,
        )  # fmt: skip

    return start


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def _start(folder: Path, variables: Mapping[str, str]) -> Door:
    environment = _environment() | {
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ACTIONHERO_APP__PACKAGE": "wireapp",
        # Whatever else is installed beside it.
        "ACTIONHERO_PLUGINS__ENABLED": "web",
        "ACTIONHERO_APP__DATA_DIR": str(folder / "data"),
        "ACTIONHERO_LOGS__LEVEL": "warn",
    }
    for name, value in variables.items():
        is_setting = name == name.lower()
        environment[f"ACTIONHERO_{name.upper()}" if is_setting else name] = value
    log = folder / "stderr.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            COMMAND,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = re.search(r"ActionHero listens on http://[^:]+:(\d+)", log.read_text())
        if found is not None:
            profile = variables.get("web__error_format", "standard")
            return Door(profile, int(found[1]), process, log)
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            pytest.fail(f"the server did not start: {log.read_text()}")
        # The other process says when it is ready, in a file.
        time.sleep(0.01)


@pytest.fixture
def standard(serve: Serve) -> Door:
    """A server as it is without any settings."""
    return serve()


@pytest.fixture
def original(serve: Serve) -> Door:
    """A server in profile `actionhero`."""
    return serve(web__error_format="actionhero")


@pytest.fixture(params=["standard", "actionhero"])
def door(request: pytest.FixtureRequest, serve: Serve) -> Door:
    """One server after the other, for what is the same in both profiles."""
    return serve(web__error_format="actionhero") if request.param == "actionhero" else serve()


@pytest.fixture(params=["C", "Python"])
def parser(request: pytest.FixtureRequest, serve: Serve) -> Door:
    """One server with each of aiohttp's parsers."""
    return serve(AIOHTTP_NO_EXTENSIONS="1") if request.param == "Python" else serve()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the servers said beside a test that failed."""
    report = yield
    if report.failed:
        used = getattr(item, "funcargs", {}).values()
        for door in (value for value in used if isinstance(value, Door)):
            report.sections.append((f"server in profile {door.profile}", door.text_of_log[-4000:]))
    return report
