"""What is said over a socket: a call, its answer, and why there is none."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Started, StartServer

TEXT, BINARY = 1, 2


@pytest.fixture
def server(each_server: Started) -> Started:
    """Give a server in each profile, on each store."""
    return each_server


def test_an_action_answers_with_its_value(server: Started) -> None:
    """The value stands under `response`, beside the identifier of the message."""
    client = server.connect()

    answer = client.ask(
        messageType="action", action="greet", messageId=1, params={"name": "Ada", "times": 2}
    )

    assert answer == {"messageId": 1, "response": {"greeting": "Hello, Ada!", "times": 2}}
    assert list(answer) == ["messageId", "response"]


@pytest.mark.parametrize(
    "message_id", [0, "seven", None, True, 1.5, [1, {"a": "b"}], {"deep": {"er": [None]}}, 2**70]
)
def test_the_identifier_of_a_message_comes_back_as_it_was(server: Started, message_id: Any) -> None:
    """It may be any JSON value."""
    answer = server.connect().ask(
        messageType="action", action="greet", messageId=message_id, params={"name": "Ada"}
    )

    assert answer["messageId"] == message_id
    assert "response" in answer


def test_a_message_without_an_identifier_gets_an_answer_without_one(server: Started) -> None:
    """The key is absent, and not null."""
    answer = server.connect().ask(messageType="action", action="greet", params={"name": "Ada"})

    assert list(answer) == ["response"]


def test_binary_messages_are_read_like_texts(server: Started) -> None:
    """Answers are text, in one compact piece."""
    client = server.connect()
    client.put(BINARY, b'{"messageType": "action", "action": "over:socket"}')

    answer = client.frame()

    assert (answer.opcode, answer.fin, answer.reserved) == (TEXT, True, 0)
    assert answer.content == b'{"response":{"transport":"websocket","path":"/api"}}'


@pytest.mark.parametrize("path", ["/api", "/", "/ws", "/api/", "/ws/", "/ws?token=1"])
def test_sockets_come_in_at_three_paths(server: Started, path: str) -> None:
    """A slash at the end, and a query, are no other path."""
    client = server.connect(path)

    assert client.call("over:socket")["response"]["path"] == path.partition("?")[0]


@pytest.mark.parametrize(("kind", "response"), [
    ("list", {"0": "a", "1": {"b": 1}}),
    ("none", {}),
    ("text", "grüße"),
    ("number", 7),
    ("model", {"name": "Ada", "times": 1}),
])  # fmt: skip
def test_every_value_has_its_form(server: Started, kind: str, response: Any) -> None:
    """A list is told by its indexes, as clients of the original expect."""
    assert server.connect().call("value", kind=kind)["response"] == response


def test_a_large_value_comes_whole(server: Started) -> None:
    """What the server says has no limit."""
    assert server.connect().call("value", kind="large")["response"] == "x" * 100_000


def test_an_answer_that_is_for_http_is_told_as_that(server: Started) -> None:
    """A raw answer of aiohttp has no form here."""
    error = server.connect().call("value", kind="raw")["error"]

    assert error["type"] == "CONNECTION_TYPE_NOT_FOUND"


def test_a_value_that_cannot_be_written_is_an_internal_error(server: Started) -> None:
    """The author reads why in the log."""
    error = server.connect().call("value", kind="unwritable")["error"]

    assert (error["message"], error["type"]) == ("Internal error", "CONNECTION_ACTION_RUN")


@pytest.mark.parametrize("name", ["nobody", "inside", "not:over:socket", "", "ü" * 300, "a b"])
def test_what_cannot_be_reached_is_not_found(server: Started, name: str) -> None:
    """Whether there is an action of that name is nobody's business."""
    answer = server.connect().call(name)

    assert answer["error"]["message"] == (
        f"Action not found: {name}" if name else "Action not found"
    )
    assert answer["error"]["type"] == "CONNECTION_ACTION_NOT_FOUND"
    assert answer["messageId"] == name


@pytest.mark.parametrize(("given", "told"), [
    ({}, "Action not found"),
    ({"action": None}, "Action not found"),
    ({"action": 5}, "Action not found: 5"),
    ({"action": ["greet"]}, 'Action not found: ["greet"]'),
])  # fmt: skip
def test_what_is_no_name_is_not_found(server: Started, given: dict[str, Any], told: str) -> None:
    """Whatever stands in its place."""
    answer = server.connect().ask(messageType="action", messageId=1, **given)

    assert (answer["messageId"], answer["error"]["message"]) == (1, told)


@pytest.mark.parametrize("message", [
    {}, {"messageType": "nope"}, {"messageType": None}, {"messageType": ["action"]},
])  # fmt: skip
def test_a_message_of_an_unknown_type_is_told_as_that(
    server: Started, message: dict[str, Any]
) -> None:
    """With the identifier of the message."""
    answer = server.connect().ask(messageId="m", **message)

    assert answer["messageId"] == "m"
    assert answer["error"]["message"] == "Error: messageType either missing or unknown"
    assert answer["error"]["type"] == "CONNECTION_ACTION_RUN"


@pytest.mark.parametrize("text", [b"[1, 2]", b"7", b"null", b'"action"'])
def test_a_message_that_is_no_object_is_of_an_unknown_type(server: Started, text: bytes) -> None:
    """It is JSON, and says nothing."""
    client = server.connect()
    client.put(TEXT, text)

    answer = client.next()

    assert list(answer) == ["error"]
    assert answer["error"]["message"] == "Error: messageType either missing or unknown"


@pytest.mark.parametrize("text", [
    b"", b"{", b"{'a': 1}", b"nope", b'{"messageId": NaN}', b'{"messageId": "\\ud800"}',
    b'{"messageId": "a\\u0000b"}', b"[" * 65 + b"]" * 65, b'{"messageId": 1e999}',
    b"\xef\xbb\xbf{}",
])  # fmt: skip
def test_what_is_not_json_is_told_as_that(server: Started, text: bytes) -> None:
    """As strictly as everywhere; there is no identifier to tell."""
    client = server.connect()
    client.put(TEXT, text)

    answer = client.next()

    assert list(answer) == ["error"]
    assert answer["error"]["message"].startswith("SyntaxError: ")
    assert answer["error"]["type"] == "CONNECTION_ACTION_RUN"
    assert "response" in client.call("over:socket")


def test_wrong_inputs_are_all_told(server: Started) -> None:
    """The first of them in front, as at every door; JSON is read strictly."""
    answer = server.connect().call("greet", name="A", times="2")

    error = answer["error"]
    assert error["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"
    assert (error["key"], error["value"]) == ("name", "A")
    assert [problem["pointer"] for problem in error["errors"]] == ["/name", "/times"]
    assert list(error) == ["message", "type", "timestamp", "key", "value", "errors", "request_id"]


@pytest.mark.parametrize("params", [None, {}])
def test_without_inputs_the_first_that_is_missing_is_told(server: Started, params: Any) -> None:
    """`params` may be left out."""
    answer = server.connect().ask(messageType="action", action="greet", params=params)

    assert answer["error"]["message"] == "Missing required param: name"


@pytest.mark.parametrize("params", [[], [1], 5, "name", True, False, 0, ""])
def test_inputs_that_are_no_object_are_told_as_missing(server: Started, params: Any) -> None:
    """They have no name by which to tell them."""
    answer = server.connect().ask(messageType="action", action="greet", params=params)

    assert answer["error"]["message"] == "Missing required param: undefined"
    assert answer["error"]["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"


def test_unknown_inputs_are_ignored(server: Started) -> None:
    """They come from strangers."""
    assert "response" in server.connect().call("greet", name="Ada", more=1)


def test_a_secret_is_not_told(server: Started) -> None:
    """Neither to who sent it, nor to the log."""
    client = server.connect()

    answer = client.call("keep", password="hunter2")

    assert "hunter2" not in str(answer)
    server.wait_for(r"keep CONNECTION_ACTION_PARAM_REQUIRED")
    assert "hunter2" not in server.stderr


def test_an_unexpected_failure_is_told_without_our_insides(server: Started) -> None:
    """With the identifier by which the log knows it."""
    error = server.connect().call("fail")["error"]

    assert (error["message"], error["type"]) == ("Internal error", "CONNECTION_ACTION_RUN")
    server.wait_for(f"fail CONNECTION_ACTION_RUN .*request_id={error['request_id']}")


def test_each_call_keeps_its_identifier(server: Started) -> None:
    """Who asks when the call is answered already gets that of no other."""
    client = server.connect()

    client.call("afterwards", name="Ada")
    client.call("afterwards", name="Grace")

    ada = server.wait_for(r"afterwards: Ada (\S+)")
    grace = server.wait_for(r"afterwards: Grace (\S+)")
    assert ada[0][1] != grace[0][1]


def test_each_call_has_its_line(server: Started) -> None:
    """With the door it came through."""
    client = server.connect()
    client.call("greet", name="Grace Hopper")
    client.call("nowhere")

    line = server.wait_for(r'greet ok .*"Grace Hopper".*')[0][0]
    assert re.search(
        r"transport=websocket milliseconds=[\d.]+ request_id=\S+ remote=127.0.0.1", line
    )
    server.wait_for(r"CONNECTION_ACTION_NOT_FOUND transport=websocket")


def test_calls_of_one_socket_run_at_once(server: Started) -> None:
    """One that takes its time delays no other, and answers come as they are ready."""
    client = server.connect()
    client.say(messageType="action", action="wait", messageId="slow")
    server.wait_for("waiting")

    quick = client.call("greet", name="Ada")
    client.say(messageType="action", action="release", messageId="release")

    assert quick["messageId"] == "greet"
    assert {client.next()["messageId"], client.next()["messageId"]} == {"slow", "release"}


def test_a_call_that_waits_too_long_is_told_so(server: Started) -> None:
    """Its limit holds, though it began without one, and what was begun around it is undone."""
    client = server.connect()
    seen = len(re.findall("after late: CONNECTION_ACTION_TIMEOUT", server.stderr))

    error = client.call("late")["error"]

    assert error["message"] == "Action 'late' timed out after 100ms"
    assert error["type"] == "CONNECTION_ACTION_TIMEOUT"
    server.wait_for("after late: CONNECTION_ACTION_TIMEOUT", times=seen + 1)


def test_an_action_may_set_limits_of_its_own(server: Started) -> None:
    """It is in a task, from its first step on."""
    assert server.connect().call("in:time")["response"] == {"task": True}


def test_a_call_leaves_nothing_to_the_next(server: Started) -> None:
    """Neither in its context nor in its task, though all begin where the socket is read."""
    client = server.connect()

    answers = [client.call("mark", name="Ada")["response"] for _ in range(3)]

    assert answers == [{"before": None, "seen": False}] * 3


def test_calls_that_need_not_wait_are_answered_in_their_order(server: Started) -> None:
    """Twenty at once, while another waits."""
    client = server.connect()
    client.say(messageType="action", action="wait", messageId="slow")
    server.wait_for("waiting")

    for number in range(20):
        client.say(messageType="action", action="greet", messageId=number, params={"name": "Ada"})
    numbers = [client.next()["messageId"] for _ in range(20)]
    client.say(messageType="action", action="release", messageId="release")

    assert numbers == list(range(20))
    assert {client.next()["messageId"], client.next()["messageId"]} == {"slow", "release"}


def test_a_stream_comes_in_parts(server: Started) -> None:
    """Each as a text, and one message after the last."""
    client = server.connect()

    first = client.call("stream", count=2)

    assert first == {"messageId": "stream", "streaming": True, "chunk": 'data: {"number":0}\n\n'}
    assert client.next() == {
        "messageId": "stream",
        "streaming": True,
        "chunk": 'data: {"number":1}\n\n',
    }
    assert client.next() == {"messageId": "stream", "streaming": False}


def test_chunks_come_as_the_texts_that_they_are(server: Started) -> None:
    """What is no event has no frame around it."""
    client = server.connect()

    parts = [client.call("chunks"), client.next(), client.next()]

    assert [item.get("chunk") for item in parts] == ["gr", "üße", None]
    assert parts[2]["streaming"] is False


def test_an_event_has_its_name_and_its_identifier(server: Started) -> None:
    """In the form that it has over HTTP."""
    part = server.connect().call("event")

    assert part["chunk"] == 'event: counter\nid: 7\ndata: {"index":1}\n\n'


def test_an_empty_stream_only_ends(server: Started) -> None:
    """There is no part to tell."""
    answer = server.connect().call("stream", count=0)

    assert answer == {"messageId": "stream", "streaming": False}


def test_a_stream_that_fails_before_it_begins_is_an_error_like_any_other(server: Started) -> None:
    """Nothing of a stream is told."""
    client = server.connect()

    wrong = client.call("stream", count=-1)
    refused = client.call("stream", count=0, fails=True)

    assert wrong["error"]["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"
    assert refused["error"]["message"] == "No more"
    assert "response" in client.call("over:socket")


def test_whoever_leaves_ends_the_call(server: Started) -> None:
    """What was begun around it is undone."""
    client = server.connect()
    seen = len(re.findall("after wait: cancelled", server.stderr))
    client.say(messageType="action", action="wait")
    server.wait_for("waiting")

    client.close()

    server.wait_for("after wait: cancelled", times=seen + 1)


def test_a_stream_that_fails_later_says_so_and_ends(server: Started) -> None:
    """What came before stays told."""
    client = server.connect()

    parts = [client.call("stream", count=2, fails=True), *(client.next() for _ in range(3))]

    assert [part["streaming"] for part in parts] == [True, True, True, False]
    event, data = parts[2]["chunk"].splitlines()[:2]
    assert event == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["message"] == "No more"
    assert {part["messageId"] for part in parts} == {"stream"}


@pytest.mark.parametrize(("action", "type_"), [
    ("refuse", "ACTION_VALIDATION"),
    ("fail", "CONNECTION_ACTION_RUN"),
    ("nowhere", "CONNECTION_ACTION_NOT_FOUND"),
    ("greet", "CONNECTION_ACTION_PARAM_REQUIRED"),
])  # fmt: skip
def test_failures_are_told_in_the_profile_of_the_server(
    original: Started, action: str, type_: str
) -> None:
    """The same table that HTTP has."""
    answer = original.connect().call(action)

    assert answer["error"]["type"] == type_


def test_in_the_standard_profile_failures_have_our_own_names(running: Started) -> None:
    """A conflict is one."""
    assert running.connect().call("refuse")["error"]["type"] == "CONNECTION_ACTION_CONFLICT"


def test_a_wrong_websocket_attribute_is_told_at_the_start(start_server: StartServer) -> None:
    """With the action, and what to write instead."""
    server = start_server(environ={"SOCKETAPP_WRONG": "1"}, wait=False)

    assert server.wait() == 78
    assert "action 'wrong'" in server.stderr
    assert "has websocket = 'yes'; write True" in server.stderr
