"""Fixtures that start servers with various settings, and a client that sends exact bytes."""

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
#: The timeout of every wait in a test.
TIMEOUT_SECONDS = 30.0

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass
class Response:
    """A received response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header; repeated headers are joined with commas."""
        values = self.all(name)
        return ", ".join(values) if values else None

    def all(self, name: str) -> list[str]:
        """Return the values of all headers with a name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def json(self) -> Any:
        """The decoded JSON body."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The content of the error document."""
        document = self.json
        assert list(document) == ["error"]
        error: dict[str, Any] = document["error"]
        return error


@dataclass
class HttpClient:
    """A client of a server process, and the process itself."""

    error_format: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    #: The length of the log at the last call of `new_log_text`.
    log_position: int = field(default=0)

    def send(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Headers = (),
        **options: Any,
    ) -> Response:
        """Send a request on a new connection, and return the response.

        Args:
            method: The method, sent unchanged.
            target: Path and query, sent unchanged.
            body: The body. An iterable is sent in chunks.
            headers: The headers, in addition to `Host` and the framing.
            options: `json`: a value to send as a JSON body.
        """
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        if "json" in options:
            body = json.dumps(options["json"]).encode()
            pairs = [("Content-Type", "application/json"), *pairs]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            names = {name.lower() for name, _ in pairs}
            chunked = body is not None and not isinstance(body, bytes)
            if chunked:
                pairs.append(("Transfer-Encoding", "chunked"))
            elif isinstance(body, bytes) and "content-length" not in names:
                pairs.append(("Content-Length", str(len(body))))
            for name, value in pairs:
                connection.putheader(name, value.encode("utf-8", "surrogateescape"))
            connection.endheaders()
            if body is not None:
                # A server may reject a body before it has received all of it.
                with suppress(ConnectionError):
                    _send_body(connection, body)
            response = connection.getresponse()
            return Response(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def get(self, target: str, **headers: str) -> Response:
        """Send a `GET` request; keyword arguments, such as `accept_encoding`, are headers."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("GET", target, None, named)

    def post(self, target: str, value: Any) -> Response:
        """Send a `POST` request with a JSON body."""
        return self.send("POST", target, json=value)

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        """Provide a socket that is connected to the server."""
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT_SECONDS) as connection:
            yield connection

    def send_bytes(self, sent: bytes) -> bytes:
        """Send bytes, and return all received data until the server closes the connection."""
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
        """Whether the process is still running and responds."""
        return self.process.poll() is None and self.get("/livez").status == 200

    @property
    def log_text(self) -> str:
        """The output of the process."""
        return self.log.read_text(errors="replace")

    def new_log_text(self) -> str:
        """Return the output of the process since the last call."""
        text = self.log_text
        new, self.log_position = text[self.log_position :], len(text)
        return new

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process."""
        times = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    def peak_memory_kib(self) -> int:
        """Return the peak memory of the process, in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert match is not None
        return int(match[1])


def _send_body(connection: http.client.HTTPConnection, body: bytes | Iterable[bytes]) -> None:
    if isinstance(body, bytes):
        connection.send(body)
        return
    for chunk in body:
        if chunk:
            connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
    connection.send(b"0\r\n\r\n")


Serve = Callable[..., HttpClient]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """A function that returns a client of a server with given settings, started on demand.

    Settings are keyword arguments such as `web__error_format="actionhero"`; other environment
    variables are in capital letters.
    """
    clients: dict[frozenset[tuple[str, str]], HttpClient] = {}

    def start(**variables: str) -> HttpClient:
        key = frozenset(variables.items())
        if key not in clients:
            clients[key] = _start(tmp_path_factory.mktemp("served"), variables)
        client = clients[key]
        exit_code = client.process.poll()
        assert exit_code is None, f"the server exited with {exit_code}: {client.log_text}"
        return client

    yield start
    for client in clients.values():
        client.process.send_signal(signal.SIGTERM)
    for client in clients.values():
        try:
            client.process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            client.process.kill()
            client.process.wait()


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run() -> Run:
    """A function that starts a server in a folder, and waits for its exit."""

    def start(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**_environment(), "ACTIONHERO_PLUGINS__ENABLED": "web", **variables}
        return subprocess.run(
            COMMAND, cwd=folder, env=environment, capture_output=True, text=True, check=False,
            timeout=TIMEOUT_SECONDS,
        )  # fmt: skip

    return start


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def _start(folder: Path, variables: Mapping[str, str]) -> HttpClient:
    environment = _environment() | {
        "PYTHONPATH": str(HERE),
        "ACTIONHERO_APP__PACKAGE": "wireapp",
        # Other installed plugins stay disabled.
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
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        match = re.search(r"ActionHero listens on http://[^:]+:(\d+)", log.read_text())
        if match is not None:
            error_format = variables.get("web__error_format", "standard")
            return HttpClient(error_format, int(match[1]), process, log)
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            pytest.fail(f"the server did not start: {log.read_text()}")
        # The process announces in its log that it is ready.
        time.sleep(0.01)


@pytest.fixture
def standard(serve: Serve) -> HttpClient:
    """A server with the default settings."""
    return serve()


@pytest.fixture
def original(serve: Serve) -> HttpClient:
    """A server with the error format `actionhero`."""
    return serve(web__error_format="actionhero")


@pytest.fixture(params=["standard", "actionhero"])
def client(request: pytest.FixtureRequest, serve: Serve) -> HttpClient:
    """A server of each error format, for tests of common behaviour."""
    return serve(web__error_format="actionhero") if request.param == "actionhero" else serve()


@pytest.fixture(params=["C", "Python"])
def parser(request: pytest.FixtureRequest, serve: Serve) -> HttpClient:
    """A server with each of aiohttp's parsers."""
    return serve(AIOHTTP_NO_EXTENSIONS="1") if request.param == "Python" else serve()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the output of the servers to the report of a failed test."""
    report = yield
    if report.failed:
        fixtures = getattr(item, "funcargs", {}).values()
        for client in (value for value in fixtures if isinstance(value, HttpClient)):
            title = f"server with error format {client.error_format}"
            report.sections.append((title, client.log_text[-4000:]))
    return report
