"""Responses of many connections in one iteration of the event loop, which are written together."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.conftest import ServerProcess, StartServer

REQUEST = b"GET /api/wait HTTP/1.1\r\nHost: localhost\r\n"
CLIENTS = 5


@pytest.fixture
def server(start_server: StartServer) -> ServerProcess:
    """A server with an action that waits for another one."""
    return start_server()


def open_clients(server: ServerProcess, request: bytes) -> list[socket.socket]:
    """Send a request over several connections, and return them when all calls wait."""
    clients = [server.socket() for _ in range(CLIENTS)]
    for client in clients:
        client.sendall(request)
    server.wait_for("waiting", times=CLIENTS)
    return clients


def read_to_end(client: socket.socket) -> bytes:
    """Return all that the server sends until it closes the connection."""
    with client:
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("is_half_closed", [False, True], ids=["close", "half-closed"])
def test_connections_are_closed_after_their_responses(
    server: ServerProcess, is_half_closed: bool
) -> None:
    """On request of the client, or because it has closed its side."""
    header = b"" if is_half_closed else b"Connection: close\r\n"
    clients = open_clients(server, REQUEST + header + b"\r\n")
    for client in clients if is_half_closed else ():
        client.shutdown(socket.SHUT_WR)

    server.get("/api/release")
    responses = [read_to_end(client) for client in clients]

    assert [response.partition(b"\r\n\r\n")[2] for response in responses] == [b'"waited"'] * CLIENTS


def test_open_connections_get_further_responses(server: ServerProcess) -> None:
    """The responses to requests that follow, before or after the first response, are in order."""
    last = b"GET /api/process HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    pipelining = open_clients(server, REQUEST + b"\r\n" + last)
    waiting = [server.socket() for _ in range(CLIENTS)]
    for client in waiting:
        client.sendall(REQUEST + b"\r\n")
    server.wait_for("waiting", times=2 * CLIENTS)

    server.get("/api/release")
    first = [client.recv(65536) for client in waiting]
    for client in waiting:
        client.sendall(last)

    for response in [
        *map(read_to_end, pipelining),
        *(one + read_to_end(client) for one, client in zip(first, waiting, strict=True)),
    ]:
        assert response.count(b"HTTP/1.1 200 OK") == 2
        assert b'\r\n\r\n"waited"HTTP/1.1 200 OK' in response
        assert response.endswith(b"%d" % server.process.pid)


def test_a_shutdown_sends_all_responses(server: ServerProcess) -> None:
    """Those of calls that end together, and of a connection without a request before."""
    clients = open_clients(server, REQUEST + b"\r\n")
    idle = server.connect()

    idle.request("GET", "/api/release")
    server.process.terminate()
    responses = [read_to_end(client) for client in clients]

    assert all(response.endswith(b'"waited"') for response in responses)
    assert server.read_response(idle) == (200, "released")
    assert server.wait() == 0
