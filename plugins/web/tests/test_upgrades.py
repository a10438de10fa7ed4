"""Upgrades of connections by a plugin, with the hook `actionhero_web_upgrades`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from plugins.web.tests.conftest import ServerProcess, StartServer

PLUGIN = '''
import asyncio
import os

from actionhero import hookimpl
from actionhero_web.connections.upgrades import Upgrade, UpgradeRefused


class Upper(asyncio.Protocol):
    """Returns received data in upper case."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data.upper())


class UpperUpgrade(Upgrade):
    paths = ("/upper", "/")

    async def accept(self, request):
        if "token" not in request.query:
            raise UpgradeRefused(418, "No token for " + request.origin, {"X-Required": "token"})
        return {"X-Path": request.path}, Upper()


@hookimpl
def actionhero_web_upgrades():
    return [UpperUpgrade() for _ in range(int(os.environ.get("UPGRADES", "1")))]
'''


def request_upgrade(
    server: ServerProcess, target: str, upgrade: str = "WebSocket", data: bytes = b""
) -> socket.socket:
    """Send a request for an upgrade, together with data for the new protocol."""
    client = server.socket()
    client.sendall(
        f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        f"Upgrade: {upgrade}\r\n\r\n".encode()
        + data
    )
    return client


def read_to(client: socket.socket, end: bytes) -> bytes:
    """Return the received data, up to an end marker."""
    received = b""
    while end not in received:
        data = client.recv(65536)
        assert data, received
        received += data
    return received


@pytest.fixture
def server(start_server: StartServer, tmp_path: Path) -> ServerProcess:
    """A server with a plugin that upgrades connections."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "plugin.py").write_text(PLUGIN)
    return start_server()


@pytest.mark.parametrize("target", ["/upper?token", "/upper/?token", "/?token"])
def test_a_connection_is_upgraded_with_the_data_received_so_far(
    server: ServerProcess, target: str
) -> None:
    """The new protocol owns the connection; other connections are not affected."""
    with request_upgrade(server, target, data=b"hello ") as client:
        head, _, received = read_to(client, b"HELLO ").partition(b"\r\n\r\n")
        client.sendall(b"world")
        received += read_to(client, b"WORLD")

    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" in head
    assert b"\r\nX-Path: " + target.partition("?")[0].encode() in head
    assert b"\r\nX-Request-Id: " in head
    assert b"\r\nX-Content-Type-Options: nosniff" in head
    assert received == b"HELLO WORLD"
    assert server.get("/api/process")[0] == 200


def test_a_large_amount_of_early_data_is_not_lost(server: ServerProcess) -> None:
    """It exceeds the read buffer of aiohttp."""
    with request_upgrade(server, "/upper?token", data=b"x" * 200_000 + b"!") as client:
        received = read_to(client, b"!").partition(b"\r\n\r\n")[2]

    assert received == b"X" * 200_000 + b"!"


def test_a_rejected_upgrade_gets_an_http_response(server: ServerProcess) -> None:
    """It has the status, text and headers of the plugin."""
    with request_upgrade(server, "/upper") as client:
        response = b""
        while data := client.recv(65536):
            response += data

    assert response.startswith(b"HTTP/1.1 418 ")
    assert b"X-Required: token" in response
    assert b"text/plain; charset=utf-8" in response
    assert response.endswith(b"No token for http://localhost")


@pytest.mark.parametrize(("target", "upgrade"), [
    ("/upper?token", "h2c"), ("/elsewhere?token", "websocket"), ("/api/process", "websocket"),
])  # fmt: skip
def test_other_requests_are_handled_as_usual(
    server: ServerProcess, target: str, upgrade: str
) -> None:
    """Another protocol or path gets an ordinary HTTP response."""
    with request_upgrade(server, target, upgrade) as client:
        status = int(read_to(client, b"\r\n\r\n").split()[1])

    assert status == (200 if target == "/api/process" else 404)


def test_a_stop_does_not_wait_for_upgraded_connections(server: ServerProcess) -> None:
    """The plugin is responsible for closing them."""
    with request_upgrade(server, "/upper?token", data=b"x") as client:
        read_to(client, b"X")
        assert server.stop() == 0


def test_an_upgrade_during_shutdown_is_rejected(server: ServerProcess) -> None:
    """It gets 503, without a call of the plugin, and the log contains it."""
    waiting = server.connect()
    waiting.request("GET", "/api/wait")
    server.wait_for("waiting")
    with server.socket() as client:
        # The connection is open before the server stops accepting connections.
        client.sendall(b"GET /api/process HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.recv(65536)
        server.process.terminate()
        server.wait_for("stopping")
        client.sendall(
            b"GET /upper?token HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        response = client.recv(65536)

    assert response.startswith(b"HTTP/1.1 503 ")
    assert response.endswith(b"Server is shutting down")
    server.wait_for("refused to upgrade /upper with 503: the server is shutting down")


def test_two_upgrades_at_one_path_are_an_error(start_server: StartServer, tmp_path: Path) -> None:
    """The start fails, and the error contains the plugins."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "plugin.py").write_text(PLUGIN)
    server = start_server(environ={"UPGRADES": "2"}, wait=None)

    assert server.wait() == 78
    assert "two plugins upgrade connections at '/upper': application 'small'" in server.stderr
