"""The limits of one client: rate, concurrent calls and origins."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from plugins.websocket.tests.conftest import frame

from actionhero_websocket.rate import MessageRate

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Client, ServerProcess, StartServer

TEXT, PING, PONG, CLOSE = 1, 9, 10, 8


def send(client: Client, *messages: Any) -> None:
    """Send messages at once."""
    client.send_bytes(*(frame(TEXT, json.dumps(message)) for message in messages))


def calls(client: Client, action: str, count: int, first: int = 0) -> None:
    """Call an action `count` times in one packet, with numbers as message ids."""
    messages = (
        {"messageType": "action", "action": action, "messageId": number}
        for number in range(first, first + count)
    )
    send(client, *messages)


# -- messages per second ---------------------------------------------------------------------------


def test_messages_over_the_rate_have_an_error_with_their_id(original_server: ServerProcess) -> None:
    """Twenty per second are handled, of sixty at once, and the socket stays open."""
    client = original_server.connect()

    calls(client, "over:socket", 60)
    messages = [client.read_json() for _ in range(60)]

    ids = [message["messageId"] for message in messages if "response" in message]
    refused = [message for message in messages if "error" in message]
    assert ids == list(range(20))
    assert [message["messageId"] for message in refused] == list(range(20, 60))
    assert {tuple(message["error"]) for message in refused} == {
        ("message", "type", "timestamp", "request_id")
    }
    assert {message["error"]["message"] for message in refused} == {"WebSocket rate limit exceeded"}
    assert {message["error"]["type"] for message in refused} == {"CONNECTION_RATE_LIMITED"}
    client.send_frame(PING, "ping")
    assert client.read_frame().opcode == PONG


def test_malformed_messages_count_towards_the_rate(original_server: ServerProcess) -> None:
    """With their id, if there is one."""
    client = original_server.connect()

    nested = frame(TEXT, '{"messageId": 5, "params": %s}' % ("[" * 65 + "]" * 65))
    client.send_bytes(*[frame(TEXT, "{")] * 20, nested, frame(TEXT, "{"))
    replies = [client.read_json() for _ in range(22)]

    refused = [reply for reply in replies if reply["error"]["type"] == "CONNECTION_RATE_LIMITED"]
    assert [reply.get("messageId") for reply in refused] == [5, None]


def test_sockets_that_continue_over_the_rate_are_closed(start_server: StartServer) -> None:
    """With 1008, once the accepted calls are answered; a burst closes nothing."""
    server = start_server("[websocket]\nmessages_per_second = 2\nrate_timeout = 0.2\n")
    client = server.connect()
    calls(client, "wait", 1)
    server.wait_for("waiting for release")

    refused = 0
    before_pong: list[Any] = [None]
    while before_pong:
        calls(client, "over:socket", 1, first=1)
        client.send_frame(PING)
        before_pong = []
        while (received := client.read_frame()).opcode != PONG:
            before_pong.append(received.json)
        refused += "error" in str(before_pong)
    # From now on, messages are ignored.
    server.connect().call("release")
    response, close = client.read_json(), client.read_frame()

    assert refused > 1
    assert response["messageId"] == 0
    assert (close.code, close.reason) == (1008, "WebSocket rate limit exceeded")


def test_rates_are_exceeded_without_interruption() -> None:
    """A second without a message over the limit ends the time over it."""
    rate = MessageRate(2)

    def count(*times: float) -> list[bool]:
        return [rate.count(time) for time in times]

    assert count(100.0, 100.1, 100.2, 100.9) == [False, False, True, True]
    assert count(101.0, 101.1, 101.2) == [False, False, True]
    assert rate.exceeded_seconds(101.2) == pytest.approx(1.0)
    assert count(102.0, 102.1) == [False, False]
    assert rate.exceeded_seconds(102.1) == pytest.approx(1.9)
    assert count(103.0, 103.1, 103.2) == [False, False, True]
    assert rate.exceeded_seconds(103.2) == 0.0
    assert count(105.5, 105.6, 105.7) == [False, False, True]
    assert rate.exceeded_seconds(105.7) == 0.0


@pytest.mark.parametrize("as_list", [False, True])
def test_clients_can_subscribe_to_all_channels_at_once(
    original_server: ServerProcess, as_list: bool
) -> None:
    """Messages about channels have a separate rate; calls are not affected."""
    client = original_server.connect()
    channels = [f"many:{number}" for number in range(100)]

    for kind in ("subscribe", "unsubscribe"):
        if as_list:
            client.send_json(messageType=kind, messageId=1, channels=channels)
        else:
            messages = (
                {"messageType": kind, "messageId": 1, "channel": channel} for channel in channels
            )
            send(client, *messages)
        replies = [client.read_json() for _ in channels]
        assert {reply["messageId"] for reply in replies} == {1}
        assert {reply[f"{kind}d"]["channel"] for reply in replies} == set(channels)
        if not as_list:
            break
    assert "response" in client.call("over:socket")


def test_messages_about_channels_over_their_rate_have_an_error(
    original_server: ServerProcess,
) -> None:
    """As many as there can be subscriptions are handled per second."""
    client = original_server.connect()

    message = {"messageType": "unsubscribe", "channel": "news"}
    send(client, *({**message, "messageId": number} for number in range(102)))
    replies = [client.read_json() for _ in range(102)]

    refused = [reply["messageId"] for reply in replies if "error" in reply]
    assert refused == [100, 101]


def test_all_but_the_last_ping_of_a_flood_may_stay_unanswered(server: ServerProcess) -> None:
    """RFC 6455 5.5.3; pings do not count as messages."""
    client = server.connect()
    pings = [frame(PING, str(number)) for number in range(20_000)]

    client.send_bytes(*pings, frame(PING, "last"))
    pongs = [client.read_frame()]
    while pongs[-1].content != b"last":
        pongs.append(client.read_frame())

    assert {pong.opcode for pong in pongs} == {PONG}
    assert len(pongs) < 1000
    assert "response" in client.call("over:socket")


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


@pytest.mark.parametrize("invalid", [b"\x81\xff" + b"\x7f" * 12, b"\xf1\x80\x00\x00\x00\x00"])
def test_waiting_calls_are_answered_before_the_close_frame(
    start_server: StartServer, invalid: bytes
) -> None:
    """After an oversized or an invalid frame: all calls before it are accepted."""
    server = start_server()
    client = server.connect()
    messages = [
        {"messageType": "action", "action": "save", "messageId": number, "params": params}
        for number, params in enumerate([{"wait": True}, {}, {}, {}])
    ]
    # In one packet: the frame is decoded before the calls are released.
    client.send_bytes(*(frame(TEXT, json.dumps(message)) for message in messages), invalid)
    server.wait_for("saving after release")
    server.connect().call("release")

    answers = [client.read_json() for _ in messages]

    assert [(answer["messageId"], "response" in answer) for answer in answers] == [
        (number, True) for number in range(4)
    ]
    assert client.read_frame().opcode == CLOSE


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
    """With 403, even if the handshake is invalid: a browser would send the cookie of the user."""
    headers: dict[str, str | None] = {"Origin": origin}
    if path == "/ws":
        headers |= {"Sec-WebSocket-Key": None, "Sec-WebSocket-Version": "8"}
    client = server.client().handshake(path, headers)

    assert client.status == 403
    assert client.headers["content-type"] == "text/plain; charset=utf-8"
    assert client.body == b"Origin not allowed"
    server.wait_for(f"refused a WebSocket from the origin '{origin}'")


def test_other_origins_are_refused_in_the_words_of_the_original(
    original_server: ServerProcess,
) -> None:
    """The log has both origins."""
    client = original_server.client().handshake("/api", {"Origin": "https://evil.example.com"})

    assert (client.status, client.body) == (403, b"WebSocket origin not allowed")
    own_origin = f"'http://127.0.0.1:{original_server.port}'"
    original_server.wait_for(f"from the origin 'https://evil.example.com', as .* is {own_origin}")


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


@pytest.mark.parametrize("headers", [
    {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "app.example.com"},
    {"Forwarded": "for=203.0.113.7;proto=https;host=app.example.com"},
])  # fmt: skip
def test_a_trusted_proxy_may_replace_the_host(
    start_server: StartServer, headers: dict[str, str | None]
) -> None:
    """The origin is that of the host that the client has requested."""
    server = start_server('trusted_proxies = ["127.0.0.1"]\n')
    origin = {"Origin": "https://app.example.com"}

    server.connect("/ws", headers | origin)

    assert server.client().handshake("/ws", origin).status == 403
    internal: dict[str, str | None] = {"Origin": f"https://127.0.0.1:{server.port}"}
    assert server.client().handshake("/ws", headers | internal).status == 403


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
