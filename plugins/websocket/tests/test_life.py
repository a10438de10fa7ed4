"""How sockets end: with the server, with a client that is gone, or too slow."""

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
    from plugins.websocket.tests.conftest import Client, Started, StartServer

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def leave(client: Client) -> None:
    """Answer a close frame, as a client does."""
    client.put(CLOSE, b"\x03\xe9")
    assert client.is_at_end()


# -- the server goes down --------------------------------------------------------------------------


def test_everybody_is_told_that_the_server_goes(start_server: StartServer) -> None:
    """Each with 1001, on a signal; then the process ends in order."""
    server = start_server()
    clients = [server.connect(path) for path in ("/api", "/ws", "/echo")]

    server.process.send_signal(signal.SIGTERM)
    closes = [client.next_close() for client in clients]
    for client in clients:
        leave(client)

    assert {(close.code, close.reason) for close in closes} == {(1001, "Server shutting down")}
    assert server.wait() == 0


def test_a_client_that_does_not_answer_keeps_nobody(start_server: StartServer) -> None:
    """It has its time, and is left."""
    server = start_server()
    client = server.connect()

    assert server.stop() == 0
    assert client.next_close().code == 1001
    assert client.is_at_end()


def test_open_calls_are_answered_before_the_end(start_server: StartServer) -> None:
    """New ones are refused, and so are new sockets; 1001 comes after the last answer."""
    server = start_server()
    client, other, late = server.connect(), server.connect(), server.client()
    client.say(messageType="action", action="wait", messageId="open")
    server.wait_for("waiting")
    server.process.send_signal(signal.SIGTERM)
    server.wait_for("stopping")

    # A connection that was there before, and has asked for nothing so far.
    late.shake()
    refused = other.call("over:socket")

    assert (late.status, late.body) == (503, b"Server is shutting down")
    assert refused["messageId"] == "over:socket"
    assert refused["error"]["type"] == "CONNECTION_SERVICE_UNAVAILABLE"
    assert refused["error"]["message"] == "The server is shutting down"

    client.put(TEXT, b'{"messageType": "action", "action": "release"}')
    # It is no more let in than any other, so the grace time ends the call.
    assert client.next()["error"]["type"] == "CONNECTION_SERVICE_UNAVAILABLE"


def test_a_call_past_the_grace_time_is_cancelled_and_told_why(start_server: StartServer) -> None:
    """What it began is undone, and then comes 1001."""
    server = start_server("[process]\nshutdown_timeout = 0.2\n")
    client = server.connect()
    client.say(messageType="action", action="wait", messageId="open")
    client.say(messageType="action", action="wait", messageId="too")
    server.wait_for("waiting", times=2)

    server.process.send_signal(signal.SIGTERM)
    answers = [client.next(), client.next()]

    assert {answer["messageId"] for answer in answers} == {"open", "too"}
    assert {answer["error"]["type"] for answer in answers} == {"CONNECTION_SERVICE_UNAVAILABLE"}
    assert client.frame().code == 1001
    leave(client)
    assert server.wait() == 0
    assert len(re.findall("after wait: cancelled", server.stderr)) == 2


def test_a_thousand_sockets_are_all_told(start_server: StartServer) -> None:
    """Nobody is forgotten, within the grace time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    try:
        server = start_server()
        clients = [server.connect() for _ in range(1000)]

        server.process.send_signal(signal.SIGTERM)

        assert {client.next_close().code for client in clients} == {1001}
        server.close_clients()
        assert server.wait() == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- a client that is gone -------------------------------------------------------------------------


def test_a_client_that_answers_pings_stays(start_server: StartServer) -> None:
    """It is asked again and again."""
    server = start_server("[websocket]\nping_interval = 0.05\n")
    client = server.connect()

    for _ in range(8):
        ping = client.frame()
        assert (ping.opcode, ping.content) == (PING, b"")
        client.put(PONG)

    assert "response" in [client.ask(messageType="action", action="over:socket")][0]


def test_a_client_that_leaves_two_pings_unanswered_is_closed(start_server: StartServer) -> None:
    """Its connection is a dead one, whoever pretends that it lives."""
    server = start_server("[websocket]\nping_interval = 0.05\n")
    client = server.connect()

    frames = [client.frame() for _ in range(3)]

    assert [item.opcode for item in frames] == [PING, PING, CLOSE]
    assert frames[2].code == 1011
    assert client.is_at_end()


def test_pings_may_be_switched_off(start_server: StartServer) -> None:
    """Where something in front of us does that."""
    server = start_server("[websocket]\nping_interval = 0\n")

    assert "response" in server.connect().call("over:socket")


def test_a_frame_that_does_not_end_ends_the_connection(start_server: StartServer) -> None:
    """However slowly its bytes drip in; frames that end have their own time."""
    server = start_server("[websocket]\nframe_timeout = 0.3\n")
    stalled, other = server.connect(), server.connect()
    stalled.send(b"\x81\xfe\x01")

    closed = False
    while not closed:
        # The other one is never in the middle of a frame for long.
        assert "response" in other.call("over:socket")
        closed = bool(select.select([stalled.socket], [], [], 0.05)[0])

    close = stalled.next_close()
    assert (close.code, close.reason) == (1008, "A frame took too long")
    assert stalled.is_at_end()


# -- a client that is slow -------------------------------------------------------------------------


def test_a_slow_client_is_closed_before_it_costs_much(start_server: StartServer) -> None:
    """What waits for it is bounded; then it is closed with 1013, and others notice nothing."""
    server = start_server("[websocket]\nmessages_per_second = 0\nsend_buffer_bytes = 100000\n")
    slow, other = server.connect(), server.connect()
    before = psutil.Process(server.process.pid).memory_info().rss

    for _ in range(300):
        slow.say(messageType="action", action="flood", params={"count": 100_000})
        assert "response" in other.call("over:socket")
    used = psutil.Process(server.process.pid).memory_info().rss - before

    assert used < 20 * 1024 * 1024
    assert slow.next_close().code == 1013


def test_a_subscriber_that_does_not_read_is_closed_and_others_hear_all(
    start_server: StartServer,
) -> None:
    """With 1013; what is broadcast does not pile up, and nothing is left of it."""
    settings = "messages_per_second = 0\nsend_buffer_bytes = 100000\nclose_timeout = 60\n"
    server = start_server(f"[websocket]\n{settings}")
    slow, other, teller = (server.connect() for _ in range(3))
    for client in (slow, other):
        assert "subscribed" in client.ask(messageType="subscribe", channel="news")
    teller.call("tell", channel="news", message="x" * 60_000)
    other.next()
    before = psutil.Process(server.process.pid).memory_info().rss

    for number in range(300):
        teller.call("tell", channel="news", message=[number, "x" * 60_000])
        assert other.next()["message"]["message"][0] == number
    used = psutil.Process(server.process.pid).memory_info().rss - before

    assert used < 20 * 1024 * 1024
    assert slow.next_close().code == 1013
    slow.close()
    while teller.call("joined")["response"]["joined"] != {"news": 1}:
        select.select([], [], [], 0.01)


def test_a_long_answer_is_not_too_much_for_a_client_that_reads(start_server: StartServer) -> None:
    """The limit is for what piles up."""
    server = start_server("[websocket]\nsend_buffer_bytes = 1000\n")

    assert len(server.connect().call("flood", count=3_000_000)["response"]["text"]) == 3_000_000


def test_a_stream_waits_for_a_slow_client(server: Started) -> None:
    """Its action stands still, and is cancelled when the client goes."""
    cancelled = len(re.findall("after endless: cancelled", server.stderr))
    client = server.connect()
    client.say(messageType="action", action="endless")
    items = int(re.findall(r"item (\d+)", server.wait_for(r"item \d+")[-1][0])[0])
    server.connect().call("over:socket")

    produced = [-1, 0]
    while produced[-1] != produced[-2]:
        # It stands still when it has produced nothing during a whole other call, after a while.
        select.select([], [], [], 0.2)
        produced.append(max(map(int, re.findall(r"item (\d+)", server.stderr)), default=items))

    assert produced[-1] * 100_000 < 16 * 1024 * 1024
    client.close()
    server.wait_for("after endless: cancelled", times=cancelled + 1)


# -- the client goes -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "end", "reset"])
def test_however_a_client_goes_nothing_is_left(server: Started, how: str) -> None:
    """No connection, no task, no file."""
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
            client.put(CLOSE, b"\x03\xe8")
            assert client.next_close().code == 1000
        elif how == "reset":
            linger = (1).to_bytes(4, "little") + bytes(4)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.close()

    while process.num_fds() > before:
        select.select([], [], [], 0.01)
    assert process.num_fds() == before
    assert os.path.exists(f"/proc/{process.pid}")
