"""Endpoints of plugins, by the hook `actionhero_websocket_endpoints`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import ServerProcess, StartServer

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


def test_a_handler_that_fails_closes_its_socket(server: ServerProcess) -> None:
    """With 1011 and without internals; the exception is logged."""
    client = server.connect("/fail")

    client.send_frame(TEXT, "fail")

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


def test_conflicting_endpoints_are_refused_at_startup(start_server: StartServer) -> None:
    """With both owners; the paths of messages count too."""
    server = start_server(environ={"SOCKETAPP_CONFLICT": "/ws/"}, wait=False)

    assert server.wait() == 78
    assert "the endpoint '/ws' of" in server.stderr
    assert "has the path of the messages of actionhero-websocket" in server.stderr
