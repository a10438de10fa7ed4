"""Serving on a Unix socket."""

from __future__ import annotations

import json
import signal
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.web.tests.conftest import StartServer

pytestmark = pytest.mark.platform("linux")

LISTENING = "listens on unix:"
#: Tells who asks, as far as the server knows.
APPLICATION = '''
from __future__ import annotations

from actionhero import Action, Call


class Who(Action):
    """Tell who asks."""

    name = "who"
    web = "GET /who"

    async def run(self, call: Call) -> list[str | None]:
        return [call.connection.remote, call.request_id]
'''

EVERY_WAY = pytest.mark.parametrize("option", [(), ("--workers", "2"), ("--reload",)])


@pytest.fixture
def path() -> Iterator[Path]:
    """Give a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "web.sock"


def ask(path: Path, target: str, *headers: str) -> Any:
    """Return the answer to a request, read as JSON."""
    lines = "".join(f"{header}\r\n" for header in ("Host: localhost", *headers))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(f"GET {target} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
        answer = b""
        while data := client.recv(65536):
            answer += data
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@EVERY_WAY
def test_it_serves_and_leaves_nothing(
    start_server: StartServer, path: Path, option: tuple[str, ...]
) -> None:
    """I put the server behind a proxy on the same machine, and no file stays when it ends."""
    server = start_server("--unix-socket", str(path), *option, wait=LISTENING)

    answer = ask(path, "/api/process")
    code = server.stop()

    assert isinstance(answer, int)
    assert code == 0
    assert not path.exists()


@pytest.mark.parametrize("trusted", ["unix", "127.0.0.1"])
def test_a_proxy_on_the_socket_is_believed_where_it_is_trusted(
    start_server: StartServer, path: Path, trusted: str
) -> None:
    """I name `unix` as a proxy, and learn who is behind it; else nobody says who they are."""
    server = start_server(
        *("--unix-socket", str(path)),
        wait=LISTENING,
        application=APPLICATION,
        environ={"ACTIONHERO_WEB__TRUSTED_PROXIES": trusted},
    )
    told = ("X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Request-Id: from-the-proxy")

    address, request_id = ask(path, "/api/who", *told)

    if trusted == "unix":
        assert (address, request_id) == ("203.0.113.9", "from-the-proxy")
    else:
        assert not address
        assert request_id != "from-the-proxy"
    assert server.stop() == 0


@EVERY_WAY
def test_one_that_a_dead_server_left_is_replaced(
    start_server: StartServer, path: Path, option: tuple[str, ...]
) -> None:
    """My server was killed, and its file does not keep the next one from starting."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    server = start_server("--unix-socket", str(path), *option, wait=LISTENING)

    assert isinstance(ask(path, "/api/process"), int)
    assert server.stop() == 0


@EVERY_WAY
def test_one_that_is_served_is_left_alone(
    start_server: StartServer, path: Path, option: tuple[str, ...]
) -> None:
    """I start the server twice: the first goes on, and the second says why it cannot."""
    first = start_server("--unix-socket", str(path), wait=LISTENING)

    second = start_server("--unix-socket", str(path), *option, wait=None)

    assert second.wait() == 78
    assert (
        f"Error: web.unix_socket '{path}' cannot be listened on: Address already in use; remove "
        "what is there, or set ACTIONHERO_WEB__UNIX_SOCKET to another path"
    ) in second.stderr
    assert isinstance(ask(path, "/api/process"), int)
    assert first.stop() == 0


def test_a_file_that_is_no_socket_is_left_alone(start_server: StartServer, path: Path) -> None:
    """I name a file of mine by mistake, and it is still there."""
    path.write_text("mine")

    server = start_server("--unix-socket", str(path), wait=None)

    assert server.wait() == 78
    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there_is_told(start_server: StartServer, path: Path) -> None:
    """I mistype the path, and the message names it."""
    missing = path.parent / "missing" / "web.sock"

    server = start_server("--unix-socket", str(missing), wait=None)

    assert server.wait() == 78
    assert f"web.unix_socket '{missing}' cannot be listened on: No such file" in server.stderr


def test_the_file_of_a_successor_stays(start_server: StartServer, path: Path) -> None:
    """I put a new server in the place of the old one, which then does not take its file away."""
    old = start_server("--unix-socket", str(path), wait=LISTENING)
    path.unlink()
    new = start_server("--unix-socket", str(path), wait=LISTENING)

    code = old.stop()
    answer = ask(path, "/api/process")

    assert code == 0
    assert answer == new.process.pid
    assert new.stop() == 0


def test_who_was_let_in_is_answered(start_server: StartServer, path: Path) -> None:
    """A request that waits in the queue when the signal comes is answered too."""
    server = start_server("--unix-socket", str(path), wait=LISTENING)
    server.process.send_signal(signal.SIGSTOP)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(b"GET /api/process HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)

        answer = client.recv(65536)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert server.wait() == 0
