"""Endpoints of plugins, by the hook `actionhero_websocket_endpoints`."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING

import pytest
from plugins.websocket.tests.conftest import frame
from plugins.websocket.tests.socketapp.errors import ERRORS

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Frame, ServerProcess, StartServer

TEXT, BINARY, CLOSE = 1, 2, 8


def test_endpoints_receive_text_and_binary_messages(server: ServerProcess) -> None:
    """And send both."""
    client = server.connect("/echo/?a=b")

    client.send_frame(TEXT, "grüße")
    client.send_frame(BINARY, b"\x00\xff")

    assert client.read_frame() == (TEXT, "grüße".encode(), True, 0)
    assert client.read_frame() == (BINARY, b"\x00\xff", True, 0)


def test_a_handler_that_returns_closes_its_socket(server: ServerProcess) -> None:
    """With 1000."""
    client = server.connect("/once")

    client.send_frame(TEXT, "last message")

    assert client.read_frame().code == 1000
    client.send_frame(CLOSE, b"\x03\xe8")
    assert client.is_closed()


@pytest.mark.parametrize("name", ERRORS)
def test_a_handler_that_fails_closes_its_socket(server: ServerProcess, name: str) -> None:
    """With 1011 and without internals; the exception is logged."""
    client = server.connect("/fail")

    client.send_frame(TEXT, name)

    close = client.read_frame()
    assert (close.code, close.reason) == (1011, "Internal error")
    server.wait_for("endpoint '/fail' failed: expected Traceback")


def test_fast_senders_are_slowed_down(server: ServerProcess) -> None:
    """Nothing is lost or reordered."""
    client = server.connect("/echo")
    contents = [bytes((number,)) * 60_000 for number in range(40)]

    for content in contents:
        client.send_frame(BINARY, content, mask=bytes(4))
        assert client.read_frame().content == content


@pytest.mark.parametrize(("last", "code"), [
    (frame(CLOSE, b"\x0b\xb8"), 3000),
    (frame(CLOSE, b"\x00\x00"), 1002),
    (frame(TEXT, "x", reserved=1), 1002),
    (frame(TEXT, b"\xff"), 1007),
    (frame(TEXT, b"x", fin=False) * 2, 1002),
    (frame(BINARY, b"x" * 65537), 1009),
])  # fmt: skip
@pytest.mark.parametrize("path", ["/echo", "/slow-echo"])
def test_messages_before_the_end_are_answered(
    server: ServerProcess, path: str, last: bytes, code: int
) -> None:
    """Although a close frame or an invalid one is in the same packet."""
    client = server.connect(path)

    client.send_bytes(frame(TEXT, "one"), frame(TEXT, "two"), last)
    frames = [client.read_frame() for _ in range(3)]

    assert [item.content for item in frames[:2]] == [b"one", b"two"]
    assert (frames[2].opcode, frames[2].code) == (CLOSE, code)
    assert client.is_closed()


def test_a_handler_that_receives_nothing_does_not_delay_the_reply(server: ServerProcess) -> None:
    """Only an unanswered message does, until a timeout."""
    client = server.connect("/silent")

    client.send_frame(CLOSE, b"\x03\xe8")

    assert client.read_frame().code == 1000
    assert client.is_closed()


def test_handlers_receive_messages_at_the_rate(start_server: StartServer) -> None:
    """Others wait, and none is lost; an endpoint may have its own rate."""
    server = start_server("[websocket]\nmessages_per_second = 20\n")
    client, other = server.connect("/echo"), server.connect("/fast-echo")
    messages = [str(number) for number in range(25)]

    start = time.monotonic()
    for each in (client, other):
        each.send_bytes(*(frame(TEXT, message) for message in messages))
    fast = [other.read_frame().content.decode() for _ in messages]
    received = [client.read_frame().content.decode() for _ in messages]

    assert fast == received == messages
    # The last ones are received in the next second; the time of the event loop lags a little.
    assert time.monotonic() - start >= 0.9


def test_clients_that_continue_over_the_rate_are_closed(start_server: StartServer) -> None:
    """With 1008, once the messages before are answered."""
    server = start_server("[websocket]\nmessages_per_second = 10\nrate_timeout = 0.1\n")
    client = server.connect("/echo")

    received: list[Frame] = []
    while not received or received[-1].opcode != CLOSE:
        client.send_frame(TEXT, str(len(received)))
        while select.select([client.socket], [], [], 0.01)[0]:
            received.append(client.read_frame())
            if received[-1].opcode == CLOSE:
                break
    close = received.pop()

    assert len(received) > 10
    assert (close.code, close.reason) == (1008, "WebSocket rate limit exceeded")


def test_conflicting_endpoints_are_refused_at_startup(start_server: StartServer) -> None:
    """With both owners; the paths of messages count too."""
    server = start_server(environ={"SOCKETAPP_CONFLICT": "/ws/"}, wait=False)

    assert server.wait() == 78
    assert "the endpoint '/ws' of" in server.stderr
    assert "has the path of the messages of actionhero-websocket" in server.stderr
