"""Connections that a plugin takes over, by the hook `actionhero_web_upgrades`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from plugins.web.tests.conftest import Started, StartServer

PLUGIN = '''
import asyncio
import os

from actionhero import hookimpl
from actionhero_web.upgrades import Upgrade, UpgradeRefused


class Shout(asyncio.Protocol):
    """Says back what it hears, in capitals."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data.upper())


class ShoutUpgrade(Upgrade):
    paths = ("/shout", "/")

    async def accept(self, request):
        if "loud" not in request.query:
            raise UpgradeRefused(418, "Say how: " + request.origin, {"X-How": "loud"})
        return {"X-Path": request.path}, Shout()


@hookimpl
def actionhero_web_upgrades():
    return [ShoutUpgrade() for _ in range(int(os.environ.get("SHOUTS", "1")))]
'''


def ask(
    server: Started, target: str, upgrade: str = "WebSocket", more: bytes = b""
) -> socket.socket:
    """Ask for an upgrade, and send what comes after it in the same breath."""
    client = server.socket()
    client.sendall(
        f"GET {target} HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n"
        f"Upgrade: {upgrade}\r\n\r\n".encode()
        + more
    )
    return client


def read_to(client: socket.socket, end: bytes) -> bytes:
    """Return what comes, up to an end."""
    read = b""
    while end not in read:
        data = client.recv(65536)
        assert data, read
        read += data
    return read


@pytest.fixture
def server(start_server: StartServer, tmp_path: Path) -> Started:
    """Give a server with a plugin that shouts."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "plugin.py").write_text(PLUGIN)
    return start_server()


@pytest.mark.parametrize("target", ["/shout?loud", "/shout/?loud", "/?loud"])
def test_a_connection_is_handed_over_with_what_was_sent_already(
    server: Started, target: str
) -> None:
    """The server has no more to do with it, and others go on."""
    with ask(server, target, more=b"hello ") as client:
        head, _, said = read_to(client, b"HELLO ").partition(b"\r\n\r\n")
        client.sendall(b"world")
        said += read_to(client, b"WORLD")

    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" in head
    assert b"\r\nX-Path: " + target.partition("?")[0].encode() in head
    assert b"\r\nX-Request-Id: " in head
    assert b"\r\nX-Content-Type-Options: nosniff" in head
    assert said == b"HELLO WORLD"
    assert server.get("/api/process")[0] == 200


def test_much_that_was_sent_already_is_not_lost(server: Started) -> None:
    """More than aiohttp reads ahead."""
    with ask(server, "/shout?loud", more=b"x" * 200_000 + b"!") as client:
        said = read_to(client, b"!").partition(b"\r\n\r\n")[2]

    assert said == b"X" * 200_000 + b"!"


def test_a_refusal_is_an_answer_of_http(server: Started) -> None:
    """With the status, the text and the headers that the plugin chose."""
    with ask(server, "/shout") as client:
        answer = b""
        while data := client.recv(65536):
            answer += data

    assert answer.startswith(b"HTTP/1.1 418 ")
    assert b"X-How: loud" in answer
    assert b"text/plain; charset=utf-8" in answer
    assert answer.endswith(b"Say how: http://example.com")


@pytest.mark.parametrize(("target", "upgrade"), [
    ("/shout?loud", "h2c"), ("/elsewhere?loud", "websocket"), ("/api/process", "websocket"),
])  # fmt: skip
def test_other_requests_are_answered_as_ever(server: Started, target: str, upgrade: str) -> None:
    """Who asks for what nobody speaks, or elsewhere, gets an answer of HTTP."""
    with ask(server, target, upgrade) as client:
        status = int(read_to(client, b"\r\n\r\n").split()[1])

    assert status == (200 if target == "/api/process" else 404)


def test_a_stop_does_not_wait_for_what_was_handed_over(server: Started) -> None:
    """Whoever took it ends it."""
    with ask(server, "/shout?loud", more=b"x") as client:
        read_to(client, b"X")
        assert server.stop() == 0


def test_who_comes_in_at_the_end_is_refused(server: Started) -> None:
    """With 503, and the plugin is not asked."""
    waiting = server.connect()
    waiting.request("GET", "/api/wait")
    server.wait_for("waiting")
    with server.socket() as client:
        # It is served already, so that it need not be let in any more.
        client.sendall(b"GET /api/process HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(65536)
        server.process.terminate()
        server.wait_for("stopping")
        client.sendall(
            b"GET /shout?loud HTTP/1.1\r\nHost: x\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        answer = client.recv(65536)

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(b"Server is shutting down")


def test_two_who_take_over_the_same_are_an_error(start_server: StartServer, tmp_path: Path) -> None:
    """That names them, at the start."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "plugin.py").write_text(PLUGIN)
    server = start_server(environ={"SHOUTS": "2"}, wait=None)

    assert server.wait() == 78
    assert "two plugins take over connections at '/shout': application 'small'" in server.stderr
