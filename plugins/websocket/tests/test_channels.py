"""Joining channels over a socket, and what is heard there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.websocket.tests.conftest import Client, Started, StartServer

TEXT, PING, PONG, CLOSE = 1, 9, 10, 8


@pytest.fixture
def server(each_server: Started) -> Started:
    """Give a server in each profile, on each store."""
    return each_server


def join(client: Client, channel: str, **more: Any) -> Any:
    """Join a channel, and return the answer: what comes before it is forgotten."""
    client.say(messageType="subscribe", messageId="join", channel=channel, **more)
    while "messageId" not in (answer := client.next()):
        pass
    return answer


def sign_in(client: Client, name: str) -> Client:
    """Sign in over the socket."""
    assert client.call("sign:in", name=name)["response"] == {}
    return client


def test_a_broadcast_is_heard_by_who_has_joined(server: Started) -> None:
    """Whoever says it, in its own form and without an identifier of a message."""
    first, second, third = server.connect(), server.connect(), server.connect()

    joined = [join(client, "news") for client in (first, second)]
    told = third.call("tell", channel="news", message={"text": "grüße"}, sender="editor")

    assert joined == [{"messageId": "join", "subscribed": {"channel": "news"}}] * 2
    expected = {"channel": "news", "message": {"text": "grüße"}, "sender": "editor"}
    for client in (first, second):
        frame = client.frame()
        assert frame.json == {"message": {**expected, "id": told["response"]["id"]}}
        assert list(frame.json["message"]) == ["channel", "message", "sender", "id"]
        assert b" " not in frame.content


def test_nobody_in_particular_says_what_names_no_sender(server: Started) -> None:
    """As clients of the original expect."""
    client = server.connect()
    join(client, "news")

    client.say(messageType="action", action="tell", params={"channel": "news", "message": [1]})

    said = next(m for m in (client.next(), client.next()) if "message" in m)["message"]
    assert (said["message"], said["sender"]) == ([1], "unknown-sender")


def test_who_has_left_hears_no_more(server: Started) -> None:
    """Leaving is confirmed, also if one was not there."""
    client, other = server.connect(), server.connect()
    join(client, "news")

    left = [client.ask(messageType="unsubscribe", messageId=n, channel="news") for n in (1, 2)]
    other.call("tell", channel="news", message="unheard")
    after = client.call("over:socket")

    assert left == [{"messageId": n, "unsubscribed": {"channel": "news"}} for n in (1, 2)]
    assert "response" in after


def test_to_join_twice_is_confirmed_twice_and_heard_once(server: Started) -> None:
    """One connection is in a channel once."""
    client, other = server.connect(), server.connect()

    answers = [join(client, "news"), join(client, "news")]
    other.call("tell", channel="news", message="once")
    said = [client.next(), client.call("over:socket")]

    assert [list(answer)[1] for answer in answers] == ["subscribed", "subscribed"]
    assert [list(item)[-1] for item in said] == ["message", "response"]


@pytest.mark.parametrize("channel", [
    "", "a b", "ü", "a/b", "x" * 201, "news\n", "a\u0001b", 5, None, ["news"],
])  # fmt: skip
@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe"])
def test_a_name_that_is_none_is_refused(server: Started, kind: str, channel: Any) -> None:
    """Joining and leaving."""
    answer = server.connect().ask(messageType=kind, messageId=7, channel=channel)

    assert answer["messageId"] == 7
    assert answer["error"]["message"] == "Invalid channel name"
    assert answer["error"]["type"] == "CONNECTION_CHANNEL_VALIDATION"
    assert not {"key", "value"} & answer["error"].keys()


@pytest.mark.parametrize(("given", "told"), [
    ({}, "Channel not found: undefined"),
    ({"channel": "nowhere"}, "Channel not found: nowhere"),
    ({"channel": "x" * 200}, f"Channel not found: {'x' * 200}"),
    ({"channel": "messages"}, "Authentication required to join this channel"),
])  # fmt: skip
def test_who_may_not_join_is_told_why(server: Started, given: dict[str, str], told: str) -> None:
    """With the identifier of the message."""
    answer = server.connect().ask(messageType="subscribe", messageId="m", **given)

    assert answer["messageId"] == "m"
    assert answer["error"]["message"] == told
    assert answer["error"]["type"] == "CONNECTION_CHANNEL_AUTHORIZATION"


def test_a_channel_that_fails_is_told_without_our_insides(server: Started) -> None:
    """The log knows more."""
    error = server.connect().ask(messageType="subscribe", channel="broken")["error"]

    assert (error["message"], error["type"]) == ("Internal error", "CONNECTION_ACTION_RUN")
    server.wait_for("joining channel 'broken' failed")


def test_so_many_channels_and_no_more(server: Started) -> None:
    """A hundred."""
    client = server.connect()
    for number in range(100):
        assert "subscribed" in join(client, f"many:{number}")

    error = join(client, "many:100")["error"]

    assert error["message"] == "Too many subscriptions (max 100)"
    assert error["type"] == "CONNECTION_CHANNEL_VALIDATION"


def test_messages_about_one_channel_are_seen_to_in_their_order(server: Started) -> None:
    """Whoever leaves and comes back at once is there."""
    client = server.connect()
    for number, kind in enumerate(["subscribe", "unsubscribe", "subscribe", "unsubscribe"] * 5):
        client.say(messageType=kind, messageId=number, channel="news")
    client.say(messageType="subscribe", messageId=20, channel="news")

    assert [client.next()["messageId"] for _ in range(21)] == list(range(21))
    client.say(messageType="action", action="tell", params={"channel": "news", "message": "here"})
    assert "message" in {key for m in (client.next(), client.next()) for key in m}


def test_leaving_is_seen_to_while_calls_wait(server: Started) -> None:
    """However many there are."""
    client = server.connect()
    join(client, "news")
    for _ in range(64):
        client.say(messageType="action", action="wait")

    left = client.ask(messageType="unsubscribe", channel="news")

    assert left == {"unsubscribed": {"channel": "news"}}


# -- presence -----------------------------------------------------------------------------------


def events_until(client: Client, last: dict[str, str]) -> list[Any]:
    """Return the presence events up to one."""
    found: list[Any] = []
    while last not in found:
        message = client.next().get("message")
        if message is not None and message["sender"] == "presence":
            found.append(json.loads(message["message"]))
    return found


def test_who_is_there_hears_who_comes_and_goes(server: Started) -> None:
    """Each user once, however many connections they have."""
    watcher = sign_in(server.connect(), "watcher-1")
    join(watcher, "messages")
    first, second = sign_in(server.connect(), "ada-1"), sign_in(server.connect(), "ada-1")

    join(first, "messages")
    join(second, "messages")
    first.say(messageType="unsubscribe", messageId="u", channel="messages")
    # Whoever joins may hear of it before the confirmation, or after.
    while "unsubscribed" not in (left := first.next()):
        pass
    second.close()

    seen = events_until(watcher, {"event": "leave", "presenceKey": "ada-1"})
    assert left == {"messageId": "u", "unsubscribed": {"channel": "messages"}}
    ada = [item["event"] for item in seen if item["presenceKey"] == "ada-1"]
    assert ada == ["join", "leave"]


# -- coming back --------------------------------------------------------------------------------


def test_who_comes_back_hears_what_was_missed(server: Started) -> None:
    """In order, nothing twice, and then what comes next."""
    client, other = server.connect(), server.connect()
    join(client, "log:one")
    ids = [other.call("tell", channel="log:one", message=n)["response"]["id"] for n in range(5)]
    seen = [client.next()["message"] for _ in range(2)]
    client.close()

    again = server.connect()
    answer = join(again, "log:one", since=seen[-1]["id"])
    ids.append(other.call("tell", channel="log:one", message=5)["response"]["id"])
    missed = [again.next()["message"] for _ in range(4)]

    position = answer["subscribed"].pop("id")
    assert answer == {"messageId": "join", "subscribed": {"channel": "log:one", "gap": False}}
    assert isinstance(position, str)
    assert [message["message"] for message in (*seen, *missed)] == list(range(6))
    assert [message["id"] for message in (*seen, *missed)] == ids


def test_who_was_told_nothing_yet_comes_back_too(server: Started) -> None:
    """Whoever says that they may, hears from where to go on."""
    client, other = server.connect(), server.connect()
    position = join(client, "log:three", since=None)["subscribed"]["id"]
    client.close()
    other.call("tell", channel="log:three", message="missed")

    again = server.connect()
    answer = join(again, "log:three", since=position)

    assert answer["subscribed"]["gap"] is False
    assert again.next()["message"]["message"] == "missed"


def test_who_was_away_for_too_long_is_told_so(server: Started) -> None:
    """What is kept is told all the same."""
    other = server.connect()
    ids = [other.call("tell", channel="log:two", message=n)["response"]["id"] for n in range(30)]

    late = server.connect()
    answer = join(late, "log:two", since=ids[0])

    assert answer["subscribed"].items() >= {"channel": "log:two", "gap": True}.items()
    assert [late.next()["message"]["message"] for _ in range(20)] == list(range(10, 30))


@pytest.mark.parametrize("since", [5, ["1-1"], {}])
def test_a_position_that_is_none_is_refused(server: Started, since: Any) -> None:
    """It is the text that stood in a broadcast."""
    error = server.connect().ask(messageType="subscribe", channel="log:x", since=since)["error"]

    assert error["message"].startswith("Invalid since")


# -- more than one process -----------------------------------------------------------------------


def test_two_processes_are_one_place(start_server: StartServer, tmp_path: Path) -> None:
    """Whoever listens to either hears what is said in either."""
    shared: Any = {"ACTIONHERO_APP__DATA_DIR": str(tmp_path / "shared")}
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    servers = [start_server("", shared, folder=folder) for folder in folders]
    clients = [server.connect() for server in servers]
    for client in clients:
        join(client, "news")

    for number, server in enumerate(servers):
        server.connect().call("tell", channel="news", message=number)

    for client in clients:
        assert {client.next()["message"]["message"] for _ in servers} == {0, 1}


# -- sessions ----------------------------------------------------------------------------------


def test_a_session_that_ends_reaches_its_sockets(server: Started) -> None:
    """The next call is a stranger's, and channels for who has signed in are left."""
    client, other = server.connect(), server.connect()
    sign_in(client, "eve")
    join(client, "messages")
    join(client, "news")

    client.say(messageType="action", action="sign:out", messageId="out")
    heard = [client.next(), client.next()]
    after = client.call("whoami")

    assert {"unsubscribed": {"channel": "messages"}} in heard
    assert after["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"
    other.call("tell", channel="news", message="for all")
    assert client.next()["message"]["message"] == "for all"
