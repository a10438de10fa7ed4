"""Subscriptions over a socket: broadcasts, presence, history and sessions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from plugins.websocket.tests.socketapp.errors import ERRORS

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.websocket.tests.conftest import Client, ServerProcess, StartServer

TEXT, PING, PONG, CLOSE = 1, 9, 10, 8


@pytest.fixture
def server(each_server: ServerProcess) -> ServerProcess:
    """Yield a server for each error format and store."""
    return each_server


def subscribe(client: Client, channel: str, **options: Any) -> Any:
    """Subscribe to a channel, and return the confirmation; messages before it are dropped."""
    client.send_json(messageType="subscribe", messageId="subscribe", channel=channel, **options)
    while "messageId" not in (reply := client.read_json()):
        pass
    return reply


def sign_in(client: Client, name: str) -> Client:
    """Sign in over the socket."""
    assert client.call("sign:in", name=name)["response"] == {}
    return client


def test_broadcasts_reach_subscribers(server: ServerProcess) -> None:
    """As compact JSON without a message id."""
    first, second, third = server.connect(), server.connect(), server.connect()

    confirmations = [subscribe(client, "news") for client in (first, second)]
    response = third.call("broadcast", channel="news", message={"text": "grüße"}, sender="editor")

    confirmation = {"messageId": "subscribe", "subscribed": {"channel": "news"}}
    assert confirmations == [confirmation] * 2
    expected = {"channel": "news", "message": {"text": "grüße"}, "sender": "editor"}
    for client in (first, second):
        frame = client.read_frame()
        assert frame.json == {"message": {**expected, "id": response["response"]["id"]}}
        assert list(frame.json["message"]) == ["channel", "message", "sender", "id"]
        assert b" " not in frame.content


def test_the_default_sender_is_unknown(server: ServerProcess) -> None:
    """As clients of the original expect."""
    client = server.connect()
    subscribe(client, "news")

    client.send_json(
        messageType="action", action="broadcast", params={"channel": "news", "message": [1]}
    )

    received = [client.read_json(), client.read_json()]
    broadcast = next(each["message"] for each in received if "message" in each)
    assert (broadcast["message"], broadcast["sender"]) == ([1], "unknown-sender")


def test_unsubscribed_clients_receive_no_broadcasts(server: ServerProcess) -> None:
    """Each unsubscribe is confirmed, even without a subscription."""
    client, other = server.connect(), server.connect()
    subscribe(client, "news")

    confirmations = [
        client.request(messageType="unsubscribe", messageId=n, channel="news") for n in (1, 2)
    ]
    other.call("broadcast", channel="news", message="not delivered")
    after = client.call("over:socket")

    assert confirmations == [{"messageId": n, "unsubscribed": {"channel": "news"}} for n in (1, 2)]
    assert "response" in after


def test_a_second_subscribe_is_confirmed_and_has_no_effect(server: ServerProcess) -> None:
    """A connection has at most one subscription to a channel."""
    client, other = server.connect(), server.connect()

    confirmations = [subscribe(client, "news"), subscribe(client, "news")]
    other.call("broadcast", channel="news", message="once")
    messages = [client.read_json(), client.call("over:socket")]

    assert [list(each)[1] for each in confirmations] == ["subscribed", "subscribed"]
    assert [list(each)[-1] for each in messages] == ["message", "response"]


@pytest.mark.parametrize("channel", [
    "", "a b", "ü", "a/b", "x" * 201, "news\n", "a\u0001b", 5, None, ["news"],
])  # fmt: skip
@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe"])
def test_invalid_channel_names_are_refused(server: ServerProcess, kind: str, channel: Any) -> None:
    """In both kinds of messages."""
    response = server.connect().request(messageType=kind, messageId=7, channel=channel)

    assert response["messageId"] == 7
    assert response["error"]["message"] == "Invalid channel name"
    assert response["error"]["type"] == "CONNECTION_CHANNEL_VALIDATION"
    assert not {"key", "value"} & response["error"].keys()


@pytest.mark.parametrize(("fields", "message"), [
    ({}, "Channel not found: undefined"),
    ({"channel": "unknown"}, "Channel not found: unknown"),
    ({"channel": "x" * 200}, f"Channel not found: {'x' * 200}"),
    ({"channel": "messages"}, "Authentication required to join this channel"),
])  # fmt: skip
def test_refused_subscriptions_have_a_reason(
    server: ServerProcess, fields: dict[str, str], message: str
) -> None:
    """And the message id."""
    response = server.connect().request(messageType="subscribe", messageId="m", **fields)

    assert response["messageId"] == "m"
    assert response["error"]["message"] == message
    assert response["error"]["type"] == "CONNECTION_CHANNEL_AUTHORIZATION"


@pytest.mark.parametrize("name", ERRORS)
def test_unexpected_errors_of_channels_reveal_no_internals(
    server: ServerProcess, name: str
) -> None:
    """They are logged."""
    channel = f"broken:{name}"
    error = server.connect().request(messageType="subscribe", channel=channel)["error"]

    assert (error["message"], error["type"]) == ("Internal error", "CONNECTION_ACTION_RUN")
    server.wait_for(f"subscribing to channel '{channel}' failed")


def test_the_number_of_subscriptions_is_limited(server: ServerProcess) -> None:
    """To a hundred by default."""
    client = server.connect()
    for number in range(100):
        assert "subscribed" in subscribe(client, f"many:{number}")

    error = subscribe(client, "many:100")["error"]

    assert error["message"] == "Too many subscriptions (max 100)"
    assert error["type"] == "CONNECTION_CHANNEL_VALIDATION"


def test_messages_about_one_channel_are_handled_in_order(server: ServerProcess) -> None:
    """The last of many subscribe and unsubscribe messages wins."""
    client = server.connect()
    for number, kind in enumerate(["subscribe", "unsubscribe", "subscribe", "unsubscribe"] * 5):
        client.send_json(messageType=kind, messageId=number, channel="news")
    client.send_json(messageType="subscribe", messageId=20, channel="news")

    assert [client.read_json()["messageId"] for _ in range(21)] == list(range(21))
    params = {"channel": "news", "message": "subscribed"}
    client.send_json(messageType="action", action="broadcast", params=params)
    received = [client.read_json(), client.read_json()]
    assert "message" in {key for message in received for key in message}


def test_unsubscribe_is_handled_while_calls_wait(server: ServerProcess) -> None:
    """Even if the limit of concurrent calls is reached."""
    client = server.connect()
    subscribe(client, "news")
    for _ in range(64):
        client.send_json(messageType="action", action="wait")

    confirmation = client.request(messageType="unsubscribe", channel="news")

    assert confirmation == {"unsubscribed": {"channel": "news"}}


# -- lists of channels ---------------------------------------------------------------------------


def test_a_list_of_channels_has_a_confirmation_or_an_error_for_each(server: ServerProcess) -> None:
    """With the id of the message; the errors have the channel."""
    client = server.connect()
    channels = ["news", "log:a", "unknown", "a b", 5, "messages"]

    client.send_json(messageType="subscribe", messageId=7, channels=channels)
    replies = [client.read_json() for _ in channels]

    assert {reply["messageId"] for reply in replies} == {7}
    errors = {reply["channel"]: reply["error"]["message"] for reply in replies if "error" in reply}
    assert errors == {
        "unknown": "Channel not found: unknown",
        "a b": "Invalid channel name",
        5: "Invalid channel name",
        "messages": "Authentication required to join this channel",
    }
    confirmed = {reply["subscribed"]["channel"] for reply in replies if "subscribed" in reply}
    assert confirmed == {"news", "log:a"}


def test_a_list_of_channels_is_resumed_by_channel(server: ServerProcess) -> None:
    """`since` is an object; a channel that is not in it is not resumed."""
    client, other = server.connect(), server.connect()
    position = subscribe(client, "log:list-a", since=None)["subscribed"]["id"]
    other.call("broadcast", channel="log:list-a", message="missed")
    since = {"log:list-a": position, "log:list-b": None}

    resumed = server.connect()
    channels = [*since, "log:list-c"]
    resumed.send_json(messageType="subscribe", channels=channels, since=since)
    replies = [resumed.read_json() for _ in range(4)]

    results = [reply["subscribed"] for reply in replies if "subscribed" in reply]
    assert {result["channel"]: "gap" in result for result in results} == {
        "log:list-a": True, "log:list-b": True, "log:list-c": False,
    }  # fmt: skip
    assert [reply["message"]["message"] for reply in replies if "message" in reply] == ["missed"]


@pytest.mark.parametrize("fields", [
    {"channels": []}, {"channels": "news"}, {"channels": None}, {"channels": {"news": 1}},
    {"channels": ["news"] * 101}, {"channels": ["news"], "channel": "news"},
])  # fmt: skip
def test_invalid_lists_of_channels_are_refused(
    server: ServerProcess, fields: dict[str, Any]
) -> None:
    """With one error."""
    client = server.connect()

    reply = client.request(messageType="subscribe", messageId=7, **fields)

    assert reply["messageId"] == 7
    assert reply["error"]["message"].startswith("Invalid channels: send a list of 1 to 100 names")
    assert "response" in client.call("over:socket")


# -- presence -----------------------------------------------------------------------------------


def events_until(client: Client, last: dict[str, str]) -> list[Any]:
    """Return the presence events up to and including `last`."""
    events: list[Any] = []
    while last not in events:
        message = client.read_json().get("message")
        if message is not None and message["sender"] == "presence":
            events.append(json.loads(message["message"]))
    return events


def test_subscribers_receive_presence_events(server: ServerProcess) -> None:
    """Once per user, not per connection."""
    observer = sign_in(server.connect(), "observer-1")
    subscribe(observer, "messages")
    first, second = sign_in(server.connect(), "ada-1"), sign_in(server.connect(), "ada-1")

    subscribe(first, "messages")
    subscribe(second, "messages")
    first.send_json(messageType="unsubscribe", messageId="u", channel="messages")
    # The presence event may precede or follow the confirmation.
    while "unsubscribed" not in (confirmation := first.read_json()):
        pass
    second.close()

    events = events_until(observer, {"event": "leave", "presenceKey": "ada-1"})
    assert confirmation == {"messageId": "u", "unsubscribed": {"channel": "messages"}}
    of_ada = [event["event"] for event in events if event["presenceKey"] == "ada-1"]
    assert of_ada == ["join", "leave"]


# -- history ------------------------------------------------------------------------------------


def test_resumed_subscriptions_receive_the_backlog(server: ServerProcess) -> None:
    """In order and without duplicates, followed by new broadcasts."""
    client, other = server.connect(), server.connect()
    subscribe(client, "log:one")
    ids = [
        other.call("broadcast", channel="log:one", message=n)["response"]["id"] for n in range(5)
    ]
    before = [client.read_json()["message"] for _ in range(2)]
    client.close()

    resumed = server.connect()
    confirmation = subscribe(resumed, "log:one", since=before[-1]["id"])
    ids.append(other.call("broadcast", channel="log:one", message=5)["response"]["id"])
    after = [resumed.read_json()["message"] for _ in range(4)]

    last_id = confirmation["subscribed"].pop("id")
    assert confirmation == {
        "messageId": "subscribe",
        "subscribed": {"channel": "log:one", "gap": False},
    }
    assert isinstance(last_id, str)
    assert [message["message"] for message in (*before, *after)] == list(range(6))
    assert [message["id"] for message in (*before, *after)] == ids


def test_subscriptions_can_resume_before_the_first_message(server: ServerProcess) -> None:
    """`"since": null` requests the position in the confirmation."""
    client, other = server.connect(), server.connect()
    last_id = subscribe(client, "log:three", since=None)["subscribed"]["id"]
    client.close()
    other.call("broadcast", channel="log:three", message="missed")

    resumed = server.connect()
    confirmation = subscribe(resumed, "log:three", since=last_id)

    assert confirmation["subscribed"]["gap"] is False
    assert resumed.read_json()["message"]["message"] == "missed"


@pytest.mark.parametrize("since", [None, "0-0"])
def test_a_confirmation_with_a_position_precedes_all_broadcasts(
    start_server: StartServer, since: str | None
) -> None:
    """Else a client would confuse them with those of an earlier subscription to the channel."""
    server = start_server()
    first, second = server.connect(), server.connect()
    first.send_json(messageType="subscribe", channel="held")
    server.wait_for("waiting for release")
    second.call("release")
    first.read_json()
    second.send_json(messageType="subscribe", channel="held", since=since)
    server.wait_for("waiting for release", times=2)

    id = first.call("broadcast", channel="held", message=1)["message"]["id"]
    first.read_json()
    first.call("release")

    confirmation, broadcast = second.read_json(), second.read_json()
    assert list(confirmation) == ["subscribed"]
    assert broadcast["message"] == {
        "channel": "held",
        "message": 1,
        "sender": "unknown-sender",
        "id": id,
    }


def test_an_incomplete_backlog_is_a_gap(server: ServerProcess) -> None:
    """The available part is sent."""
    other = server.connect()
    ids = [
        other.call("broadcast", channel="log:two", message=n)["response"]["id"] for n in range(30)
    ]

    late = server.connect()
    confirmation = subscribe(late, "log:two", since=ids[0])

    assert confirmation["subscribed"].items() >= {"channel": "log:two", "gap": True}.items()
    assert [late.read_json()["message"]["message"] for _ in range(20)] == list(range(10, 30))


@pytest.mark.parametrize("since", [5, ["1-1"], {}])
def test_an_invalid_since_is_refused(server: ServerProcess, since: Any) -> None:
    """It must be a string."""
    error = server.connect().request(messageType="subscribe", channel="log:x", since=since)["error"]

    assert error["message"].startswith("Invalid since")


# -- several processes ---------------------------------------------------------------------------


def test_broadcasts_reach_subscribers_of_other_processes(
    start_server: StartServer, tmp_path: Path
) -> None:
    """In both directions."""
    shared: Any = {"ACTIONHERO_APP__DATA_DIR": str(tmp_path / "shared")}
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    servers = [start_server("", shared, folder=folder) for folder in folders]
    clients = [server.connect() for server in servers]
    for client in clients:
        subscribe(client, "news")

    for number, server in enumerate(servers):
        server.connect().call("broadcast", channel="news", message=number)

    for client in clients:
        assert {client.read_json()["message"]["message"] for _ in servers} == {0, 1}


# -- sessions ----------------------------------------------------------------------------------


def test_a_revoked_session_affects_its_open_sockets(server: ServerProcess) -> None:
    """The next call is anonymous, and subscriptions that require the session end."""
    client, other = server.connect(), server.connect()
    sign_in(client, "eve")
    subscribe(client, "messages")
    subscribe(client, "news")

    client.send_json(messageType="action", action="sign:out", messageId="out")
    messages = [client.read_json(), client.read_json()]
    after = client.call("whoami")

    assert {"unsubscribed": {"channel": "messages"}} in messages
    assert after["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"
    other.call("broadcast", channel="news", message="for all")
    assert client.read_json()["message"]["message"] == "for all"
