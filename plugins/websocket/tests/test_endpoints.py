"""Sockets that a plugin owns, by the hook `actionhero_websocket_endpoints`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Started, StartServer

TEXT, BINARY, CLOSE = 1, 2, 8


def test_an_endpoint_hears_texts_and_bytes_as_what_they_are(server: Started) -> None:
    """And says them back."""
    client = server.connect("/echo/?a=b")

    client.put(TEXT, "grüße")
    client.put(BINARY, b"\x00\xff")

    assert client.frame() == (TEXT, "grüße".encode(), True, 0)
    assert client.frame() == (BINARY, b"\x00\xff", True, 0)


def test_an_endpoint_that_returns_closes_its_socket(server: Started) -> None:
    """In order: with 1000."""
    client = server.connect("/once")

    client.put(TEXT, "that is all")

    assert client.frame().code == 1000
    client.put(CLOSE, b"\x03\xe8")
    assert client.is_at_end()


def test_an_endpoint_that_fails_closes_its_socket(server: Started) -> None:
    """With 1011, and without our insides; the log knows more."""
    client = server.connect("/fail")

    client.put(TEXT, "fail")

    close = client.frame()
    assert (close.code, close.reason) == (1011, "Internal error")
    server.wait_for("what serves /fail failed: expected Traceback")


def test_who_sends_faster_than_is_heard_is_slowed_down(server: Started) -> None:
    """All of it is said back, in its order."""
    client = server.connect("/echo")
    sent = [bytes((number,)) * 60_000 for number in range(40)]

    for content in sent:
        client.put(BINARY, content, mask=bytes(4))
        # As much as the network holds may be on its way.
        assert client.frame().content == content


def test_two_endpoints_at_one_path_are_told_at_the_start(start_server: StartServer) -> None:
    """With both plugins; one of ours counts too."""
    server = start_server(environ={"SOCKETAPP_CLASH": "/ws/"}, wait=False)

    assert server.wait() == 78
    assert "the endpoint '/ws' of" in server.stderr
    assert "is taken by the messages of actionhero-websocket" in server.stderr
