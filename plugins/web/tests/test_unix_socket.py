"""Serving at a Unix socket."""

from __future__ import annotations

import json
import signal
import socket
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.web.tests.conftest import StartServer

pytestmark = pytest.mark.platform("linux")

LISTENING = "listens on unix:"
#: Returns the address of the client and the request id.
APPLICATION = '''
from __future__ import annotations

from actionhero import Action, Call


class Client(Action):
    """Return the address of the client and the request id."""

    name = "client"
    web = "GET /client"

    async def run(self, call: Call) -> list[str | None]:
        return [call.connection.remote, call.request_id]
'''

EACH_PROCESS_MODEL = pytest.mark.parametrize("option", [(), ("--workers", "2"), ("--reload",)])


@pytest.fixture
def path() -> Iterator[Path]:
    """A path that is short enough for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "web.sock"


def get(path: Path, target: str, *headers: str) -> Any:
    """Return the decoded JSON body of the response to a request."""
    lines = "".join(f"{header}\r\n" for header in ("Host: localhost", *headers))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(f"GET {target} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
        response = b""
        while data := client.recv(65536):
            response += data
    return json.loads(response.partition(b"\r\n\r\n")[2])


@EACH_PROCESS_MODEL
def test_the_server_serves_and_removes_its_socket_file(
    start_server: StartServer, path: Path, option: tuple[str, ...]
) -> None:
    """A server at a Unix socket leaves no file behind. Other users can connect to it."""
    server = start_server("--unix-socket", str(path), *option, wait=LISTENING)

    response = get(path, "/api/process")
    mode = stat.S_IMODE(path.stat().st_mode)
    code = server.stop()

    assert isinstance(response, int)
    assert mode == 0o666
    assert code == 0
    assert not path.exists()


@pytest.mark.parametrize("trusted", ["unix", "127.0.0.1"])
def test_forwarding_headers_are_used_if_the_socket_is_trusted(
    start_server: StartServer, path: Path, trusted: str
) -> None:
    """The headers of a proxy on the socket count only with `unix` as a trusted proxy."""
    server = start_server(
        *("--unix-socket", str(path)),
        wait=LISTENING,
        application=APPLICATION,
        environ={"ACTIONHERO_WEB__TRUSTED_PROXIES": trusted},
    )
    headers = ("X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Request-Id: from-the-proxy")

    address, request_id = get(path, "/api/client", *headers)

    if trusted == "unix":
        assert (address, request_id) == ("203.0.113.9", "from-the-proxy")
    else:
        assert not address
        assert request_id != "from-the-proxy"
    assert server.stop() == 0


@EACH_PROCESS_MODEL
def test_a_stale_socket_file_is_replaced(
    start_server: StartServer, path: Path, option: tuple[str, ...]
) -> None:
    """The file of a killed server does not prevent the next start."""
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))

    server = start_server("--unix-socket", str(path), *option, wait=LISTENING)

    assert isinstance(get(path, "/api/process"), int)
    assert server.stop() == 0


@EACH_PROCESS_MODEL
def test_a_socket_in_use_is_an_error(
    start_server: StartServer, path: Path, option: tuple[str, ...]
) -> None:
    """A second server at the same path fails with the remedy; the first one continues."""
    first = start_server("--unix-socket", str(path), wait=LISTENING)

    second = start_server("--unix-socket", str(path), *option, wait=None)

    assert second.wait() == 78
    assert (
        f"Error: cannot listen on web.unix_socket '{path}': Address already in use; remove "
        "that file, or set ACTIONHERO_WEB__UNIX_SOCKET to another path"
    ) in second.stderr
    assert isinstance(get(path, "/api/process"), int)
    assert first.stop() == 0


def test_a_regular_file_is_not_removed(start_server: StartServer, path: Path) -> None:
    """A file other than a socket is preserved."""
    path.write_text("content")

    server = start_server("--unix-socket", str(path), wait=None)

    assert server.wait() == 78
    assert path.read_text() == "content"


def test_a_missing_folder_is_an_error(start_server: StartServer, path: Path) -> None:
    """The message contains a mistyped path."""
    missing = path.parent / "missing" / "web.sock"

    server = start_server("--unix-socket", str(missing), wait=None)

    assert server.wait() == 78
    assert f"cannot listen on web.unix_socket '{missing}': No such file" in server.stderr
    assert "create its folder, or set ACTIONHERO_WEB__UNIX_SOCKET" in server.stderr


def test_the_socket_file_of_a_successor_is_not_removed(
    start_server: StartServer, path: Path
) -> None:
    """An old server does not remove the file of the new server that replaced it."""
    old = start_server("--unix-socket", str(path), wait=LISTENING)
    path.unlink()
    new = start_server("--unix-socket", str(path), wait=LISTENING)

    code = old.stop()
    response = get(path, "/api/process")

    assert code == 0
    assert response == new.process.pid
    assert new.stop() == 0


def test_a_connection_in_the_backlog_gets_a_response(start_server: StartServer, path: Path) -> None:
    """A request that waits in the backlog at the time of the signal gets a response."""
    server = start_server("--unix-socket", str(path), wait=LISTENING)
    server.process.send_signal(signal.SIGSTOP)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(b"GET /api/process HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)

        response = client.recv(65536)

    assert response.startswith(b"HTTP/1.1 200 ")
    assert server.wait() == 0


def test_no_file_is_to_be_removed_for_another_reason(start_server: StartServer, path: Path) -> None:
    """A folder is no socket of an earlier server."""
    server = start_server("--unix-socket", str(path.parent), wait=None)

    assert server.wait() == 78
    assert f"cannot listen on web.unix_socket '{path.parent}': " in server.stderr
    assert "in use; set ACTIONHERO_WEB__UNIX_SOCKET to another path" in server.stderr
