"""What the document tells of actions."""

from __future__ import annotations

from collections.abc import AsyncIterator  # noqa: TC003 - read when the application loads
from typing import TYPE_CHECKING, Any, TypedDict

import pytest
from openapi_spec_validator import validate

from actionhero import Action, Call, Field, File, Inputs, Middleware, NotFound, Stream
from actionhero.plugins.core_plugin import ShowStatus
from actionhero_openapi import Operation
from actionhero_openapi.document import api_of
from actionhero_sessions import RequireSession
from actionhero_web import Route

if TYPE_CHECKING:
    from plugins.openapi.tests.conftest import DocumentOf, LoadApp


class Size(Inputs):
    width: int


class Guest(Inputs):
    guest: int = Field(ge=1, description="Which guest.")
    size: Size | None = None
    note: str | None = Field(default=None, description="What is said.", examples=["hello"])


class GuestShown(TypedDict):
    guest: int


class GuestView(Action):
    """Look at a guest."""

    name = "guest:view"
    web = "GET /guest/{guest}"

    async def run(self, inputs: Guest) -> GuestShown | None:
        return None


class GuestEdit(Action):
    """Change a guest."""

    name = "guest:edit"
    web = "POST /guest/{guest}"
    middleware = [RequireSession()]
    openapi = {"errors": [NotFound]}

    async def run(self, inputs: Guest) -> GuestShown:
        return {"guest": inputs.guest}


def test_the_document_of_every_application_is_valid(
    load_app: LoadApp, document_of: DocumentOf, profile: str
) -> None:
    """Tools take it as it is."""
    document = document_of(GuestView, GuestEdit, ACTIONHERO_WEB__ERROR_FORMAT=profile)

    validate(document)
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "/api"}]


def test_an_operation_is_called_as_its_action(document_of: DocumentOf) -> None:
    """Names, descriptions and tags are those that the author wrote."""
    operation = document_of(GuestView)["paths"]["/guest/{guest}"]["get"]

    assert operation["operationId"] == "guest:view"
    assert operation["summary"] == "guest:view"
    assert operation["description"] == "Look at a guest."
    assert operation["tags"] == ["guest"]


def test_paths_are_those_of_the_routes_without_their_prefix(document_of: DocumentOf) -> None:
    """As many paths as there are distinct routes, the document's own among them."""
    document = document_of(GuestView, GuestEdit)

    assert set(document["paths"]) == {"/guest/{guest}", "/status", "/swagger"}
    assert document["paths"]["/swagger"]["get"]["operationId"] == "swagger"


def test_what_is_read_is_asked_for_in_path_and_query(document_of: DocumentOf) -> None:
    """A path parameter is not told again; an input that is nested is JSON; null is no text."""
    operation = document_of(GuestView)["paths"]["/guest/{guest}"]["get"]

    path, size, note = operation["parameters"]
    assert (path["in"], path["name"], path["required"]) == ("path", "guest", True)
    assert path["description"] == "Which guest."
    assert path["schema"]["type"] == "integer"
    assert path["schema"]["minimum"] == 1
    assert (size["in"], size["name"], size["required"]) == ("query", "size", False)
    assert size["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Size"}
    assert note["schema"]["type"] == "string"
    assert note["schema"]["examples"] == ["hello"]
    assert "requestBody" not in operation


def test_what_is_written_is_sent_as_json(document_of: DocumentOf) -> None:
    """The schema of the body is that of the inputs before coercion, without what is in the path."""
    document = document_of(GuestEdit)
    operation = document["paths"]["/guest/{guest}"]["post"]

    assert [parameter["name"] for parameter in operation["parameters"]] == ["guest"]
    body = operation["requestBody"]
    assert body["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/guest_edit_Request"
    }
    # All that is left may be left out.
    assert body["required"] is False
    request = document["components"]["schemas"]["guest_edit_Request"]
    assert set(request["properties"]) == {"size", "note"}
    assert {"type": "null"} in request["properties"]["note"]["anyOf"]


def test_the_answer_is_that_of_the_return_annotation(document_of: DocumentOf) -> None:
    """`None` is told as an empty object."""
    document = document_of(GuestView)
    answer = document["paths"]["/guest/{guest}"]["get"]["responses"]["200"]

    assert answer["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/guest_view_Response"
    }
    assert document["components"]["schemas"]["guest_view_Response"]["anyOf"] == [
        {"$ref": "#/components/schemas/GuestShown"},
        {"type": "object", "maxProperties": 0},
    ]


def test_the_status_action_is_told_with_both_of_its_statuses(document_of: DocumentOf) -> None:
    """Clients of the reference read these five fields."""
    document = document_of()
    answers = document["paths"]["/status"]["get"]["responses"]
    status = document["components"]["schemas"]["status_Response"]

    assert ShowStatus.name == "status"
    assert {"name", "pid", "version", "uptime", "consumedMemoryMB"} <= set(status["required"])
    assert status["properties"]["consumedMemoryMB"]["type"] == "number"
    assert "anyOf" in answers["503"]["content"]["application/json"]["schema"]


def statuses(document: dict[str, Any], path: str, method: str) -> set[str]:
    """Return the statuses that an operation tells."""
    return set(document["paths"][path][method]["responses"])


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ("standard", {"200", "400", "401", "404", "408", "413", "415", "422", "500", "503"}),
        # A missing row is a 500 there, and invalid input a 406; 422 stays for generators.
        (
            "actionhero",
            {"200", "400", "401", "404", "406", "408", "413", "415", "422", "500", "503"},
        ),
    ],
)
def test_failures_are_told_with_the_statuses_of_the_profile(
    document_of: DocumentOf, errors: str, told: set[str]
) -> None:
    """What the author says that it raises, and what the server answers by itself."""
    document = document_of(GuestEdit, ACTIONHERO_WEB__ERROR_FORMAT=errors)

    assert statuses(document, "/guest/{guest}", "post") == told


def test_where_the_author_says_nothing_every_refusal_is_told(document_of: DocumentOf) -> None:
    """A client is not surprised by a conflict."""
    told = statuses(document_of(GuestView), "/guest/{guest}", "get")

    assert {"401", "403", "404", "409", "429"} <= told
    # Nobody reads the body of a GET.
    assert not {"413", "415"} & told


def test_a_failure_has_the_schema_of_the_profile(document_of: DocumentOf) -> None:
    """Only names that are told there, and an example with the first of them."""
    standard = document_of()["components"]
    original = document_of(GuestView, ACTIONHERO_WEB__ERROR_FORMAT="actionhero")["components"]

    def names(components: dict[str, Any]) -> list[str]:
        error = components["schemas"]["Error"]["properties"]["error"]
        return list(error["properties"]["type"]["enum"])

    assert "CONNECTION_ACTION_CONFLICT" in names(standard)
    assert "CONNECTION_ACTION_CONFLICT" not in names(original)
    media = original["responses"]["Error406"]["content"]["application/json"]
    assert media["example"]["error"]["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"


def test_only_actions_that_need_a_session_ask_for_one(document_of: DocumentOf) -> None:
    """The others can be called by anybody."""
    document = document_of(GuestView, GuestEdit, ACTIONHERO_SESSIONS__COOKIE_NAME="biscuit")

    methods = document["paths"]["/guest/{guest}"]
    assert methods["post"]["security"] == [{"sessionCookie": []}]
    assert "security" not in methods["get"]
    assert "security" not in document
    scheme = document["components"]["securitySchemes"]["sessionCookie"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "cookie", "biscuit")


def test_middleware_of_anybody_may_say_that_it_requires_a_session(document_of: DocumentOf) -> None:
    """Also where a plugin puts it around every action."""
    from actionhero import hookimpl

    class Club(Middleware):
        requires_session = True

    class Plugin:
        @hookimpl
        def actionhero_middleware(self) -> list[Middleware]:
            return [Club()]

    document = document_of(GuestView, Plugin())

    assert document["paths"]["/guest/{guest}"]["get"]["security"] == [{"sessionCookie": []}]


def test_a_file_is_sent_in_a_form(document_of: DocumentOf) -> None:
    """Its field is binary, and the others beside it are text."""

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


def test_a_stream_is_told_as_one(document_of: DocumentOf) -> None:
    """The media type is that of events, and their schema stands beside."""

    class Count(Action):
        name = "count"
        web = "GET /count"

        async def run(self, call: Call) -> AsyncIterator[GuestShown]:
            yield {"guest": 1}

    document = document_of(Count)

    content = document["paths"]["/count"]["get"]["responses"]["200"]["content"]
    assert set(content) == {"text/event-stream"}
    data = content["text/event-stream"]["schema"]["properties"]["data"]
    assert (data["type"], data["contentMediaType"]) == ("string", "application/json")
    assert {"$ref": "#/components/schemas/count_Event"} in data["contentSchema"]["anyOf"]
    assert document["components"]["schemas"]["count_Event"]["required"] == ["guest"]


def test_chunks_may_be_anything(document_of: DocumentOf) -> None:
    """What they are is known when they come."""

    class Download(Action):
        name = "download"
        web = "GET /download"

        async def run(self) -> Stream: ...  # type: ignore[empty-body]

    content = document_of(Download)["paths"]["/download"]["get"]["responses"]["200"]["content"]

    assert content == {"*/*": {}}


def test_each_route_of_an_action_is_an_operation_of_its_own(document_of: DocumentOf) -> None:
    """Generators need a name for each."""

    class Twice(Action):
        name = "twice"
        web = ["GET /one", "GET /two"]

        async def run(self) -> None: ...

    paths = document_of(Twice)["paths"]

    assert paths["/one"]["get"]["operationId"] == "twice"
    assert paths["/two"]["get"]["operationId"] == "twice_2"


def test_an_author_may_say_more(document_of: DocumentOf) -> None:
    """Deprecated, under other tags, with examples; or not at all."""

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


def test_an_answer_without_a_body_has_no_schema(document_of: DocumentOf) -> None:
    """A status that has none, and a HEAD."""

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


def test_two_models_of_one_name_are_both_there(document_of: DocumentOf) -> None:
    """Neither is told in the place of the other."""

    def action(name_: str, kind: Any) -> type[Action]:
        item = type("Item", (Inputs,), {"__annotations__": {"value": kind}})
        holder = type("Holder", (Inputs,), {"__annotations__": {"item": item}})

        class Made(Action):
            name = name_
            web = Route.post(f"/{name_}")

            async def run(self, inputs: holder) -> None: ...  # type: ignore[valid-type]

        return Made

    schemas = document_of(action("first", int), action("second", str))["components"]["schemas"]

    assert schemas["Item"]["properties"]["value"]["type"] == "integer"
    assert schemas["second_Request_Item"]["properties"]["value"]["type"] == "string"
    assert schemas["second_Request"]["properties"]["item"] == {
        "$ref": "#/components/schemas/second_Request_Item"
    }


def test_settings_tell_of_the_api_as_a_whole(document_of: DocumentOf) -> None:
    """Its title, version, description and where it is reached."""
    document = document_of(
        ACTIONHERO_OPENAPI__TITLE="Guests",
        ACTIONHERO_OPENAPI__VERSION="2.1",
        ACTIONHERO_OPENAPI__DESCRIPTION="Who is there.",
        ACTIONHERO_OPENAPI__SERVERS="https://example.com/api",
    )

    assert document["info"] == {
        "title": "Guests",
        "version": "2.1",
        "description": "Who is there.",
    }
    assert document["servers"] == [{"url": "https://example.com/api"}]


def test_the_document_is_made_once(load_app: LoadApp) -> None:
    """Who asks a thousand times costs no more than who asks once."""
    api = api_of(load_app(GuestView))

    assert api.document() is api.document()


def test_it_need_not_be_served(document_of: DocumentOf) -> None:
    """The command still writes it."""
    document = document_of(GuestView, ACTIONHERO_OPENAPI__SERVE="false")

    assert set(document["paths"]) == {"/guest/{guest}", "/status"}
