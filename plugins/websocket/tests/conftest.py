"""A server process with the sample application, and a client that sends arbitrary bytes."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import pytest

from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 30.0

#: The log of an unexpected error outside the calls of actions.
UNEXPECTED_ERRORS = (
    "never retrieved|never awaited|Exception in callback|Fatal error|ResourceWarning"
    "|socket.send\\(\\) raised|the response to .* failed|the timeout of .* failed"
    "|unexpected error while processing"
)

#: No limit of messages per second, and no tracebacks for clients.
DEFAULT_SETTINGS = "[websocket]\nmessages_per_second = 0\n[errors]\nshow_tracebacks = false\n"

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Frame(NamedTuple):
    """A frame of the server."""

    opcode: int
    content: bytes
    fin: bool = True
    #: The three reserved bits, as a number.
    reserved: int = 0

    @property
    def code(self) -> int:
        """The code of a close frame."""
        return int.from_bytes(self.content[:2])

    @property
    def reason(self) -> str:
        """The reason of a close frame."""
        return self.content[2:].decode()

    @property
    def json(self) -> Any:
        """The message, decoded as JSON."""
        assert self.opcode == TEXT
        return json.loads(self.content)


def frame(
    opcode: int,
    content: bytes | str = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\x01\x02\x03\x04",
    length: bytes | None = None,
) -> bytes:
    """Return the bytes of a frame, valid or invalid.

    Args:
        opcode: The opcode.
        content: The content.
        fin: Whether it is the last fragment of its message.
        reserved: The three reserved bits, as a number.
        mask: The mask; `None` for an unmasked frame.
        length: The bytes of the length, the first without the mask bit; computed by default.
    """
    body = content.encode() if isinstance(content, str) else content
    size = len(body)
    if length is None:
        if size < 126:
            length = bytes((size,))
        elif size < 65536:
            length = b"\x7e" + size.to_bytes(2)
        else:
            length = b"\x7f" + size.to_bytes(8)
    first = fin << 7 | reserved << 4 | opcode
    if mask is None:
        return bytes((first,)) + length + body
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(body))
    return bytes((first, length[0] | 0x80)) + length[1:] + mask + masked


class Client:
    """One connection, from its handshake on."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        self._buffer = b""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    def handshake(
        self,
        path: str = "/api",
        headers: Mapping[str, str | None] | None = None,
        *,
        method: str = "GET",
        version: str = "HTTP/1.1",
        after: bytes = b"",
    ) -> Client:
        """Send the request of a handshake, and read the response.

        Args:
            path: The path.
            headers: Added to the usual ones, or in place of them; `None` removes a header.
            method: The method.
            version: The version of HTTP.
            after: Bytes that are sent together with the request.
        """
        host, port = self.socket.getpeername()[:2]
        request_headers: dict[str, str | None] = {
            "Host": f"{host}:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        }
        request_headers |= headers or {}
        self.key = request_headers["Sec-WebSocket-Key"]
        lines = [f"{name}: {value}" for name, value in request_headers.items() if value is not None]
        head = f"{method} {path} {version}\r\n" + "\r\n".join(lines) + "\r\n\r\n"
        self.socket.sendall(head.encode() + after)
        while b"\r\n\r\n" not in self._buffer:
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError(f"closed after {self._buffer!r}")
            self._buffer += data
        response, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *more = response.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in more)}
        length = int(self.headers.get("content-length", 0))
        if self.status != 101 and length:
            self.body = self.read_exactly(length)
        return self

    def read_exactly(self, count: int) -> bytes:
        """Return that number of bytes.

        Raises:
            EOFError: The connection was closed before.
        """
        while len(self._buffer) < count:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self._buffer += data
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def send_bytes(self, *parts: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(b"".join(parts))

    def send_frame(self, opcode: int, content: bytes | str = b"", **options: Any) -> None:
        """Send a frame; see `frame`."""
        self.send_bytes(frame(opcode, content, **options))

    def send_json(self, **message: Any) -> None:
        """Send a message."""
        self.send_frame(TEXT, json.dumps(message))

    def request(self, **message: Any) -> Any:
        """Send a message, and return the next message of the server."""
        self.send_json(**message)
        return self.read_json()

    def call(self, action: str, **params: Any) -> Any:
        """Call an action, and return the next message of the server."""
        return self.request(messageType="action", action=action, messageId=action, params=params)

    def read_frame(self) -> Frame:
        """Return the next frame."""
        first, second = self.read_exactly(2)
        assert second < 0x80, "the server has sent a masked frame"
        size = second
        if size == 126:
            size = int.from_bytes(self.read_exactly(2))
        elif size == 127:
            size = int.from_bytes(self.read_exactly(8))
        return Frame(first & 15, self.read_exactly(size), bool(first & 0x80), first >> 4 & 7)

    def read_json(self) -> Any:
        """Return the next message, decoded as JSON."""
        return self.read_frame().json

    def read_close(self) -> Frame:
        """Return the close frame, and drop all frames before it."""
        while True:
            frame = self.read_frame()
            if frame.opcode == CLOSE:
                return frame

    def is_closed(self) -> bool:
        """Wait for the next byte, and return whether the server has closed the connection."""
        try:
            return not self._buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Close the connection without a close frame."""
        self.socket.close()


class ServerProcess:
    """A server process and its stderr."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.port = 0
        self._clients: list[Client] = []
        self._stderr = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def stderr(self) -> str:
        """The whole stderr until now."""
        with self._changed:
            return self._stderr

    def wait_for(self, pattern: str, *, times: int = 1) -> list[re.Match[str]]:
        """Wait for a number of matches of a pattern in stderr, and return them."""
        matches: list[re.Match[str]] = []

        def is_complete() -> bool:
            matches[:] = re.finditer(pattern, self._stderr)
            return len(matches) >= times or not self._reader.is_alive()

        with self._changed:
            self._changed.wait_for(is_complete, TIMEOUT_SECONDS)
        if len(matches) < times:
            pytest.fail(f"{pattern!r} has not matched {times} times in:\n{self.stderr}")
        return matches

    def wait_until_listening(self) -> None:
        """Wait until the server accepts connections."""
        self.port = int(self.wait_for(r"listen\w* on http://[\w.\[\]:]+:(\d+)")[0][1])

    def client(self) -> Client:
        """Return a connection without a handshake; it is closed after the test."""
        client = Client(self.port)
        self._clients.append(client)
        return client

    def connect(
        self, path: str = "/api", headers: Mapping[str, str | None] | None = None
    ) -> Client:
        """Return a connection after a successful handshake; it is closed after the test."""
        client = self.client().handshake(path, headers)
        assert client.status == 101, (client.status, client.body)
        return client

    def close_clients(self) -> None:
        """Close all connections."""
        while self._clients:
            self._clients.pop().close()

    def wait(self) -> int:
        """Wait for the end of the process and of its stderr, and return the exit code."""
        code = self.process.wait(TIMEOUT_SECONDS)
        self._reader.join(TIMEOUT_SECONDS)
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """Kill the process and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
        self.close_clients()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self._stderr += line.decode(errors="replace")
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


def start(
    folder: Path, settings: str = "", environ: Mapping[str, str] | None = None
) -> ServerProcess:
    """Start the sample application."""
    (folder / "actionhero.toml").write_text(
        'app.package = "socketapp"\n'
        'plugins.enabled = ["channels", "redis", "sessions", "web", "websocket"]\n'
        f"[web]\nport = 0\n{settings}"
    )
    inherited = ("PATH", "HOME", "TMPDIR", "COVERAGE_PROCESS_START")
    process = subprocess.Popen(
        [sys.executable, "-m", "actionhero", "start"],
        cwd=folder,
        env={name: os.environ[name] for name in inherited if name in os.environ}
        | {"PYTHONPATH": str(HERE), "PYTHONWARNINGS": "error::ResourceWarning"}
        | dict(environ or {}),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    return ServerProcess(process, folder)


def listening(server: ServerProcess) -> Iterator[ServerProcess]:
    """Yield a server that accepts connections, and kill it afterwards."""
    try:
        server.wait_until_listening()
        yield server
    finally:
        server.kill()


class StartServer(Protocol):
    """Starts the application with settings: lines of TOML, the first of section `web`."""

    def __call__(
        self, settings: str = ..., environ: Mapping[str, str] | None = ..., *,
        folder: Path | None = ..., wait: bool = ...,
    ) -> ServerProcess: ...  # fmt: skip


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Yield a function that starts a server for one test; it is killed afterwards."""
    yield from starting(tmp_path)


@pytest.fixture(scope="module")
def start_module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Yield a function that starts a server for the tests of a module."""
    yield from starting(tmp_path_factory.mktemp("module"))


def starting(default_folder: Path) -> Iterator[StartServer]:
    """Yield a function that starts servers, and kill them afterwards."""
    servers: list[ServerProcess] = []

    def start_one(
        settings: str = "",
        environ: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
        wait: bool = True,
    ) -> ServerProcess:
        server = start(folder or default_folder, settings, environ)
        servers.append(server)
        if wait:
            server.wait_until_listening()
        return server

    yield start_one
    for server in servers:
        server.kill()
        # pytest shows this if the test failed.
        print(f"--- stderr in {server.folder}:\n{server.stderr}")


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Yield the server of all tests without their own settings."""
    yield from listening(start(tmp_path_factory.mktemp("shared"), DEFAULT_SETTINGS))


@pytest.fixture(scope="session")
def shared_original_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Yield a server with the error format of the original ActionHero, and a rate limit."""
    yield from listening(
        start(tmp_path_factory.mktemp("original"), 'error_format = "actionhero"\n')
    )


@pytest.fixture
def original_server(shared_original_server: ServerProcess) -> Iterator[ServerProcess]:
    """Yield that server, and close its clients after the test."""
    yield shared_original_server
    shared_original_server.close_clients()


#: The error formats and stores on which the contract is tested.
VARIANTS = [
    (error_format, store)
    for error_format in ("standard", "actionhero")
    for store in ("embedded", "redis")
]


@pytest.fixture(scope="session")
def server_for(
    tmp_path_factory: pytest.TempPathFactory, shared_server: ServerProcess
) -> Iterator[Callable[[str, str], ServerProcess]]:
    """Yield a function that returns the shared server of an error format and a store."""
    with ExitStack() as stack:
        servers = {("standard", "embedded"): shared_server}

        def get(error_format: str, store: str) -> ServerProcess:
            if (error_format, store) not in servers:
                environ = {"ACTIONHERO_WEB__ERROR_FORMAT": error_format}
                if store == "redis":
                    environ["REDIS_URL"] = stack.enter_context(throw_away_redis()).url
                elif store == "memory":
                    environ["ACTIONHERO_REDIS__MODE"] = "memory"
                server = start(tmp_path_factory.mktemp(error_format), DEFAULT_SETTINGS, environ)
                stack.callback(server.kill)
                server.wait_until_listening()
                servers[error_format, store] = server
            return servers[error_format, store]

        yield get


@pytest.fixture(params=VARIANTS, ids="-".join)
def each_server(
    request: pytest.FixtureRequest, server_for: Callable[[str, str], ServerProcess]
) -> Iterator[ServerProcess]:
    """Yield the shared server of each error format and store; see `server`."""
    yield from checked(server_for(*request.param))


@pytest.fixture
def server(shared_server: ServerProcess) -> Iterator[ServerProcess]:
    """Yield the shared server, and check it after the test."""
    yield from checked(shared_server)


def checked(server: ServerProcess) -> Iterator[ServerProcess]:
    """Yield a server for one test, close its clients, and check that it is alive and healthy."""
    before = len(server.stderr)
    yield server
    server.close_clients()
    stderr = server.stderr[before:]
    print(f"--- stderr:\n{stderr}")
    assert server.process.poll() is None
    assert not re.search(UNEXPECTED_ERRORS, stderr)
