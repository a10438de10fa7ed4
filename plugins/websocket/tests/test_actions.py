"""Calls over a socket: responses, errors and streams."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import ServerProcess, StartServer

TEXT, BINARY = 1, 2


@pytest.fixture
def server(each_server: ServerProcess) -> ServerProcess:
    """Yield a server for each error format and store."""
    return each_server


def test_responses_have_the_value_and_the_message_id(server: ServerProcess) -> None:
    """In this order."""
    client = server.connect()

    response = client.request(
        messageType="action", action="greet", messageId=1, params={"name": "Ada", "times": 2}
    )

    assert response == {"messageId": 1, "response": {"greeting": "Hello, Ada!", "times": 2}}
    assert list(response) == ["messageId", "response"]


@pytest.mark.parametrize(
    "message_id", [0, "seven", None, True, 1.5, [1, {"a": "b"}], {"deep": {"er": [None]}}, 2**70]
)
def test_message_ids_are_returned_unchanged(server: ServerProcess, message_id: Any) -> None:
    """Any JSON value is valid."""
    response = server.connect().request(
        messageType="action", action="greet", messageId=message_id, params={"name": "Ada"}
    )

    assert response["messageId"] == message_id
    assert "response" in response


def test_responses_have_no_message_id_without_one_in_the_request(server: ServerProcess) -> None:
    """The key is absent, not null."""
    response = server.connect().request(
        messageType="action", action="greet", params={"name": "Ada"}
    )

    assert list(response) == ["response"]


def test_binary_messages_are_accepted(server: ServerProcess) -> None:
    """Responses are single text frames of compact JSON."""
    client = server.connect()
    client.send_frame(BINARY, b'{"messageType": "action", "action": "over:socket"}')

    frame = client.read_frame()

    assert (frame.opcode, frame.fin, frame.reserved) == (TEXT, True, 0)
    assert frame.content == b'{"response":{"transport":"websocket","path":"/api"}}'


@pytest.mark.parametrize("path", ["/api", "/", "/ws", "/api/", "/ws/", "/ws?token=1"])
def test_three_paths_accept_sockets(server: ServerProcess, path: str) -> None:
    """With and without a trailing slash and a query."""
    client = server.connect(path)

    assert client.call("over:socket")["response"]["path"] == path.partition("?")[0]


@pytest.mark.parametrize(("kind", "response"), [
    ("list", {"0": "a", "1": {"b": 1}}),
    ("none", {}),
    ("text", "grüße"),
    ("number", 7),
    ("model", {"name": "Ada", "times": 1}),
])  # fmt: skip
def test_values_are_encoded_by_their_type(server: ServerProcess, kind: str, response: Any) -> None:
    """A list is an object with its indexes as keys, as clients of the original expect."""
    assert server.connect().call("value", kind=kind)["response"] == response


def test_large_values_are_sent(server: ServerProcess) -> None:
    """The size of responses is not limited."""
    assert server.connect().call("value", kind="large")["response"] == "x" * 100_000


@pytest.mark.parametrize("action", ["value", "annotated-response", "redirect"])
def test_http_responses_are_an_error(server: ServerProcess, action: str) -> None:
    """A response object of aiohttp is not supported over WebSocket, returned or raised."""
    inputs = {"kind": "http"} if action == "value" else {}
    error = server.connect().call(action, **inputs)["error"]

    assert error["type"] == "CONNECTION_TYPE_NOT_FOUND"


def test_unserializable_values_are_an_internal_error(server: ServerProcess) -> None:
    """The cause is logged."""
    error = server.connect().call("value", kind="unserializable")["error"]

    assert (error["message"], error["type"]) == ("Internal error", "CONNECTION_ACTION_RUN")


@pytest.mark.parametrize("name", ["unknown", "internal", "not:over:socket", "", "ü" * 300, "a b"])
def test_actions_that_are_not_exposed_are_not_found(server: ServerProcess, name: str) -> None:
    """The response does not reveal whether the action exists."""
    response = server.connect().call(name)

    assert response["error"]["message"] == (
        f"Action not found: {name}" if name else "Action not found"
    )
    assert response["error"]["type"] == "CONNECTION_ACTION_NOT_FOUND"
    assert response["messageId"] == name


@pytest.mark.parametrize(("fields", "message"), [
    ({}, "Action not found"),
    ({"action": None}, "Action not found"),
    ({"action": 5}, "Action not found: 5"),
    ({"action": ["greet"]}, 'Action not found: ["greet"]'),
])  # fmt: skip
def test_invalid_action_names_are_not_found(
    server: ServerProcess, fields: dict[str, Any], message: str
) -> None:
    """Other types than strings are quoted as JSON."""
    response = server.connect().request(messageType="action", messageId=1, **fields)

    assert (response["messageId"], response["error"]["message"]) == (1, message)


@pytest.mark.parametrize("message", [
    {}, {"messageType": "nope"}, {"messageType": None}, {"messageType": ["action"]},
])  # fmt: skip
def test_unknown_message_types_are_an_error(server: ServerProcess, message: dict[str, Any]) -> None:
    """The response has the message id."""
    response = server.connect().request(messageId="m", **message)

    assert response["messageId"] == "m"
    assert response["error"]["message"] == "Error: messageType either missing or unknown"
    assert response["error"]["type"] == "CONNECTION_ACTION_RUN"


@pytest.mark.parametrize("text", [b"[1, 2]", b"7", b"null", b'"action"'])
def test_messages_other_than_objects_have_an_unknown_type(
    server: ServerProcess, text: bytes
) -> None:
    """They are valid JSON without a `messageType`."""
    client = server.connect()
    client.send_frame(TEXT, text)

    response = client.read_json()

    assert list(response) == ["error"]
    assert response["error"]["message"] == "Error: messageType either missing or unknown"


@pytest.mark.parametrize("text", [
    b"", b"{", b"{'a': 1}", b"invalid", b'{"messageId": NaN}', b"\xef\xbb\xbf{}",
])  # fmt: skip
def test_invalid_json_is_an_error(server: ServerProcess, text: bytes) -> None:
    """JSON is parsed as strictly as over HTTP; the response has no message id."""
    client = server.connect()
    client.send_frame(TEXT, text)

    response = client.read_json()

    assert list(response) == ["error"]
    assert response["error"]["message"].startswith("SyntaxError: ")
    assert response["error"]["type"] == "CONNECTION_ACTION_RUN"
    assert "response" in client.call("over:socket")


@pytest.mark.parametrize("nested", [b"[" * 65 + b"]" * 65, b'{"a}":' * 99 + b"1" + b"}" * 99])
@pytest.mark.parametrize("id", [7, [1, {"a": "]"}], {}, None, "]"])
def test_messages_nested_too_deep_have_an_error_with_their_id(
    server: ServerProcess, nested: bytes, id: Any
) -> None:
    """Before and after the nested values; they are valid JSON, and not called invalid."""
    client = server.connect()
    encoded = json.dumps(id).encode()
    for message in (
        b'{"params": %b, "messageId": %b}' % (nested, encoded),
        b'{"messageId": %b, "x": [], "params": %b}' % (encoded, nested),
    ):
        client.send_frame(TEXT, message)

        response = client.read_json()

        assert response["messageId"] == id
        text = "the JSON document is nested deeper than 64 levels"
        assert response["error"]["message"] == text


@pytest.mark.parametrize("text", [
    b"[" * 65 + b"]" * 65, b'{"messageId": 1, "params": ' + b"[" * 60_000,
    b'{"messageId": ' + b"[" * 65 + b"]" * 65 + b"}",
])  # fmt: skip
def test_ids_that_cannot_be_read_are_left_out(server: ServerProcess, text: bytes) -> None:
    """Of messages that are nested too deep."""
    client = server.connect()
    client.send_frame(TEXT, text)

    assert list(client.read_json()) == ["error"]


def test_ids_after_a_hundred_thousand_values_are_left_out(start_server: StartServer) -> None:
    """Those that are arrays, of a message that is nested too deep."""
    server = start_server("[websocket]\nmessage_limit_bytes = 1048576\n")
    client = server.connect()
    beginning = b'{"deep": %b, %b' % (b"[" * 65 + b"]" * 65, b'"a": "b", ' * 50_000)
    for encoded in (b'["id"]', b"[0]", b"7"):
        client.send_frame(TEXT, beginning + b'"messageId": %b}' % encoded)

    ids = [client.read_json().get("messageId") for _ in range(3)]

    assert ids == [None, None, 7]


@pytest.mark.parametrize(
    ("name", "type_"),
    [("a\\u0000", "nul"), ("\\ud800", "lone_surrogate"), ("\\udc00x", "lone_surrogate")],
)
def test_unsupported_texts_are_invalid_inputs(server: ServerProcess, name: str, type_: str) -> None:
    """Valid JSON, with the id of the message and a pointer."""
    client = server.connect()
    message = (
        '{"messageType": "action", "action": "greet", "messageId": 5, "params": {"name": "%s"}}'
    )
    client.send_frame(TEXT, (message % name).encode())

    response = client.read_json()

    assert response["messageId"] == 5
    assert response["error"]["key"] == "name"
    assert response["error"]["errors"][0]["pointer"] == "/name"
    assert response["error"]["errors"][0]["type"] == type_


def test_all_invalid_inputs_are_reported(server: ServerProcess) -> None:
    """The first is the main error, as over every transport."""
    error = server.connect().call("greet", name="A", times="2")["error"]

    assert error["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"
    assert (error["key"], error["value"]) == ("name", "A")
    assert [problem["pointer"] for problem in error["errors"]] == ["/name", "/times"]
    assert list(error) == ["message", "type", "timestamp", "key", "value", "errors", "request_id"]


@pytest.mark.parametrize("params", [None, {}])
def test_the_first_missing_input_is_reported(server: ServerProcess, params: Any) -> None:
    """`params` are optional."""
    response = server.connect().request(messageType="action", action="greet", params=params)

    assert response["error"]["message"] == "Missing required param: name"


@pytest.mark.parametrize("params", [[], [1], 5, "name", True, False, 0, ""])
def test_params_other_than_objects_are_an_error(server: ServerProcess, params: Any) -> None:
    """The message is that of the original ActionHero."""
    response = server.connect().request(messageType="action", action="greet", params=params)

    assert response["error"]["message"] == "Missing required param: undefined"
    assert response["error"]["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"


def test_unknown_inputs_are_ignored(server: ServerProcess) -> None:
    """As over HTTP."""
    assert "response" in server.connect().call("greet", name="Ada", more=1)


def test_secrets_are_neither_returned_nor_logged(server: ServerProcess) -> None:
    """Also if they are invalid."""
    client = server.connect()

    response = client.call("secret:store", password="hunter2")

    assert "hunter2" not in str(response)
    server.wait_for(r"secret:store CONNECTION_ACTION_PARAM_REQUIRED")
    assert "hunter2" not in server.stderr


def test_unexpected_errors_reveal_no_internals(server: ServerProcess) -> None:
    """The response has the request id of the log entry."""
    error = server.connect().call("fail")["error"]

    assert (error["message"], error["type"]) == ("Internal error", "CONNECTION_ACTION_RUN")
    server.wait_for(f"fail CONNECTION_ACTION_RUN .*request_id={error['request_id']}")


def test_each_call_keeps_its_request_id(server: ServerProcess) -> None:
    """Also after its response."""
    client = server.connect()

    client.call("deferred", name="Ada")
    client.call("deferred", name="Grace")

    ada = server.wait_for(r"deferred: Ada (\S+)")
    grace = server.wait_for(r"deferred: Grace (\S+)")
    assert ada[0][1] != grace[0][1]


def test_each_call_is_logged(server: ServerProcess) -> None:
    """With its transport."""
    client = server.connect()
    client.call("greet", name="Grace Hopper")
    client.call("unknown")

    line = server.wait_for(r'greet ok .*"Grace Hopper".*')[0][0]
    assert re.search(
        r"transport=websocket milliseconds=[\d.]+ request_id=\S+ remote=127.0.0.1", line
    )
    server.wait_for(r"CONNECTION_ACTION_NOT_FOUND transport=websocket")


def test_calls_of_one_socket_run_concurrently(server: ServerProcess) -> None:
    """Responses are sent in the order of completion."""
    client = server.connect()
    client.send_json(messageType="action", action="wait", messageId="slow")
    server.wait_for("waiting for release")

    quick = client.call("greet", name="Ada")
    client.send_json(messageType="action", action="release", messageId="release")

    assert quick["messageId"] == "greet"
    assert {client.read_json()["messageId"], client.read_json()["messageId"]} == {"slow", "release"}


def test_slow_calls_time_out(server: ServerProcess) -> None:
    """The time limit applies although the call started eagerly, and `after` of middleware runs."""
    client = server.connect()
    before = len(re.findall("after slow: CONNECTION_ACTION_TIMEOUT", server.stderr))

    error = client.call("slow")["error"]

    assert error["message"] == "Action 'slow' timed out after 100ms"
    assert error["type"] == "CONNECTION_ACTION_TIMEOUT"
    server.wait_for("after slow: CONNECTION_ACTION_TIMEOUT", times=before + 1)


@pytest.mark.parametrize("count", [0, 1])
def test_calls_that_cancel_themselves_have_an_error(server: ServerProcess, count: int) -> None:
    """The client does not wait forever."""
    message = server.connect().call("cancel:itself", count=count)

    assert message["messageId"] == "cancel:itself"
    assert message["error"]["message"] == "The call was cancelled"


def test_actions_can_use_timeouts(server: ServerProcess) -> None:
    """They run in a task from their first step on."""
    assert server.connect().call("own:timeout")["response"] == {"task": True}


def test_calls_are_isolated_from_each_other(server: ServerProcess) -> None:
    """Each has its own context and task, although all start in the same callback."""
    client = server.connect()

    responses = [client.call("isolation", name="Ada")["response"] for _ in range(3)]

    assert responses == [{"before": None, "known": False}] * 3


def test_calls_without_suspension_are_completed_in_order(server: ServerProcess) -> None:
    """Twenty calls, while another one waits."""
    client = server.connect()
    client.send_json(messageType="action", action="wait", messageId="slow")
    server.wait_for("waiting for release")

    for number in range(20):
        client.send_json(
            messageType="action", action="greet", messageId=number, params={"name": "Ada"}
        )
    ids = [client.read_json()["messageId"] for _ in range(20)]
    client.send_json(messageType="action", action="release", messageId="release")

    assert ids == list(range(20))
    assert {client.read_json()["messageId"], client.read_json()["messageId"]} == {"slow", "release"}


def test_streams_are_sent_in_chunks(server: ServerProcess) -> None:
    """One message for each item, and one for the end."""
    client = server.connect()

    first = client.call("stream", count=2)

    assert first == {"messageId": "stream", "streaming": True, "chunk": 'data: {"number":0}\n\n'}
    assert client.read_json() == {
        "messageId": "stream",
        "streaming": True,
        "chunk": 'data: {"number":1}\n\n',
    }
    assert client.read_json() == {"messageId": "stream", "streaming": False}


def test_chunks_of_a_stream_are_sent_as_text(server: ServerProcess) -> None:
    """Without the framing of server-sent events."""
    client = server.connect()

    messages = [client.call("chunks"), client.read_json(), client.read_json()]

    assert [item.get("chunk") for item in messages] == ["gr", "üße", None]
    assert messages[2]["streaming"] is False


def test_events_have_a_name_and_an_id(server: ServerProcess) -> None:
    """As over HTTP."""
    message = server.connect().call("event")

    assert message["chunk"] == 'event: counter\nid: 7\ndata: {"index":1}\n\n'


def test_empty_streams_have_only_an_end(server: ServerProcess) -> None:
    """There is no chunk."""
    message = server.connect().call("stream", count=0)

    assert message == {"messageId": "stream", "streaming": False}


@pytest.mark.parametrize(("cancel", "outcome"), [("true", "cancelled"), ("false", "value")])
def test_clients_end_streams(start_server: StartServer, cancel: str, outcome: str) -> None:
    """Those that run, and those that wait for the end of others."""
    server = start_server(
        f"cancel_on_disconnect = {cancel}\n[websocket]\nmessages_per_second = 0\nstreams = 1\n"
    )
    client = server.connect()

    def request(kind: str, id: str) -> None:
        client.send_json(
            messageType=kind, messageId=id, action="stream", params={"count": 1_000_000_000}
        )

    def read_end(id: str) -> None:
        while (message := client.read_json())["streaming"]:
            assert message["messageId"] == "running"
        assert message["messageId"] == id

    for id in ("running", "waiting"):
        request("action", id)
    request("cancel", "waiting")
    read_end("waiting")
    request("cancel", "running")
    read_end("running")
    request("cancel", "running")

    assert client.call("over:socket")["messageId"] == "over:socket"
    assert server.wait_for(f"after stream: {outcome}")


def test_other_ids_end_no_stream(server: ServerProcess) -> None:
    """Among them is `true`, which is not 1."""
    client = server.connect()
    for id in (1, True):
        client.send_json(messageType="action", messageId=id, action="endless")
    for other in (0, "1", [1], None, False, True):
        client.send_json(messageType="cancel", messageId=other)

    while (message := client.read_json())["streaming"]:
        pass

    assert message["messageId"] is True


def test_errors_before_the_first_item_are_ordinary_errors(server: ServerProcess) -> None:
    """No message of a stream is sent."""
    client = server.connect()

    invalid = client.call("stream", count=-1)
    refused = client.call("stream", count=0, fails=True)

    assert invalid["error"]["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"
    assert refused["error"]["message"] == "No more"
    assert "response" in client.call("over:socket")


def test_a_disconnect_cancels_the_calls(server: ServerProcess) -> None:
    """`after` of middleware runs."""
    client = server.connect()
    before = len(re.findall("after wait: cancelled", server.stderr))
    client.send_json(messageType="action", action="wait")
    server.wait_for("waiting for release")

    client.close()

    server.wait_for("after wait: cancelled", times=before + 1)


def test_errors_after_the_first_item_are_events(server: ServerProcess) -> None:
    """The stream ends after the event."""
    client = server.connect()

    messages = [client.call("stream", count=2, fails=True)]
    messages += [client.read_json() for _ in range(3)]

    assert [message["streaming"] for message in messages] == [True, True, True, False]
    event, data = messages[2]["chunk"].splitlines()[:2]
    assert event == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["message"] == "No more"
    assert {message["messageId"] for message in messages} == {"stream"}


@pytest.mark.parametrize(("action", "type_"), [
    ("refuse", "ACTION_VALIDATION"),
    ("fail", "CONNECTION_ACTION_RUN"),
    ("unknown", "CONNECTION_ACTION_NOT_FOUND"),
    ("greet", "CONNECTION_ACTION_PARAM_REQUIRED"),
])  # fmt: skip
def test_errors_have_the_types_of_the_error_format(
    original_server: ServerProcess, action: str, type_: str
) -> None:
    """The same as over HTTP."""
    response = original_server.connect().call(action)

    assert response["error"]["type"] == type_


def test_the_standard_error_format_has_more_types(shared_server: ServerProcess) -> None:
    """Such as conflicts."""
    assert shared_server.connect().call("refuse")["error"]["type"] == "CONNECTION_ACTION_CONFLICT"


def test_invalid_websocket_attributes_are_refused_at_startup(start_server: StartServer) -> None:
    """With the action and the remedy."""
    server = start_server(environ={"SOCKETAPP_INVALID": "1"}, wait=False)

    assert server.wait() == 78
    assert "action 'invalid'" in server.stderr
    assert "has websocket = 'yes'; set it to True" in server.stderr
