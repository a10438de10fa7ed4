"""The limits of one client: rate, concurrent calls and origins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Client, ServerProcess, StartServer

TEXT, PING, PONG, CLOSE = 1, 9, 10, 8


def calls(client: Client, action: str, count: int, first: int = 0) -> None:
    """Call an action `count` times, with numbers as message ids."""
    for number in range(first, first + count):
        client.send_json(messageType="action", action=action, messageId=number)


# -- messages per second ---------------------------------------------------------------------------


def test_messages_over_the_rate_are_dropped(original_server: ServerProcess) -> None:
    """Twenty per second are handled; the others get an error, and the socket stays open."""
    client = original_server.connect()

    calls(client, "over:socket", 23)
    messages = [client.read_json() for _ in range(23)]

    ids = [message["messageId"] for message in messages if "response" in message]
    errors = [message["error"] for message in messages if "error" in message]
    assert ids == list(range(20))
    assert [list(error) for error in errors] == [["message", "type", "timestamp", "request_id"]] * 3
    assert {error["message"] for error in errors} == {"WebSocket rate limit exceeded"}
    assert {error["type"] for error in errors} == {"CONNECTION_RATE_LIMITED"}
    assert all(list(message) == ["error"] for message in messages if "error" in message)
    client.send_frame(PING, "ping")
    assert client.read_frame().opcode == PONG


def test_sockets_that_continue_over_the_rate_are_closed(original_server: ServerProcess) -> None:
    """With 1008, after ten consecutive messages."""
    client = original_server.connect()

    calls(client, "over:socket", 30)

    refused = 0
    while (frame := client.read_frame()).opcode == TEXT:
        refused += b"rate limit exceeded" in frame.content
    assert refused == 10
    assert (frame.code, frame.reason) == (1008, "WebSocket rate limit exceeded")


def test_pings_do_not_count_as_messages(original_server: ServerProcess) -> None:
    """The response to each is a pong."""
    client = original_server.connect()

    for _ in range(100):
        client.send_frame(PING)

    assert {client.read_frame().opcode for _ in range(100)} == {PONG}


def test_the_rate_limit_can_be_disabled(server: ServerProcess) -> None:
    """By `messages_per_second = 0`."""
    client = server.connect()

    calls(client, "over:socket", 200)

    assert all("response" in client.read_json() for _ in range(200))


# -- concurrent calls -----------------------------------------------------------------------------


def test_concurrent_and_waiting_calls_are_limited(
    start_server: StartServer,
) -> None:
    """32 run, 32 wait in order, and the next is refused."""
    server = start_server("[websocket]\nmessages_per_second = 0\nwaiting_calls = 32\n")
    client = server.connect()

    calls(client, "wait", 65)
    refused = client.read_json()
    server.wait_for("waiting for release", times=32)

    assert refused["messageId"] == 64
    assert refused["error"]["type"] == "CONNECTION_RATE_LIMITED"
    assert refused["error"]["message"] == "Too many calls are waiting (max 32)"
    assert len(re.findall("waiting for release", server.stderr)) == 32

    other = server.connect()
    other.call("release")
    first = {client.read_json()["messageId"] for _ in range(32)}
    server.wait_for("waiting for release", times=64)
    other.call("release")

    assert first == set(range(32))
    assert {client.read_json()["messageId"] for _ in range(32)} == set(range(32, 64))


def test_control_frames_are_handled_while_calls_wait(server: ServerProcess) -> None:
    """And a stream starts: streams have a separate limit."""
    client = server.connect()
    calls(client, "wait", 64)

    client.send_frame(PING, "ping")
    pong = client.read_frame()
    client.send_json(messageType="action", action="stream", params={"count": 1})

    assert (pong.opcode, pong.content) == (PONG, b"ping")
    assert client.read_json()["streaming"] is True
    assert client.read_json() == {"streaming": False}


def test_waiting_calls_are_discarded_on_disconnect(start_server: StartServer) -> None:
    """They are never started."""
    server = start_server("[websocket]\nmessages_per_second = 0\n")
    client = server.connect()
    calls(client, "wait", 40)
    server.wait_for("waiting for release", times=32)

    client.close()
    server.wait_for("after wait: cancelled", times=32)
    server.connect().call("over:socket")

    assert len(re.findall("waiting for release", server.stderr)) == 32
    assert len(re.findall("after wait: cancelled", server.stderr)) == 32


# -- origins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api", "/", "/ws", "/echo"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", "http://127.0.0.1:1", "", "http://127.0.0.1"]
)
def test_other_origins_are_refused(server: ServerProcess, path: str, origin: str) -> None:
    """With 403: a browser would send the cookie of the user."""
    client = server.client().handshake(path, {"Origin": origin})

    assert client.status == 403
    assert client.headers["content-type"] == "text/plain; charset=utf-8"
    assert client.body == b"Origin not allowed"


def test_the_own_origin_is_accepted(server: ServerProcess) -> None:
    """As the browser sees it."""
    server.connect("/ws", {"Origin": f"http://127.0.0.1:{server.port}"})
    server.connect("/ws", {"Origin": "http://Localhost:80", "Host": "localhost"})


def test_allowed_origins_are_accepted(start_server: StartServer) -> None:
    """The setting `web.allowed_origins` applies to sockets."""
    server = start_server('allowed_origins = ["https://app.example.com"]\n')

    server.connect("/ws", {"Origin": "https://app.example.com"})
    assert server.client().handshake("/ws", {"Origin": "https://other.example.com"}).status == 403


def test_the_own_origin_is_that_of_a_trusted_proxy(start_server: StartServer) -> None:
    """With TLS termination at the proxy; the address of the client is logged."""
    server = start_server('trusted_proxies = ["127.0.0.1"]\n')
    forwarded: dict[str, str | None] = {
        "Host": "localhost",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "203.0.113.7",
        "X-Request-Id": "from-proxy",
    }

    client = server.connect("/ws", {**forwarded, "Origin": "https://localhost"})

    assert client.headers["x-request-id"] == "from-proxy"
    assert (
        server.client().handshake("/ws", {**forwarded, "Origin": "http://localhost"}).status == 403
    )
    client.call("over:socket")
    server.wait_for("remote=203.0.113.7")


# -- requests without an upgrade -------------------------------------------------------------------


@pytest.mark.parametrize(("path", "status"), [("/api", 404), ("/", 404), ("/ws", 404)])
@pytest.mark.parametrize("headers", [
    {"Upgrade": None, "Connection": None}, {"Upgrade": "h2c"},
])  # fmt: skip
def test_requests_without_an_upgrade_are_not_found(
    server: ServerProcess, path: str, status: int, headers: dict[str, str | None]
) -> None:
    """The paths of sockets have no routes."""
    client = server.client().handshake(path, headers)

    assert client.status == status
    assert client.headers["content-type"] == "application/json"


def test_only_get_opens_a_socket(server: ServerProcess) -> None:
    """By the standard."""
    assert server.client().handshake("/ws", method="POST").status == 404


def test_upgrades_of_other_paths_are_ignored(server: ServerProcess) -> None:
    """A route responds as usual."""
    assert server.client().handshake("/api/greet/Ada").status == 200
    assert server.client().handshake("/api/ws").status == 404
