"""Clients that stall, and those beside them that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

    from plugins.web.tests.conftest import Started, StartServer

HEAD = b"POST /api/length HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def read_to_end(client: socket.socket) -> bytes:
    """Return all that comes until the server closes the connection; that is what is waited for."""
    received = []
    try:
        while data := client.recv(1 << 20):
            received.append(data)
    except ConnectionResetError:
        received.append(b"(reset)")
    return b"".join(received)


def test_a_head_that_does_not_come_ends_the_connection(start_server: StartServer) -> None:
    """A client sends half a head and nothing more, and holds no connection for ever."""
    server = start_server(settings="web.header_timeout = 0.3")
    with server.socket() as stalled, server.socket() as silent:
        stalled.sendall(b"GET /api/process HTTP/1.1\r\nHost: loc")

        assert read_to_end(stalled) == b""
        assert read_to_end(silent) == b""
    assert_still_serves(server)


def test_a_head_that_comes_byte_by_byte_ends_the_connection(start_server: StartServer) -> None:
    """It is the whole head that has to come in time, not its next byte."""
    server = start_server(settings="web.header_timeout = 0.3")
    sent = 0
    with server.socket() as dripping:
        dripping.sendall(b"GET /api/process HTTP/1.1\r\nX-Slow: ")
        # Each wait ends with nothing to read, until the server closes.
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


def test_a_body_that_pauses_is_answered_with_408(start_server: StartServer) -> None:
    """A client stops in the middle of its body: it is told, and the connection ends."""
    server = start_server(settings="web.body_idle_timeout = 0.3")
    with server.socket() as stalled:
        stalled.sendall(HEAD + b"Content-Length: 1000\r\n\r\n" + b'{"text": "')

        answer = read_to_end(stalled)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert b"The body paused for more than 0.3 s" in answer
    assert_still_serves(server)


def test_an_answer_that_is_not_taken_ends_the_connection(start_server: StartServer) -> None:
    """A client asks for much, and takes nothing: its buffers are not held for ever."""
    settings = 'web.write_timeout = 0.3\nweb.compress = false\nlogs.level = "debug"'
    server = start_server(settings=settings)
    with server.socket() as stalled:
        stalled.sendall(b"GET /api/large?size=50000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.wait_for("a client took nothing of its answer for 0.3 s")

        answer = read_to_end(stalled)

    assert len(answer) < 50_000_000
    assert_still_serves(server)


def test_a_client_that_only_rests_is_kept(start_server: StartServer) -> None:
    """My keep-alive connection is idle for longer than any of these limits, and still works."""
    server = start_server(
        settings="web.header_timeout = 0.3\nweb.body_idle_timeout = 0.3\nweb.write_timeout = 0.3"
    )
    resting = server.connect()
    resting.request("GET", "/api/process")
    first = server.answer(resting)
    connection = resting.sock

    # Three stalled clients, one after the other, take three times as long as the limits.
    for _ in range(3):
        with server.socket() as stalled:
            stalled.sendall(b"GET /api/process HTTP/1.1\r\n")
            assert read_to_end(stalled) == b""
    resting.request("GET", "/api/process")
    second = server.answer(resting)

    assert first == second
    assert resting.sock is connection


def test_a_connection_that_rests_for_too_long_is_closed(start_server: StartServer) -> None:
    """An idle connection is closed after the time that the setting says."""
    server = start_server(settings="web.keepalive_timeout = 0.3")
    with server.socket() as client:
        client.sendall(b"GET /api/process HTTP/1.1\r\nHost: localhost\r\n\r\n")

        answer = read_to_end(client)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" not in answer


def assert_still_serves(server: Started) -> None:
    """See that a well-behaved client is answered, and that the server stops as it should."""
    assert server.get("/api/process") == (200, server.process.pid)
    assert server.stop() == 0
