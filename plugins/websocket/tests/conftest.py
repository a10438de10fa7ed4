"""A started process with an application, and a client that sends exactly what it is told."""

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
PATIENCE_SECONDS = 30.0

#: What a server says if something failed that nobody foresaw, in no call of an action.
MISHAPS = (
    "never retrieved|never awaited|Exception in callback|Fatal error|ResourceWarning"
    "|socket.send\\(\\) raised|answering .* failed|what was due"
)

#: No limit of messages per second, and nothing of our insides.
ORDINARY = "[websocket]\nmessages_per_second = 0\n[errors]\nshow_tracebacks = false\n"

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Frame(NamedTuple):
    """What came over a socket."""

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
        """The message, read as JSON."""
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
    """Return the bytes of a frame, as right or as wrong as it is wanted.

    Args:
        opcode: Its kind.
        content: What is in it.
        fin: Whether it ends its message.
        reserved: The three reserved bits, as a number.
        mask: What it is masked with; `None`: it is not.
        length: The bytes of its length, the first without the mask's bit; else as it should be.
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
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._read = b""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    def shake(
        self,
        path: str = "/api",
        headers: Mapping[str, str | None] | None = None,
        *,
        method: str = "GET",
        version: str = "HTTP/1.1",
        after: bytes = b"",
    ) -> Client:
        """Ask for a WebSocket, and read the answer.

        Args:
            path: Where.
            headers: In place of, or beside, the usual ones; `None`: without it.
            method: The method.
            version: Of HTTP.
            after: What is sent in the same breath.
        """
        host, port = self.socket.getpeername()[:2]
        given: dict[str, str | None] = {
            "Host": f"{host}:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        }
        given |= headers or {}
        self.key = given["Sec-WebSocket-Key"]
        lines = [f"{name}: {value}" for name, value in given.items() if value is not None]
        head = f"{method} {path} {version}\r\n" + "\r\n".join(lines) + "\r\n\r\n"
        self.socket.sendall(head.encode() + after)
        while b"\r\n\r\n" not in self._read:
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError(f"closed after {self._read!r}")
            self._read += data
        answer, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *more = answer.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in more)}
        length = int(self.headers.get("content-length", 0))
        if self.status != 101 and length:
            self.body = self.exactly(length)
        return self

    def exactly(self, count: int) -> bytes:
        """Return so many bytes.

        Raises:
            EOFError: The connection was closed before.
        """
        while len(self._read) < count:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self._read += data
        taken, self._read = self._read[:count], self._read[count:]
        return taken

    def send(self, *sent: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(b"".join(sent))

    def put(self, opcode: int, content: bytes | str = b"", **options: Any) -> None:
        """Send a frame; see `frame`."""
        self.send(frame(opcode, content, **options))

    def say(self, **message: Any) -> None:
        """Send a message."""
        self.put(TEXT, json.dumps(message))

    def ask(self, **message: Any) -> Any:
        """Send a message, and return the next that comes."""
        self.say(**message)
        return self.next()

    def call(self, action: str, **params: Any) -> Any:
        """Call an action, and return the answer."""
        return self.ask(messageType="action", action=action, messageId=action, params=params)

    def frame(self) -> Frame:
        """Return the next frame."""
        first, second = self.exactly(2)
        assert second < 0x80, "a server's frame is masked"
        size = second
        if size == 126:
            size = int.from_bytes(self.exactly(2))
        elif size == 127:
            size = int.from_bytes(self.exactly(8))
        return Frame(first & 15, self.exactly(size), bool(first & 0x80), first >> 4 & 7)

    def next(self) -> Any:
        """Return the next message, read as JSON."""
        return self.frame().json

    def next_close(self) -> Frame:
        """Return the close frame, whatever comes before it."""
        while True:
            found = self.frame()
            if found.opcode == CLOSE:
                return found

    def is_at_end(self) -> bool:
        """Whether the connection is closed by the server, which this waits for."""
        try:
            return not self._read and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Go away, without a word."""
        self.socket.close()


class Started:
    """A process that serves, and all that it says."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.port = 0
        self._clients: list[Client] = []
        self._said = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

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

    def wait_until_it_listens(self) -> None:
        """Return when clients may come."""
        self.port = int(self.wait_for(r"listens on http://[\w.\[\]:]+:(\d+)")[0][1])

    def client(self) -> Client:
        """Return a connection that has said nothing yet; closed after the test."""
        client = Client(self.port)
        self._clients.append(client)
        return client

    def connect(
        self, path: str = "/api", headers: Mapping[str, str | None] | None = None
    ) -> Client:
        """Return a connection that speaks WebSocket; closed after the test."""
        client = self.client().shake(path, headers)
        assert client.status == 101, (client.status, client.body)
        return client

    def close_clients(self) -> None:
        """Hang up every client."""
        while self._clients:
            self._clients.pop().close()

    def wait(self) -> int:
        """Return the exit code as soon as the process has ended and all it said is here."""
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """End it now, if it runs, together with all that it started."""
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
                self._said += line.decode(errors="replace")
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


def start(folder: Path, settings: str = "", environ: Mapping[str, str] | None = None) -> Started:
    """Start the application of these tests."""
    (folder / "actionhero.toml").write_text(
        'app.package = "socketapp"\n'
        'plugins.enabled = ["channels", "redis", "sessions", "web", "websocket"]\n'
        f"[web]\nport = 0\n{settings}"
    )
    kept = ("PATH", "HOME", "TMPDIR", "COVERAGE_PROCESS_START")
    process = subprocess.Popen(
        [sys.executable, "-m", "actionhero", "start"],
        cwd=folder,
        env={name: os.environ[name] for name in kept if name in os.environ}
        | {"PYTHONPATH": str(HERE), "PYTHONWARNINGS": "error::ResourceWarning"}
        | dict(environ or {}),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    return Started(process, folder)


def listening(server: Started) -> Iterator[Started]:
    """Give a server that listens, and kill it afterwards."""
    try:
        server.wait_until_it_listens()
        yield server
    finally:
        server.kill()


class StartServer(Protocol):
    """Starts the application with settings: lines of TOML, the first of section `web`."""

    def __call__(
        self, settings: str = ..., environ: Mapping[str, str] | None = ..., *,
        folder: Path | None = ..., wait: bool = ...,
    ) -> Started: ...  # fmt: skip


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Give a function that starts a server of its own for a test, and kills it afterwards."""
    started: list[Started] = []

    def begin(
        settings: str = "",
        environ: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
        wait: bool = True,
    ) -> Started:
        server = start(folder or tmp_path, settings, environ)
        started.append(server)
        if wait:
            server.wait_until_it_listens()
        return server

    yield begin
    for server in started:
        server.kill()
        # pytest shows this if the test failed.
        print(f"--- {server.folder} said:\n{server.stderr}")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Give the one server of all tests that need no other: no limit of messages per second."""
    yield from listening(start(tmp_path_factory.mktemp("running"), ORDINARY))


@pytest.fixture(scope="session")
def running_original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Give a server that tells failures as clients of the original expect."""
    yield from listening(
        start(tmp_path_factory.mktemp("original"), 'error_format = "actionhero"\n')
    )


@pytest.fixture
def original(running_original: Started) -> Iterator[Started]:
    """Give that server; clients are closed after the test."""
    yield running_original
    running_original.close_clients()


#: The stores that the contract is proven on, and the profiles of errors.
PLACES = [
    (profile, store) for profile in ("standard", "actionhero") for store in ("embedded", "redis")
]


@pytest.fixture(scope="session")
def running_at(
    tmp_path_factory: pytest.TempPathFactory, running: Started
) -> Iterator[Callable[[str, str], Started]]:
    """Give a function that returns a server in a profile, on a store: each time the same."""
    with ExitStack() as stack:
        started = {("standard", "embedded"): running}

        def at(profile: str, store: str) -> Started:
            if (profile, store) not in started:
                environ = {"ACTIONHERO_WEB__ERROR_FORMAT": profile}
                if store == "redis":
                    environ["REDIS_URL"] = stack.enter_context(throw_away_redis()).url
                server = start(tmp_path_factory.mktemp(profile), ORDINARY, environ)
                stack.callback(server.kill)
                server.wait_until_it_listens()
                started[profile, store] = server
            return started[profile, store]

        yield at


@pytest.fixture(params=PLACES, ids="-".join)
def each_server(
    request: pytest.FixtureRequest, running_at: Callable[[str, str], Started]
) -> Iterator[Started]:
    """Give the shared server of each profile, on each store; see `server`."""
    yield from watched(running_at(*request.param))


@pytest.fixture
def server(running: Started) -> Iterator[Started]:
    """Give the shared server; clients are closed after the test, and nothing must have failed."""
    yield from watched(running)


def watched(running: Started) -> Iterator[Started]:
    """Give a server for one test, and look whether anything failed that nobody foresaw."""
    before = len(running.stderr)
    yield running
    running.close_clients()
    said = running.stderr[before:]
    print(f"--- said:\n{said}")
    assert running.process.poll() is None
    assert not re.search(MISHAPS, said)
