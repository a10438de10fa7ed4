"""The operations, schemas and responses of actions in the document."""

from __future__ import annotations

from collections.abc import AsyncIterator  # noqa: TC003 - read when the application loads
from typing import TYPE_CHECKING, Any, TypedDict

import pytest
from openapi_spec_validator import validate

from actionhero import (
    Action,
    Call,
    Field,
    File,
    Inputs,
    Middleware,
    NotFound,
    Stream,
    hookimpl,
)
from actionhero.plugins.core_plugin import ShowStatus
from actionhero_openapi import Operation
from actionhero_openapi.document import openapi_document
from actionhero_sessions import RequireSession
from actionhero_web import BodyDecoder, BodyEncoder, Cache, Route

if TYPE_CHECKING:
    from plugins.openapi.tests.conftest import DocumentOf, LoadApp


class Size(Inputs):
    width: int


class Guest(Inputs):
    guest: int = Field(ge=1, description="The number of the guest.")
    size: Size | None = None
    note: str | None = Field(default=None, description="A note.", examples=["hello"])


class GuestView(TypedDict):
    guest: int


class ShowGuest(Action):
    """Show a guest."""

    name = "guest:view"
    web = "GET /guest/{guest}"

    async def run(self, inputs: Guest) -> GuestView | None:
        return None


class EditGuest(Action):
    """Change a guest."""

    name = "guest:edit"
    web = "POST /guest/{guest}"
    middleware = [RequireSession()]
    openapi = {"errors": [NotFound]}

    async def run(self, inputs: Guest) -> GuestView:
        return {"guest": inputs.guest}


def test_the_document_is_valid(
    load_app: LoadApp, document_of: DocumentOf, error_format: str
) -> None:
    """In both error formats."""
    document = document_of(ShowGuest, EditGuest, ACTIONHERO_WEB__ERROR_FORMAT=error_format)

    validate(document)
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "/api"}]


def test_an_operation_has_the_name_of_its_action(document_of: DocumentOf) -> None:
    """Also its description, and its tag."""
    operation = document_of(ShowGuest)["paths"]["/guest/{guest}"]["get"]

    assert operation["operationId"] == "guest:view"
    assert operation["summary"] == "guest:view"
    assert operation["description"] == "Show a guest."
    assert operation["tags"] == ["guest"]


def test_paths_are_those_of_the_routes_without_their_prefix(document_of: DocumentOf) -> None:
    """The route of the document itself is one of them."""
    document = document_of(ShowGuest, EditGuest)

    assert set(document["paths"]) == {"/guest/{guest}", "/status", "/swagger"}
    assert document["paths"]["/swagger"]["get"]["operationId"] == "swagger"


def test_inputs_of_get_are_parameters(document_of: DocumentOf) -> None:
    """A path parameter is not in the query; nested inputs are JSON; text cannot be null."""
    operation = document_of(ShowGuest)["paths"]["/guest/{guest}"]["get"]

    path, size, note = operation["parameters"]
    assert (path["in"], path["name"], path["required"]) == ("path", "guest", True)
    assert path["description"] == "The number of the guest."
    assert path["schema"]["type"] == "integer"
    assert path["schema"]["minimum"] == 1
    assert (size["in"], size["name"], size["required"]) == ("query", "size", False)
    assert size["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Size"}
    assert note["schema"]["type"] == "string"
    assert note["schema"]["examples"] == ["hello"]
    assert "requestBody" not in operation


def test_inputs_of_post_are_a_json_body(document_of: DocumentOf) -> None:
    """The schema is that of the inputs before coercion, without path parameters."""
    document = document_of(EditGuest)
    operation = document["paths"]["/guest/{guest}"]["post"]

    assert [parameter["name"] for parameter in operation["parameters"]] == ["guest"]
    body = operation["requestBody"]
    assert body["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/guest_edit_Request"
    }
    # All of its properties are optional.
    assert body["required"] is False
    request = document["components"]["schemas"]["guest_edit_Request"]
    assert set(request["properties"]) == {"size", "note"}
    assert {"type": "null"} in request["properties"]["note"]["anyOf"]


def test_the_response_has_the_schema_of_the_return_annotation(document_of: DocumentOf) -> None:
    """`None` is an empty object."""
    document = document_of(ShowGuest)
    response = document["paths"]["/guest/{guest}"]["get"]["responses"]["200"]

    assert response["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/guest_view_Response"
    }
    assert document["components"]["schemas"]["guest_view_Response"]["anyOf"] == [
        {"$ref": "#/components/schemas/GuestView"},
        {"type": "object", "maxProperties": 0},
    ]


def test_the_status_action_has_two_statuses(document_of: DocumentOf) -> None:
    """Clients of the original ActionHero read these five fields."""
    document = document_of()
    responses = document["paths"]["/status"]["get"]["responses"]
    status = document["components"]["schemas"]["Status"]

    assert ShowStatus.name == "status"
    assert {"name", "pid", "version", "uptime", "consumedMemoryMB"} <= set(status["required"])
    assert status["properties"]["consumedMemoryMB"]["type"] == "number"
    assert "anyOf" in responses["503"]["content"]["application/json"]["schema"]


def statuses(document: dict[str, Any], path: str, method: str) -> set[str]:
    """Return the statuses of an operation."""
    return set(document["paths"][path][method]["responses"])


@pytest.mark.parametrize(
    ("format_name", "expected"),
    [
        ("standard", {"200", "400", "401", "404", "408", "413", "415", "422", "500", "503"}),
        # A missing record is 500, and an invalid input is 406; 422 is for generators.
        (
            "actionhero",
            {"200", "400", "401", "404", "406", "408", "413", "415", "422", "500", "503"},
        ),
    ],
)
def test_error_responses_have_the_statuses_of_the_error_format(
    document_of: DocumentOf, format_name: str, expected: set[str]
) -> None:
    """Both the declared errors of the action and the errors of the server."""
    document = document_of(EditGuest, ACTIONHERO_WEB__ERROR_FORMAT=format_name)

    assert statuses(document, "/guest/{guest}", "post") == expected


def test_without_declared_errors_all_are_included(document_of: DocumentOf) -> None:
    """Clients expect any of them."""
    included = statuses(document_of(ShowGuest), "/guest/{guest}", "get")

    assert {"401", "403", "404", "409"} <= included
    # A GET request has no body, and the action has no limit.
    assert not {"413", "415", "429"} & included


def test_an_error_has_the_schema_of_the_error_format(document_of: DocumentOf) -> None:
    """The names of its types, and an example with the first of them."""
    standard = document_of()["components"]
    original = document_of(ShowGuest, ACTIONHERO_WEB__ERROR_FORMAT="actionhero")["components"]

    def properties(components: dict[str, Any]) -> dict[str, Any]:
        schema: dict[str, Any] = components["schemas"]["Error"]["properties"]["error"]["properties"]
        return schema

    assert "CONNECTION_ACTION_CONFLICT" in properties(standard)["type"]["enum"]
    assert "CONNECTION_ACTION_CONFLICT" not in properties(original)["type"]["enum"]
    assert properties(standard)["retry_after"]["type"] == "integer"
    assert "retry_after" not in properties(original)
    media = original["responses"]["Error406"]["content"]["application/json"]
    assert media["example"]["error"]["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"


def test_actions_with_a_session_have_a_security_requirement(document_of: DocumentOf) -> None:
    """Other actions are public."""
    document = document_of(ShowGuest, EditGuest, ACTIONHERO_SESSIONS__COOKIE_NAME="biscuit")

    methods = document["paths"]["/guest/{guest}"]
    assert methods["post"]["security"] == [{"sessionCookie": []}]
    assert methods["get"]["security"] == []
    assert "security" not in document
    scheme = document["components"]["securitySchemes"]["sessionCookie"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "cookie", "biscuit")


def test_middleware_of_a_plugin_may_require_a_session(document_of: DocumentOf) -> None:
    """Also if it applies to every action."""
    from actionhero import hookimpl

    class MembersOnly(Middleware):
        requires_session = True

    class Plugin:
        @hookimpl
        def actionhero_middleware(self) -> list[Middleware]:
            return [MembersOnly()]

    document = document_of(ShowGuest, Plugin())

    assert document["paths"]["/guest/{guest}"]["get"]["security"] == [{"sessionCookie": []}]


def test_a_file_is_sent_in_a_form(document_of: DocumentOf) -> None:
    """Its field is binary, and the other fields are text."""

    class Picture(Inputs):
        picture: File
        title: str | None = None

    class Send(Action):
        name = "picture:send"
        web = Route.post("/picture")

        async def run(self, inputs: Picture) -> None: ...

    document = document_of(Send)

    body = document["paths"]["/picture"]["post"]["requestBody"]
    assert set(body["content"]) == {"multipart/form-data"}
    assert body["required"] is True
    properties = document["components"]["schemas"]["picture_send_Request"]["properties"]
    assert properties["picture"]["format"] == "binary"
    assert properties["title"]["type"] == "string"


def test_a_stream_has_events(document_of: DocumentOf) -> None:
    """The schema is that of each event."""

    class Count(Action):
        name = "count"
        web = "GET /count"

        async def run(self, call: Call) -> AsyncIterator[GuestView]:
            yield {"guest": 1}

    document = document_of(Count)

    content = document["paths"]["/count"]["get"]["responses"]["200"]["content"]
    assert set(content) == {"text/event-stream"}
    data = content["text/event-stream"]["schema"]["properties"]["data"]
    assert (data["type"], data["contentMediaType"]) == ("string", "application/json")
    assert {"$ref": "#/components/schemas/GuestView"} in data["contentSchema"]["anyOf"]
    assert document["components"]["schemas"]["GuestView"]["required"] == ["guest"]


def test_a_stream_of_chunks_has_any_media_type(document_of: DocumentOf) -> None:
    """The action sets the media type of each response."""

    class Download(Action):
        name = "download"
        web = "GET /download"

        async def run(self) -> Stream: ...  # type: ignore[empty-body]

    content = document_of(Download)["paths"]["/download"]["get"]["responses"]["200"]["content"]

    assert content == {"*/*": {}}


def test_each_route_of_an_action_is_an_operation(document_of: DocumentOf) -> None:
    """Each has a unique name, for generators."""

    class Twice(Action):
        name = "twice"
        web = ["GET /one", "GET /two"]

        async def run(self) -> None: ...

    paths = document_of(Twice)["paths"]

    assert paths["/one"]["get"]["operationId"] == "twice"
    assert paths["/two"]["get"]["operationId"] == "twice_2"


def test_the_attribute_openapi_changes_the_operation(document_of: DocumentOf) -> None:
    """Deprecation, tags, examples, and hidden operations."""

    class Old(Action):
        name = "old"
        web = "POST /old/{guest}"
        openapi = Operation(
            deprecated=True, tags=["cellar"], examples={"one": {"guest": 1, "note": "hi"}}
        )

        async def run(self, inputs: Guest) -> None: ...

    class Secret(Action):
        name = "secret"
        web = "GET /secret"
        openapi = {"hidden": True}

        async def run(self) -> None: ...

    document = document_of(Old, Secret)

    operation = document["paths"]["/old/{guest}"]["post"]
    assert operation["deprecated"] is True
    assert operation["tags"] == ["cellar"]
    assert operation["parameters"][0]["examples"] == {"one": {"value": 1}}
    media = operation["requestBody"]["content"]["application/json"]
    assert media["examples"] == {"one": {"value": {"note": "hi"}}}
    assert "/secret" not in document["paths"]


def test_a_response_without_a_body_has_no_schema(document_of: DocumentOf) -> None:
    """A status without a body, and a HEAD request."""

    class Remove(Action):
        name = "remove"
        web = Route.delete("/it", status=204)

        async def run(self) -> None: ...

    class Look(Action):
        name = "look"
        web = Route.head("/it")

        async def run(self) -> dict[str, int]:
            return {}

    methods = document_of(Remove, Look)["paths"]["/it"]

    assert "content" not in methods["delete"]["responses"]["204"]
    assert "content" not in methods["head"]["responses"]["200"]


def test_settings_describe_the_api(document_of: DocumentOf) -> None:
    """Its title, version, description and servers."""
    document = document_of(
        ACTIONHERO_OPENAPI__TITLE="Guests",
        ACTIONHERO_OPENAPI__VERSION="2.1",
        ACTIONHERO_OPENAPI__DESCRIPTION="The guest list.",
        ACTIONHERO_OPENAPI__SERVERS="https://example.com/api",
    )

    assert document["info"] == {
        "title": "Guests",
        "version": "2.1",
        "description": "The guest list.",
    }
    assert document["servers"] == [{"url": "https://example.com/api"}]


class MessagePackDecoder(BodyDecoder):
    """Decodes requests."""

    media_types = ("application/msgpack", "application/x-msgpack")

    def decode(self, body: bytes) -> dict[str, Any]:
        return {}


class MessagePackEncoder(BodyEncoder):
    """Encodes responses."""

    media_type = "application/msgpack"

    def encode(self, value: Any) -> bytes:
        return b""


class MessagePackPlugin:
    """A plugin with another media type."""

    @hookimpl
    def actionhero_web_decoders(self) -> list[BodyDecoder]:
        return [MessagePackDecoder()]

    @hookimpl
    def actionhero_web_encoders(self) -> list[BodyEncoder]:
        return [MessagePackEncoder()]


def test_the_media_types_of_plugins_are_documented(document_of: DocumentOf) -> None:
    """Wherever a body may be JSON, errors included."""
    document = document_of(EditGuest, MessagePackPlugin())

    validate(document)
    operation = document["paths"]["/guest/{guest}"]["post"]
    accepted = operation["requestBody"]["content"]
    assert list(accepted) == ["application/json", "application/msgpack", "application/x-msgpack"]
    assert accepted["application/msgpack"] == accepted["application/json"]
    returned = ["application/json", "application/msgpack"]
    assert list(operation["responses"]["200"]["content"]) == returned
    for response in document["components"]["responses"].values():
        assert list(response["content"]) == returned


def test_a_cached_route_may_respond_without_content(document_of: DocumentOf) -> None:
    """With 304, if the client has the current version."""

    class Show(Action):
        name = "show"
        web = [
            Route.get("/cached", cache=Cache(max_age=60)),
            Route.get("/untagged", cache=Cache(max_age=60, etag=False)),
        ]

        async def run(self) -> int:
            return 1

    paths = document_of(Show)["paths"]

    assert "content" not in paths["/cached"]["get"]["responses"]["304"]
    assert "304" not in paths["/untagged"]["get"]["responses"]


def test_the_document_is_cached(load_app: LoadApp) -> None:
    """It is built once."""
    document = openapi_document(load_app(ShowGuest))

    assert document.to_dict() is document.to_dict()


def test_the_document_need_not_be_served(document_of: DocumentOf) -> None:
    """The command still writes it."""
    document = document_of(ShowGuest, ACTIONHERO_OPENAPI__SERVE="false")

    assert set(document["paths"]) == {"/guest/{guest}", "/status"}
