"""Timeouts for stalled clients, which do not affect other clients."""

from __future__ import annotations

import os
import resource
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from plugins.web.tests.conftest import ServerProcess, StartServer

HEADERS = b"POST /api/length HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def read_to_end(client: socket.socket) -> bytes:
    """Return all data until the server closes the connection."""
    received = []
    try:
        while data := client.recv(1 << 20):
            received.append(data)
    except ConnectionResetError:
        received.append(b"(reset)")
    return b"".join(received)


def test_incomplete_headers_close_the_connection(start_server: StartServer) -> None:
    """A client that sends incomplete headers does not hold its connection."""
    server = start_server(settings="web.header_timeout = 0.3")
    with server.socket() as stalled, server.socket() as silent:
        stalled.sendall(b"GET /api/process HTTP/1.1\r\nHost: loc")

        assert read_to_end(stalled) == b""
        assert read_to_end(silent) == b""
    assert_still_serves(server)


def test_headers_byte_by_byte_close_the_connection(start_server: StartServer) -> None:
    """The timeout is for the complete headers, not for the next byte."""
    server = start_server(settings="web.header_timeout = 0.3")
    sent = 0
    with server.socket() as dripping:
        dripping.sendall(b"GET /api/process HTTP/1.1\r\nX-Slow: ")
        # Each read times out until the server closes the connection.
        dripping.settimeout(0.05)
        while True:
            try:
                data = dripping.recv(1)
            except TimeoutError:
                try:
                    dripping.sendall(b"a")
                except ConnectionError:
                    break
                sent += 1
                continue
            except ConnectionResetError:
                data = b""
            assert data == b""
            break

    assert sent < 100
    assert_still_serves(server)


def test_a_paused_body_gets_408(start_server: StartServer) -> None:
    """A client that pauses within a body gets 408, and the connection is closed."""
    server = start_server(settings="web.body_idle_timeout = 0.3")
    with server.socket() as stalled:
        stalled.sendall(HEADERS + b"Content-Length: 1000\r\n\r\n" + b'{"text": "')

        response = read_to_end(stalled)

    assert response.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nConnection: close\r\n" in response
    assert b"The body paused for more than 0.3 s" in response
    assert_still_serves(server)


def test_an_unread_response_closes_the_connection(start_server: StartServer) -> None:
    """A client that does not read a large response does not hold its buffers, nor the system's."""
    settings = 'web.write_timeout = 0.3\nweb.compress = false\nlogs.level = "debug"'
    server = start_server(settings=settings)
    with server.socket() as stalled:
        stalled.sendall(b"GET /api/large?size=50000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.wait_for("a client read nothing of its response for 0.3 s")

        response = read_to_end(stalled)

    assert response.endswith(b"(reset)")
    assert len(response) < 50_000_000
    assert_still_serves(server)


def test_a_response_that_is_read_slowly_arrives_complete(start_server: StartServer) -> None:
    """A client that reads all the time may take longer than the timeout."""
    server = start_server(settings="web.write_timeout = 1\nweb.compress = false")
    with server.socket() as slow:
        slow.sendall(b"GET /api/large?size=50000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = 0
        while received < 50_000_000:
            data = slow.recv(2_000_000, socket.MSG_WAITALL)
            assert data
            received += len(data)
            time.sleep(0.1)

    assert_still_serves(server)


def test_an_unread_file_costs_little_memory(start_server: StartServer) -> None:
    """At most 0.15 MiB for each client that reads nothing of it."""
    server = start_server(settings='web.static_folder = "assets"')
    (server.folder / "assets").mkdir()
    with (server.folder / "assets" / "large.bin").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    process = psutil.Process(server.process.pid)

    def stalled_client() -> socket.socket:
        client = stack.enter_context(server.socket())
        client.sendall(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        # The server writes until the buffers of both sockets are full.
        assert client.recv(1, socket.MSG_PEEK)
        return client

    with ExitStack() as stack:
        for _ in range(20):
            stalled_client()
        assert server.get("/api/process")[0] == 200
        before_bytes = process.memory_info().rss
        for _ in range(200):
            stalled_client()
        assert server.get("/api/process")[0] == 200
        after_bytes = process.memory_info().rss

    assert (after_bytes - before_bytes) / 200 <= 0.15 * 1024 * 1024
    assert_still_serves(server)


def test_an_idle_connection_stays_open(start_server: StartServer) -> None:
    """A keep-alive connection may be idle for longer than these timeouts."""
    server = start_server(
        settings="web.header_timeout = 0.3\nweb.body_idle_timeout = 0.3\nweb.write_timeout = 0.3"
    )
    idle = server.connect()
    idle.request("GET", "/api/process")
    first = server.read_response(idle)
    connection = idle.sock

    # Three stalled clients in sequence take three times as long as the timeouts.
    for _ in range(3):
        with server.socket() as stalled:
            stalled.sendall(b"GET /api/process HTTP/1.1\r\n")
            assert read_to_end(stalled) == b""
    idle.request("GET", "/api/process")
    second = server.read_response(idle)

    assert first == second
    assert idle.sock is connection


def test_an_idle_connection_is_closed_after_the_keep_alive_timeout(
    start_server: StartServer,
) -> None:
    """The setting `web.keepalive_timeout` limits the idle time of a connection."""
    server = start_server(settings="web.keepalive_timeout = 0.3")
    with server.socket() as client:
        client.sendall(b"GET /api/process HTTP/1.1\r\nHost: localhost\r\n\r\n")

        response = read_to_end(client)

    assert response.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" not in response


def test_exhausted_file_descriptors_are_logged_once(start_server: StartServer) -> None:
    """The event loop does not report that it cannot accept connections."""
    server = start_server()
    limit = len(os.listdir(f"/proc/{server.process.pid}/fd")) + 30
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, limit))

    with ExitStack() as clients:
        for _ in range(26):
            clients.enter_context(server.socket())
        server.wait_for(f"nearly all of the {limit} file descriptors are in use")

    assert server.get("/api/process") == (200, server.process.pid)
    assert server.stop() == 0
    assert server.stderr.count("file descriptors") == 1


def test_a_half_closed_client_gets_its_response(start_server: StartServer) -> None:
    """Also after a long call; the call of a client that has left is cancelled."""
    server = start_server()
    head = b"GET /api/wait HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with server.socket() as waiting, server.socket() as leaving:
        waiting.sendall(head)
        waiting.shutdown(socket.SHUT_WR)
        leaving.sendall(head)
        leaving.shutdown(socket.SHUT_WR)
        server.wait_for("waiting", times=2)
        leaving.close()
        server.wait_for("after wait")
        assert server.get("/api/release")[0] == 200

        response = read_to_end(waiting)

    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.endswith(b'"waited"')


def test_a_half_closed_client_with_a_body_gets_its_response_once(
    start_server: StartServer,
) -> None:
    """The end of the data arrives with the body, after which the server resumes reading."""
    server = start_server()
    head = b"POST /api/wait HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with server.socket() as client:
        client.sendall(head + b"Content-Length: 2\r\n\r\n{}")
        client.shutdown(socket.SHUT_WR)
        server.wait_for("waiting")
        # The first bytes of the response are sent ahead.
        assert client.recv(1) + client.recv(1) == b"HT"
        assert server.get("/api/release")[0] == 200

        response = read_to_end(client)

    assert response.startswith(b"TP/1.1 200 OK\r\n")
    assert response.endswith(b'"waited"')


def assert_still_serves(server: ServerProcess) -> None:
    """Assert that another client gets a response, and that the server stops cleanly."""
    assert server.get("/api/process") == (200, server.process.pid)
    assert server.stop() == 0
