"""The end of sockets: shutdown, dead and slow clients, and disconnects."""

from __future__ import annotations

import os
import re
import resource
import select
import signal
import socket
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Client, ServerProcess, StartServer

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def reply_to_close(client: Client) -> None:
    """Reply to the close frame of the server."""
    client.send_frame(CLOSE, b"\x03\xe9")
    assert client.is_closed()


# -- shutdown --------------------------------------------------------------------------------------


def test_shutdown_closes_all_sockets(start_server: StartServer) -> None:
    """With 1001; then the process exits with 0."""
    server = start_server()
    clients = [server.connect(path) for path in ("/api", "/ws", "/echo")]

    server.process.send_signal(signal.SIGTERM)
    closes = [client.read_close() for client in clients]
    for client in clients:
        reply_to_close(client)

    assert {(close.code, close.reason) for close in closes} == {(1001, "Server shutting down")}
    assert server.wait() == 0


def test_unresponsive_clients_do_not_block_the_shutdown(start_server: StartServer) -> None:
    """Their connection is closed after a timeout."""
    server = start_server()
    client = server.connect()

    assert server.stop() == 0
    assert client.read_close().code == 1001
    assert client.is_closed()


def test_running_calls_are_finished_before_the_shutdown(start_server: StartServer) -> None:
    """New calls and new sockets are refused; the close frame follows the last response."""
    server = start_server()
    client, other, late = server.connect(), server.connect(), server.client()
    client.send_json(messageType="action", action="wait", messageId="open")
    server.wait_for("waiting for release")
    server.process.send_signal(signal.SIGTERM)
    server.wait_for("stopping")

    # A connection that was open before, without a request.
    late.handshake()
    refused = other.call("over:socket")

    assert (late.status, late.body) == (503, b"Server is shutting down")
    assert refused["messageId"] == "over:socket"
    assert refused["error"]["type"] == "CONNECTION_SERVICE_UNAVAILABLE"
    assert refused["error"]["message"] == "The server is shutting down"

    client.send_frame(TEXT, b'{"messageType": "action", "action": "release"}')
    # `release` is refused too, so the call runs until the end of the grace period.
    assert client.read_json()["error"]["type"] == "CONNECTION_SERVICE_UNAVAILABLE"


def test_calls_are_cancelled_after_the_grace_period(start_server: StartServer) -> None:
    """`after` of middleware runs, and the error response precedes the close frame."""
    server = start_server("[process]\nshutdown_timeout = 0.2\n")
    client = server.connect()
    client.send_json(messageType="action", action="wait", messageId="first")
    client.send_json(messageType="action", action="wait", messageId="second")
    server.wait_for("waiting for release", times=2)

    server.process.send_signal(signal.SIGTERM)
    responses = [client.read_json(), client.read_json()]

    assert {response["messageId"] for response in responses} == {"first", "second"}
    assert {response["error"]["type"] for response in responses} == {
        "CONNECTION_SERVICE_UNAVAILABLE"
    }
    assert client.read_frame().code == 1001
    reply_to_close(client)
    assert server.wait() == 0
    assert len(re.findall("after wait: cancelled", server.stderr)) == 2


def test_shutdown_closes_a_thousand_sockets(start_server: StartServer) -> None:
    """Within the grace period."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    try:
        server = start_server()
        clients = [server.connect() for _ in range(1000)]

        server.process.send_signal(signal.SIGTERM)

        assert {client.read_close().code for client in clients} == {1001}
        server.close_clients()
        assert server.wait() == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- dead clients --------------------------------------------------------------------------------


def test_clients_that_reply_to_pings_stay_connected(start_server: StartServer) -> None:
    """Through four pings, where a client that leaves two unanswered is closed.

    A second is the time that a machine may keep this client from its reply.
    """
    server = start_server("[websocket]\nping_interval = 1\n")
    client = server.connect()

    for _ in range(4):
        ping = client.read_frame()
        assert (ping.opcode, ping.content) == (PING, b"")
        client.send_frame(PONG)

    assert "response" in client.request(messageType="action", action="over:socket")


def test_clients_are_closed_after_two_unanswered_pings(start_server: StartServer) -> None:
    """With 1011, without waiting for their close frame."""
    server = start_server("[websocket]\nping_interval = 0.05\n")
    client = server.connect()

    frames = [client.read_frame() for _ in range(3)]

    assert [item.opcode for item in frames] == [PING, PING, CLOSE]
    assert (frames[2].code, frames[2].reason) == (1011, "Ping timeout")
    assert client.is_closed()


def test_pings_can_be_disabled(start_server: StartServer) -> None:
    """For use behind a proxy that detects dead connections."""
    server = start_server("[websocket]\nping_interval = 0\n")

    assert "response" in server.connect().call("over:socket")


def test_incomplete_frames_time_out(start_server: StartServer) -> None:
    """Each frame has its own time limit."""
    server = start_server("[websocket]\nframe_timeout = 0.3\n")
    stalled, other = server.connect(), server.connect()
    stalled.send_bytes(b"\x81\xfe\x01")

    closed = False
    while not closed:
        # Complete frames do not time out.
        assert "response" in other.call("over:socket")
        closed = bool(select.select([stalled.socket], [], [], 0.05)[0])

    close = stalled.read_close()
    assert (close.code, close.reason) == (1008, "Frame timeout")
    assert stalled.is_closed()


# -- slow clients ---------------------------------------------------------------------------------


def test_the_send_buffer_of_slow_clients_is_limited(start_server: StartServer) -> None:
    """They are closed with 1013; other clients are not affected."""
    server = start_server("[websocket]\nmessages_per_second = 0\nsend_buffer_bytes = 100000\n")
    slow, other = server.connect(), server.connect()
    before = psutil.Process(server.process.pid).memory_info().rss

    for _ in range(300):
        slow.send_json(messageType="action", action="flood", params={"count": 100_000})
        assert "response" in other.call("over:socket")
    used = psutil.Process(server.process.pid).memory_info().rss - before

    assert used < 20 * 1024 * 1024
    assert slow.read_close().code == 1013


def test_slow_subscribers_are_closed_and_others_receive_all_broadcasts(
    start_server: StartServer,
) -> None:
    """With 1013; broadcasts are not buffered without limit, and no state is left."""
    settings = "messages_per_second = 0\nsend_buffer_bytes = 100000\nclose_timeout = 60\n"
    server = start_server(f"[websocket]\n{settings}")
    slow, other, sender = (server.connect() for _ in range(3))
    for client in (slow, other):
        assert "subscribed" in client.request(messageType="subscribe", channel="news")
    sender.call("broadcast", channel="news", message="x" * 60_000)
    other.read_json()
    before = psutil.Process(server.process.pid).memory_info().rss

    for number in range(300):
        sender.call("broadcast", channel="news", message=[number, "x" * 60_000])
        assert other.read_json()["message"]["message"][0] == number
    used = psutil.Process(server.process.pid).memory_info().rss - before

    assert used < 20 * 1024 * 1024
    assert slow.read_close().code == 1013
    slow.close()
    while sender.call("subscribers")["response"]["subscribers"] != {"news": 1}:
        select.select([], [], [], 0.01)


def test_long_responses_may_exceed_the_send_buffer(start_server: StartServer) -> None:
    """If the buffer is empty."""
    server = start_server("[websocket]\nsend_buffer_bytes = 1000\n")

    assert len(server.connect().call("flood", count=3_000_000)["response"]["text"]) == 3_000_000


def test_streams_wait_for_slow_clients(server: ServerProcess) -> None:
    """Their action is suspended, and cancelled when the client disconnects."""
    cancelled = len(re.findall("after endless: cancelled", server.stderr))
    client = server.connect()
    client.send_json(messageType="action", action="endless")
    items = int(re.findall(r"item (\d+)", server.wait_for(r"item \d+")[-1][0])[0])
    server.connect().call("over:socket")

    produced = [-1, 0]
    while produced[-1] != produced[-2]:
        # It is suspended if it has yielded nothing for a while.
        select.select([], [], [], 0.2)
        produced.append(max(map(int, re.findall(r"item (\d+)", server.stderr)), default=items))

    assert produced[-1] * 100_000 < 16 * 1024 * 1024
    client.close()
    server.wait_for("after endless: cancelled", times=cancelled + 1)


# -- disconnects ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "end", "reset"])
def test_disconnects_leave_no_state(server: ServerProcess, how: str) -> None:
    """No connection and no open file."""
    process = psutil.Process(server.process.pid)
    server.connect().call("over:socket")
    server.close_clients()
    while process.net_connections() and len(process.net_connections()) > 1:
        select.select([], [], [], 0.01)
    before = process.num_fds()

    clients = [server.connect() for _ in range(50)]
    for client in clients:
        client.call("over:socket")
        if how == "close":
            client.send_frame(CLOSE, b"\x03\xe8")
            assert client.read_close().code == 1000
        elif how == "reset":
            linger = (1).to_bytes(4, "little") + bytes(4)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.close()

    while process.num_fds() > before:
        select.select([], [], [], 0.01)
    assert process.num_fds() == before
    assert os.path.exists(f"/proc/{process.pid}")
