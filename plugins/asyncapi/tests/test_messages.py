"""The messages of a running server, validated against the document that it serves."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

#: Requests, each with its operation.
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("subscribe", {"messageType": "subscribe", "channel": "room:7"}),
    ("subscribe", {"messageType": "subscribe", "channel": "room:7", "since": "0-0"}),
    ("subscribe", {"messageType": "subscribe", "channel": "news", "since": None}),
    ("subscribe", {"messageType": "subscribe", "channel": "nowhere"}),
    ("subscribe", {"messageType": "subscribe", "channels": ["news", "room:8"]}),
    ("unsubscribe", {"messageType": "unsubscribe", "channel": "room:7"}),
    ("call_remark_add", {"action": "remark:add", "params": {"room": 7, "text": "Hello"}}),
    ("call_remark_add", {"action": "remark:add", "params": {"room": 7}}),
    ("call_remark_list", {"action": "remark:list"}),
    ("call_remark_page", {"action": "remark:page"}),
    ("call_remark_page", {"action": "remark:page", "params": {"page": 1}}),
    ("call_remark_page", {"action": "remark:page", "params": {"page": 2}}),
    ("call_remark_stream", {"action": "remark:stream"}),
    ("call_remark_csv", {"action": "remark:csv"}),
    ("call_nothing", {"action": "nothing"}),
    ("call_private", {"action": "private"}),
]


class Contract:
    """The schemas of a document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def names(self, part: dict[str, Any]) -> list[str]:
        """Return the names of the messages of an operation or of a reply."""
        return [each["$ref"].rpartition("/")[2] for each in part["messages"]]

    def matches(self, name: str, value: Any) -> bool:
        """Return whether a value has the schema of a message."""
        schema = self.document["components"]["messages"][name]["payload"]
        validator = Draft7Validator({**schema, "components": self.document["components"]})
        return bool(validator.is_valid(value))


@pytest.mark.parametrize(
    ("operation", "request_message"), REQUESTS, ids=[json.dumps(each) for _, each in REQUESTS]
)
async def test_requests_and_replies_have_the_schema_of_their_operation(
    origin: str, operation: str, request_message: dict[str, Any]
) -> None:
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{origin}/asyncapi.json") as response,
        client.ws_connect(f"{origin}/ws") as socket,
    ):
        contract = Contract(await response.json())
        declared = contract.document["operations"][operation]
        message = {"messageType": "action", "messageId": 1, **request_message}
        await socket.send_json(message)
        replies: list[dict[str, Any]] = []
        while not replies or replies[-1].get("streaming"):
            received = await socket.receive_json()
            if received.get("messageId") == 1:
                replies.append(received)

    # Inputs that the action refuses are not in the schema of its request.
    is_valid = not any(reply.get("error", {}).get("key") for reply in replies)
    assert contract.matches(contract.names(declared)[0], message) is is_valid
    for reply in replies:
        names = contract.names(declared["reply"])
        assert [name for name in names if contract.matches(name, reply)], reply


async def test_cancel_and_direct_have_the_schemas_of_their_operations(origin: str) -> None:
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{origin}/asyncapi.json") as response,
        client.ws_connect(f"{origin}/ws") as socket,
    ):
        contract = Contract(await response.json())
        await socket.send_json({"messageType": "action", "action": "greet"})
        direct, _ = [await socket.receive_json() for _ in range(2)]
        await socket.send_json({"messageType": "action", "messageId": 1, "action": "endless"})
        await socket.receive_json()
        cancel = {"messageType": "cancel", "messageId": 1}
        await socket.send_json(cancel)
        end = await socket.receive_json()

    operations = contract.document["operations"]
    (sent,) = contract.names(operations["direct"])
    (request,) = contract.names(operations["cancel"])
    assert contract.matches(sent, direct)
    assert not contract.matches(sent, end)
    assert contract.matches(request, cancel)
    assert not contract.matches(request, {"messageType": "cancel"})
    assert contract.matches(contract.names(operations["cancel"]["reply"])[0], end)


async def test_broadcasts_have_the_schemas_of_their_channel(origin: str) -> None:
    """Over WebSocket, and as server-sent events."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{origin}/asyncapi.json") as response,
        client.ws_connect(f"{origin}/ws") as socket,
        client.get(f"{origin}/api/channels/room:7/events") as events,
    ):
        contract = Contract(await response.json())
        await socket.send_json({"messageType": "subscribe", "messageId": 1, "channel": "room:7"})
        while "subscribed" not in (received := await socket.receive_json()):
            pass
        line = {"room": 7, "text": "Hello"}
        await socket.send_json({"messageType": "action", "action": "remark:add", "params": line})
        messages = [received]
        while messages[-1].get("message", {}).get("sender") != "tester":
            messages.append(await socket.receive_json())
        data: list[dict[str, Any]] = []
        while not data or data[-1].get("sender") != "tester":
            text = (await events.content.readline()).decode()
            if text.startswith("data: "):
                data.append(json.loads(text.removeprefix("data: ")))

    for channel, received_messages in (("room_id", messages[1:]), ("events_room_id", data)):
        names = contract.document["channels"][channel]["messages"]
        for message in received_messages:
            if "response" not in message:
                assert [name for name in names if contract.matches(name, message)], message
    assert contract.matches("room_id_broadcast", messages[-1])
    assert contract.matches("events_room_id_broadcast", data[-1])
    wrong = {"message": {**messages[-1]["message"], "message": {"text": 1}}}
    assert not contract.matches("room_id_broadcast", wrong)
