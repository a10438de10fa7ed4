"""The AsyncAPI document of an application."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]
from plugins.asyncapi.tests.conftest import ACTIONS, CHANNELS, PLUGINS, Document, RemarkAdd, Room
from pydantic import create_model

from actionhero import (
    Action,
    Authenticator,
    Field,
    Inputs,
    Middleware,
    PluginError,
    RequestHeader,
    hookimpl,
)
from actionhero_asyncapi import AsyncApiDocument, breaking_changes
from actionhero_channels import Channel
from actionhero_openapi.document import openapi_document
from actionhero_sse import plugin as sse_plugin
from actionhero_websocket import plugin as websocket_plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plugins.asyncapi.tests.conftest import DocumentOf

    from actionhero import App, Connection, Credentials


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def target(document: Document, reference: str) -> Any:
    value: Any = document
    for part in reference.removeprefix("#/").split("/"):
        value = value[part]
    return value


def test_every_reference_has_a_target(document_of: DocumentOf) -> None:
    """And the messages of an operation are messages of its channel."""
    document = document_of(*ACTIONS, *CHANNELS, sse_plugin)

    for reference in references(document):
        target(document, reference)
    for operation in document["operations"].values():
        for part in (operation, operation.get("reply", {"channel": None, "messages": []})):
            for message in part["messages"]:
                assert message["$ref"].startswith(f"{part['channel']['$ref']}/messages/")


class Keys(Authenticator):
    """Has a security scheme of each kind."""

    schemes = ("bearer",)

    async def authenticate(self, credentials: Credentials, connection: Connection) -> None:
        return None

    def security_schemes(self) -> dict[str, dict[str, Any]]:
        urls = {
            "authorizationUrl": "https://login.example/authorize",
            "tokenUrl": "https://login.example/token",
            "refreshUrl": "https://login.example/token",
            "scopes": {"remarks:read": "Read remarks"},
        }
        needed = {
            "implicit": ("authorizationUrl", "scopes"),
            "password": ("tokenUrl", "scopes"),
            "clientCredentials": ("tokenUrl", "scopes"),
            "authorizationCode": ("authorizationUrl", "tokenUrl", "refreshUrl", "scopes"),
        }
        flows = {flow: {key: urls[key] for key in keys} for flow, keys in needed.items()}
        provider = "https://login.example/.well-known/openid-configuration"
        return {
            "key": {"type": "apiKey", "in": "header", "name": "X-Key", "description": "A key."},
            "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "oauth": {"type": "oauth2", "flows": flows, "description": "A token."},
            "provider": {"type": "openIdConnect", "openIdConnectUrl": provider},
        }


class KeysPlugin:
    @hookimpl
    def actionhero_authenticators(self) -> list[Authenticator]:
        return [Keys()]


def test_the_document_is_valid(document_of: DocumentOf) -> None:
    """With the schema of AsyncAPI, also its security schemes, which OpenAPI has in another form."""
    schema = json.loads((Path(__file__).parent / "asyncapi-3.0.0.json").read_text())

    document = document_of(*ACTIONS, *CHANNELS, sse_plugin, KeysPlugin())

    assert set(document["components"]["securitySchemes"]) >= Keys().security_schemes().keys()
    assert [error.message for error in Draft7Validator(schema).iter_errors(document)] == []


def model(name: str, **types: Any) -> Any:
    """Return a model of inputs with fields of these types."""
    fields: dict[str, Any] = {field: (type_, ...) for field, type_ in types.items()}
    return create_model(name, __base__=Inputs, **fields)


@pytest.mark.parametrize(
    "tag", ["properties", "$defs", "prefixItems", "items", "default", "enum", "$ref", "writeOnly"]
)
def test_tags_may_be_keywords_of_schemas(document_of: DocumentOf, tag: str) -> None:
    """Also of a union in a result."""
    first = model("First", kind=Literal[tag])
    second = model("Second", kind=Literal["b"])
    holder = model("Holder", item=Annotated[first | second, Field(discriminator="kind")])

    class Show(Action):
        name = "show"
        web = "POST /show"

        async def run(self, inputs: holder) -> holder: ...  # type: ignore[valid-type]

    document = document_of(Show)

    for reference in references(document):
        target(document, reference)
    schemas = document["components"]["schemas"]
    item = schemas["Holder"]["properties"]["item"]
    assert item.get("discriminator") == (None if tag == "$defs" else "kind")
    assert schemas["First"]["properties"]["kind"]["const"] == tag


def test_exposed_actions_are_operations_with_a_reply(document_of: DocumentOf) -> None:
    """Without those with files, which messages cannot have."""
    operations = document_of(*ACTIONS, *CHANNELS)["operations"]

    replies = {
        name: [each["$ref"].rpartition("/")[2] for each in operation["reply"]["messages"]]
        for name, operation in operations.items()
        if name.startswith(("call_remark", "call_private"))
    }
    assert replies == {
        "call_remark_add": ["remark_add_response", "error"],
        "call_remark_list": ["remark_list_response", "error"],
        "call_remark_page": ["remark_page_response", "error"],
        "call_remark_stream": ["remark_stream_chunk", "stream_end", "error"],
        "call_remark_csv": ["remark_csv_chunk", "stream_end", "error"],
        "call_private": ["private_response", "error"],
    }
    missing = {"call_upload", "call_hidden", "call_unexposed"}
    assert not missing & operations.keys()
    assert [name for name, each in operations.items() if "security" in each] == ["call_private"]


def test_the_request_of_an_action_has_its_inputs_and_examples(document_of: DocumentOf) -> None:
    document = document_of(*ACTIONS, *CHANNELS)
    operation = document["operations"]["call_remark_add"]
    request = document["components"]["messages"]["remark_add_request"]

    assert operation["description"].startswith("Add a remark to a room.")
    assert operation["tags"] == [{"name": "remark"}]
    assert request["payload"]["required"] == ["messageType", "action", "params"]
    inputs = target(document, request["payload"]["properties"]["params"]["$ref"])
    assert inputs["required"] == ["room", "text"]
    assert request["examples"] == [
        {
            "name": "a greeting",
            "payload": {
                "messageType": "action",
                "messageId": 1,
                "action": "remark:add",
                "params": {"room": 7, "text": "Hello"},
            },
        }
    ]
    assert request["correlationId"] == {"$ref": "#/components/correlationIds/messageId"}


def test_channels_have_parameters_and_typed_broadcasts(document_of: DocumentOf) -> None:
    document = document_of(*ACTIONS, *CHANNELS, sse_plugin)
    channels = document["channels"]

    assert {name: each["address"] for name, each in channels.items()} == {
        "socket": "/",
        "news": "news",
        "room_id": "room:{id}",
        "events_news": "/channels/news/events",
        "events_room_id": "/channels/room:{id}/events",
    }
    assert list(channels["room_id"]["parameters"]) == ["id"]
    assert "parameters" not in channels["news"]
    assert channels["room_id"]["description"] == "The remarks in a room."
    # Not the description of the base class.
    assert "description" not in channels["news"]
    broadcast = document["components"]["messages"]["room_id_broadcast"]["payload"]
    content = broadcast["properties"]["message"]["properties"]["message"]
    assert content == {"$ref": "#/components/schemas/Remark"}


@pytest.mark.parametrize(
    ("without", "extra", "channels", "protocols"),
    [
        (None, (), {"socket", "room_id"}, {"ws"}),
        (None, (sse_plugin,), {"socket", "room_id", "events_room_id"}, {"ws", "http"}),
        (websocket_plugin, (sse_plugin,), {"events_room_id"}, {"http"}),
    ],
    ids=["WebSocket", "both", "server-sent events"],
)
def test_transports_that_are_not_enabled_are_absent(
    document_of: DocumentOf,
    without: Any,
    extra: tuple[Any, ...],
    channels: set[str],
    protocols: set[str],
) -> None:
    plugins = tuple(each for each in PLUGINS if each is not without)

    document = document_of(Room, *extra, plugins=plugins)

    assert document["channels"].keys() == channels
    assert {each["protocol"] for each in document["servers"].values()} == protocols


def test_the_settings_have_the_servers(document_of: DocumentOf) -> None:
    document = document_of(
        Room,
        sse_plugin,
        ACTIONHERO_ASYNCAPI__SERVERS='["https://example.com", "http://localhost:8080"]',
        ACTIONHERO_WEB__PREFIX="/v1",
    )

    servers = {
        name: f"{each['protocol']}://{each['host']}{each['pathname']}"
        for name, each in document["servers"].items()
    }
    assert servers == {
        "websocket": "wss://example.com/ws",
        "http": "https://example.com/v1",
        "websocket_2": "ws://localhost:8080/ws",
        "http_2": "http://localhost:8080/v1",
    }


def test_schemas_are_those_of_the_openapi_document(load_app: Callable[..., App]) -> None:
    """With the same names, so that generated types can be shared."""
    app = load_app(*ACTIONS, *CHANNELS)

    schemas = AsyncApiDocument(app).to_dict()["components"]["schemas"]
    others = openapi_document(app).to_dict()["components"]["schemas"]

    assert {"Error", "Remark"} <= schemas.keys() & others.keys()
    for name in schemas.keys() & others.keys():
        assert schemas[name] == others[name]


class Keyed(Middleware):
    """Middleware that reads the idempotency key."""

    def __init__(self, *, required: bool) -> None:
        header = RequestHeader("Idempotency-Key", "Identifies the call.", required=required)
        self.request_headers = (header, RequestHeader("X-Other", "Over HTTP only."))


def test_the_request_of_an_action_has_its_idempotency_key(document_of: DocumentOf) -> None:
    """Other headers have no field in the message."""

    class Pay(Action):
        name = "pay"
        websocket = True
        middleware = [Keyed(required=True)]

        async def run(self) -> int:
            return 1

    class Refund(Pay):
        name = "refund"
        middleware = [Keyed(required=False)]

    messages = document_of(Pay, Refund)["components"]["messages"]

    pay, refund = messages["pay_request"]["payload"], messages["refund_request"]["payload"]
    key = {"type": "string", "description": "Identifies the call."}
    assert pay["properties"]["idempotencyKey"] == refund["properties"]["idempotencyKey"] == key
    assert pay["required"] == ["messageType", "action", "idempotencyKey"]
    assert refund["required"] == ["messageType", "action"]
    assert "Other" not in str(pay)


def test_additions_rename_nothing(document_of: DocumentOf) -> None:
    class Remark(TypedDict):
        number: int

    class Letter(Channel):
        name = "letters"
        message = int

    class LetterAdd(Action):
        name = "letter:add"
        web = "POST /letters"

        async def run(self) -> dict[str, int]:
            return {}

    old = document_of(*ACTIONS, *CHANNELS)
    new = document_of(LetterAdd, Letter, *ACTIONS, *CHANNELS)

    assert breaking_changes(old, new) == []
    for part in ("schemas", "messages"):
        assert old["components"][part].items() <= new["components"][part].items()
    for part in ("channels", "operations"):
        assert old[part].keys() < new[part].keys()


def test_names_with_the_same_identifier_have_keys_of_their_own(document_of: DocumentOf) -> None:
    """None replaces another one, nor the channel of the whole socket."""
    names = ["socket", "room:{id}", "room:id", "room.id", "events:news", "news", ":"]
    channels = [type("Other", (Channel,), {"name": name}) for name in names]

    class Dotted(RemarkAdd):
        name = "remark.add"
        web = "POST /dotted"

    document = document_of(RemarkAdd, Dotted, *channels, sse_plugin)

    test_every_reference_has_a_target(lambda *_: document)
    addresses = [channel["address"] for channel in document["channels"].values()]
    assert sorted(addresses) == sorted(
        ["/", *names, *(f"/channels/{name}/events" for name in names)]
    )
    requests = [
        message["payload"]["properties"]["action"]["const"]
        for name, message in document["components"]["messages"].items()
        if name.startswith("remark_add") and name.endswith("request")
    ]
    assert sorted(requests) == ["remark.add", "remark:add"]
    assert {"call_remark_add", "call_remark_add_2"} <= document["operations"].keys()
    assert all(document["channels"])


def test_an_invalid_server_is_an_error_of_the_settings(load_app: Callable[..., App]) -> None:
    with pytest.raises(PluginError, match=r"'example\.com' is not an origin; write https:"):
        load_app(RemarkAdd, ACTIONHERO_ASYNCAPI__SERVERS='["example.com"]')


def test_the_document_is_json(document_of: DocumentOf) -> None:
    document = document_of(*ACTIONS, *CHANNELS, sse_plugin)

    assert json.loads(json.dumps(document, allow_nan=False)) == document
