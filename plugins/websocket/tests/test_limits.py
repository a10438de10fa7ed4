"""What one client may ask for at once, and what becomes of who asks for more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Client, Started, StartServer

TEXT, PING, PONG, CLOSE = 1, 9, 10, 8


def calls(client: Client, action: str, count: int, first: int = 0) -> None:
    """Call an action so many times, with numbers for identifiers."""
    for number in range(first, first + count):
        client.say(messageType="action", action=action, messageId=number)


# -- messages per second ---------------------------------------------------------------------------


def test_messages_over_the_rate_are_told_so_and_dropped(original: Started) -> None:
    """Twenty in a second are heard; the socket stays open."""
    client = original.connect()

    calls(client, "over:socket", 23)
    answers = [client.next() for _ in range(23)]

    heard = [answer["messageId"] for answer in answers if "response" in answer]
    over = [answer["error"] for answer in answers if "error" in answer]
    assert heard == list(range(20))
    assert [list(error) for error in over] == [["message", "type", "timestamp", "request_id"]] * 3
    assert {error["message"] for error in over} == {"WebSocket rate limit exceeded"}
    assert {error["type"] for error in over} == {"CONNECTION_RATE_LIMITED"}
    assert all(list(answer) == ["error"] for answer in answers if "error" in answer)
    client.put(PING, "still there?")
    assert client.frame().opcode == PONG


def test_who_goes_on_over_the_rate_is_closed(original: Started) -> None:
    """With 1008, after ten messages in a row."""
    client = original.connect()

    calls(client, "over:socket", 30)

    refused = 0
    while (found := client.frame()).opcode == TEXT:
        refused += b"rate limit exceeded" in found.content
    assert refused == 10
    assert (found.code, found.reason) == (1008, "WebSocket rate limit exceeded")


def test_pings_are_no_messages(original: Started) -> None:
    """Whoever asks whether we are there gets an answer."""
    client = original.connect()

    for _ in range(100):
        client.put(PING)

    assert {client.frame().opcode for _ in range(100)} == {PONG}


def test_the_rate_may_be_without_a_limit(server: Started) -> None:
    """`messages_per_second` = 0."""
    client = server.connect()

    calls(client, "over:socket", 200)

    assert all("response" in client.next() for _ in range(200))


# -- calls at once ---------------------------------------------------------------------------------


def test_so_many_calls_run_and_others_wait_and_others_are_refused(
    start_server: StartServer,
) -> None:
    """32 run, others wait in their order, and more are told that it is too much."""
    server = start_server("[websocket]\nmessages_per_second = 0\nwaiting_calls = 32\n")
    begun = 0
    client = server.connect()

    calls(client, "wait", 65)
    refused = client.next()
    server.wait_for("waiting", times=32)

    assert refused["messageId"] == 64
    assert refused["error"]["type"] == "CONNECTION_RATE_LIMITED"
    assert refused["error"]["message"] == "Too many calls are waiting (max 32)"
    assert len(re.findall("waiting", server.stderr)) == begun + 32

    other = server.connect()
    other.call("release")
    first = {client.next()["messageId"] for _ in range(32)}
    server.wait_for("waiting", times=begun + 64)
    other.call("release")

    assert first == set(range(32))
    assert {client.next()["messageId"] for _ in range(32)} == set(range(32, 64))


def test_control_frames_are_answered_while_calls_wait(server: Started) -> None:
    """And a stream, which is counted apart, begins."""
    client = server.connect()
    calls(client, "wait", 64)

    client.put(PING, "here?")
    pong = client.frame()
    client.say(messageType="action", action="stream", params={"count": 1})

    assert (pong.opcode, pong.content) == (PONG, b"here?")
    assert client.next()["streaming"] is True
    assert client.next() == {"streaming": False}


def test_what_waits_is_forgotten_with_who_asked(start_server: StartServer) -> None:
    """A call that never began needs no end."""
    server = start_server("[websocket]\nmessages_per_second = 0\n")
    client = server.connect()
    calls(client, "wait", 40)
    server.wait_for("waiting", times=32)

    client.close()
    server.wait_for("after wait: cancelled", times=32)
    server.connect().call("over:socket")

    assert len(re.findall("waiting", server.stderr)) == 32
    assert len(re.findall("after wait: cancelled", server.stderr)) == 32


# -- origins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api", "/", "/ws", "/echo"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", "http://127.0.0.1:1", "", "http://127.0.0.1"]
)
def test_a_page_of_another_origin_is_refused(server: Started, path: str, origin: str) -> None:
    """With 403, as text: a browser would send the visitor's cookie along."""
    client = server.client().shake(path, {"Origin": origin})

    assert client.status == 403
    assert client.headers["content-type"] == "text/plain; charset=utf-8"
    assert client.body == b"Origin not allowed"


def test_a_page_of_our_own_origin_comes_in(server: Started) -> None:
    """As the browser sees us."""
    server.connect("/ws", {"Origin": f"http://127.0.0.1:{server.port}"})
    server.connect("/ws", {"Origin": "http://Example.com:80", "Host": "example.com"})


def test_a_page_of_a_listed_origin_comes_in(start_server: StartServer) -> None:
    """`web.allowed_origins` is for sockets too."""
    listed = start_server('allowed_origins = ["https://app.example.com"]\n')

    listed.connect("/ws", {"Origin": "https://app.example.com"})
    assert listed.client().shake("/ws", {"Origin": "https://other.example.com"}).status == 403


def test_behind_a_trusted_proxy_our_origin_is_the_one_outside(start_server: StartServer) -> None:
    """TLS ends at the proxy, and the log tells the client's address."""
    server = start_server('trusted_proxies = ["127.0.0.1"]\n')
    outside: dict[str, str | None] = {
        "Host": "example.com",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "203.0.113.7",
        "X-Request-Id": "from-outside",
    }

    client = server.connect("/ws", {**outside, "Origin": "https://example.com"})

    assert client.headers["x-request-id"] == "from-outside"
    assert server.client().shake("/ws", {**outside, "Origin": "http://example.com"}).status == 403
    client.call("over:socket")
    server.wait_for("remote=203.0.113.7")


# -- requests that ask for no socket ---------------------------------------------------------------


@pytest.mark.parametrize(("path", "status"), [("/api", 404), ("/", 404), ("/ws", 404)])
@pytest.mark.parametrize("headers", [
    {"Upgrade": None, "Connection": None}, {"Upgrade": "h2c"},
])  # fmt: skip
def test_other_requests_are_answered_as_ever(
    server: Started, path: str, status: int, headers: dict[str, str | None]
) -> None:
    """As if there were no sockets."""
    client = server.client().shake(path, headers)

    assert client.status == status
    assert client.headers["content-type"] == "application/json"


def test_only_get_opens_a_socket(server: Started) -> None:
    """It is the one method of the standard."""
    assert server.client().shake("/ws", method="POST").status == 404


def test_where_there_is_no_socket_an_upgrade_is_not_found(server: Started) -> None:
    """An action's route is for requests."""
    assert server.client().shake("/api/greet/Ada").status == 200
    assert server.client().shake("/api/ws").status == 404
