"""Breaking changes are listed, and compatible ones are not."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Inputs
from actionhero_openapi import breaking_changes

if TYPE_CHECKING:
    from plugins.openapi.tests.conftest import DocumentOf

Schema = dict[str, Any]


def document(
    request: Schema | None = None, response: Schema | None = None, **operation: Any
) -> dict[str, Any]:
    """Return a document with one operation."""
    definition: dict[str, Any] = {
        "operationId": "user:edit",
        "responses": {
            "200": {"description": "", "content": {"application/json": {"schema": response or {}}}}
        },
    }
    if request is not None:
        definition["requestBody"] = {"content": {"application/json": {"schema": request}}}
    return {"openapi": "3.1.0", "paths": {"/user": {"post": definition | operation}}}


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the places and texts of the breaking changes."""
    return [(change.place, change.change) for change in breaking_changes(old, new)]


def an_object(required: str = "", **properties: Schema) -> Schema:
    """Return the schema of an object."""
    return {"type": "object", "properties": properties, "required": required.split()}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
NULL: Schema = {"type": "null"}


@pytest.mark.parametrize(
    ("old", "new", "place", "change"),
    [
        (an_object(name=TEXT), an_object(), "body /name", "was removed"),
        (an_object(), an_object("name", name=TEXT), "body /name", "is new and required"),
        (an_object(name=TEXT), an_object("name", name=TEXT), "body /name", "is required now"),
        (
            an_object(age=NUMBER), an_object(age=INTEGER),
            "body /age", "no longer accepts number, only integer",
        ),
        (
            an_object(age={"anyOf": [INTEGER, NULL]}), an_object(age=INTEGER),
            "body /age", "no longer accepts null, only integer",
        ),
        (
            an_object(age={"type": ["integer", "null"]}), an_object(age=INTEGER),
            "body /age", "no longer accepts null, only integer",
        ),
        (an_object(age={}), an_object(age=TEXT), "body /age",
         "no longer accepts anything, only string"),
        (
            an_object(kind={"enum": ["a", "b"]}), an_object(kind={"enum": ["a"]}),
            "body /kind", 'no longer accepts "b"',
        ),
        (
            an_object(kind=TEXT), an_object(kind={"const": "a", "type": "string"}),
            "body /kind", 'accepts only "a" now',
        ),
        (
            an_object(name=TEXT), an_object(name={**TEXT, "maxLength": 5}),
            "body /name", "has maxLength 5 now",
        ),
        (
            an_object(age={**INTEGER, "minimum": 0}), an_object(age={**INTEGER, "minimum": 1}),
            "body /age", "has minimum 1 now, was 0",
        ),
        (
            an_object(name=TEXT), an_object(name={**TEXT, "pattern": "^a"}),
            "body /name", 'has pattern "^a" now',
        ),
        (
            an_object(name=TEXT), an_object(name={**TEXT, "format": "date"}),
            "body /name", 'has format "date" now',
        ),
        (
            an_object(tags={"type": "array", "items": NUMBER}),
            an_object(tags={"type": "array", "items": INTEGER}),
            "body /tags/*", "no longer accepts number, only integer",
        ),
        (
            an_object(marks={"type": "object", "additionalProperties": NUMBER}),
            an_object(marks={"type": "object", "additionalProperties": INTEGER}),
            "body /marks/*", "no longer accepts number, only integer",
        ),
        (
            an_object(), {**an_object(), "additionalProperties": False},
            "body", "rejects unknown fields now",
        ),
        (
            an_object(tags={"type": "array"}), an_object(tags={"type": "array", "minItems": 1}),
            "body /tags", "has minItems 1 now",
        ),
    ],
)  # fmt: skip
def test_narrower_request_schemas_are_breaking(
    old: Schema, new: Schema, place: str, change: str
) -> None:
    """They reject inputs that were valid."""
    assert changes(document(old), document(new)) == [(place, change)]
    # The reverse is a wider schema.
    if "removed" not in change and "new" not in change:
        assert changes(document(new), document(old)) == []


@pytest.mark.parametrize(
    ("old", "new", "place", "change"),
    [
        (an_object(name=TEXT), an_object(), "response 200 /name", "was removed"),
        (
            an_object("name", name=TEXT), an_object(name=TEXT),
            "response 200 /name", "is optional now",
        ),
        (
            an_object(age=INTEGER), an_object(age=NUMBER),
            "response 200 /age", "may be number now, was integer",
        ),
        (
            an_object(age=INTEGER), an_object(age={"anyOf": [INTEGER, NULL]}),
            "response 200 /age", "may be null now, was integer",
        ),
        (
            an_object(age=INTEGER), an_object(age={}),
            "response 200 /age", "may be anything now, was integer",
        ),
        (
            an_object(at={**TEXT, "format": "date"}), an_object(at=TEXT),
            "response 200 /at", "has format null now",
        ),
        (
            an_object(users={"type": "array", "items": an_object(name=TEXT)}),
            an_object(users={"type": "array", "items": an_object()}),
            "response 200 /users/*/name", "was removed",
        ),
    ],
)  # fmt: skip
def test_wider_response_schemas_are_breaking(
    old: Schema, new: Schema, place: str, change: str
) -> None:
    """Clients do not expect the new values."""
    assert changes(document(None, old), document(None, new)) == [(place, change)]


def test_additions_are_compatible() -> None:
    """New operations, optional inputs, fields of responses, and their values."""
    old = document(an_object("a", a=TEXT), an_object("a", a={"enum": ["x"]}))
    new = document(
        an_object("a", a=TEXT, b=TEXT),
        an_object("a b", a={"enum": ["x", "y"]}, b=TEXT),
        parameters=[{"in": "query", "name": "page", "schema": INTEGER}],
    )
    new["paths"]["/more"] = {"get": {"responses": {"200": {"description": ""}}}}
    new["paths"]["/user"]["post"]["responses"]["409"] = {"description": "Conflict"}

    assert changes(old, new) == []


def test_a_removed_operation_is_breaking() -> None:
    """It is listed by its method and path."""
    old = document()
    new = copy.deepcopy(old)
    new["paths"]["/user"]["put"] = new["paths"]["/user"].pop("post")

    [change] = breaking_changes(old, new)

    assert (change.operation, change.change) == ("POST /user", "was removed")


@pytest.mark.parametrize(
    ("old", "new", "place", "change"),
    [
        ([], [{"in": "query", "name": "q", "required": True}], "query q", "is new and required"),
        ([{"in": "query", "name": "q"}], [], "query q", "was removed"),
        (
            [{"in": "query", "name": "q"}], [{"in": "query", "name": "q", "required": True}],
            "query q", "is required now",
        ),
        (
            [{"in": "query", "name": "q", "schema": NUMBER}],
            [{"in": "query", "name": "q", "schema": INTEGER}],
            "query q", "no longer accepts number, only integer",
        ),
        (
            [{"in": "query", "name": "q", "schema": {}}],
            [{"in": "query", "name": "q", "content": {"application/json": {}}}],
            "query q", "is parsed as JSON now",
        ),
    ],
)  # fmt: skip
def test_parameters_are_compared(
    old: list[Schema], new: list[Schema], place: str, change: str
) -> None:
    """By location and name."""
    assert changes(document(parameters=old), document(parameters=new)) == [(place, change)]


def test_renamed_path_parameters_are_the_same_operation() -> None:
    """The rename breaks generated clients."""
    old, new = document(), document()
    for each, name in ((old, "id"), (new, "user")):
        item = each["paths"].pop("/user")
        item["post"]["parameters"] = [{"in": "path", "name": name, "required": True}]
        each["paths"][f"/user/{{{name}}}"] = item

    assert changes(old, new) == [("path id", "was renamed to 'user'")]


def test_a_new_session_requirement_is_breaking() -> None:
    """Its removal is compatible."""
    old, new = document(), document(security=[{"sessionCookie": []}])

    assert changes(old, new) == [("", "requires sessionCookie now")]
    assert changes(new, old) == []


def test_changes_of_the_request_body() -> None:
    """Another media type, no body, and a required body."""
    old = document(an_object())
    form = copy.deepcopy(old)
    body = form["paths"]["/user"]["post"]["requestBody"]
    body["content"] = {"multipart/form-data": body["content"]["application/json"]}

    assert changes(old, form) == [("body", "no longer accepts application/json")]
    assert changes(old, document()) == [("body", "is no longer read")]
    required = document(an_object())
    required["paths"]["/user"]["post"]["requestBody"]["required"] = True
    assert changes(document(), required) == [("body", "is required now")]


def test_another_success_status_is_breaking() -> None:
    """Clients expect the old one."""
    old, new = document(), document()
    responses = new["paths"]["/user"]["post"]["responses"]
    responses["201"] = responses.pop("200")

    assert changes(old, new) == [("response 200", "was removed")]


def test_changes_of_shared_components_are_listed_once() -> None:
    """All operations share the schema of errors."""

    def with_error(schema: Schema) -> dict[str, Any]:
        document_ = document()
        error = {"$ref": "#/components/responses/Error404"}
        for path in ("/user", "/other"):
            document_["paths"][path] = copy.deepcopy(document_["paths"]["/user"])
            document_["paths"][path]["post"]["responses"]["404"] = error
        content = {"application/json": {"schema": schema}}
        document_["components"] = {"responses": {"Error404": {"content": content}}}
        return document_

    [change] = breaking_changes(with_error(an_object(error=TEXT)), with_error(an_object()))

    assert change == ("*", "response 404 /error", "was removed")


def test_recursive_schemas_are_compared() -> None:
    """The comparison ends."""

    def with_tree(value: Schema) -> dict[str, Any]:
        tree = an_object(
            value=value, children={"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}
        )
        result = document({"$ref": "#/components/schemas/Tree"})
        return result | {"components": {"schemas": {"Tree": tree}}}

    assert changes(with_tree(NUMBER), with_tree(NUMBER)) == []
    assert changes(with_tree(NUMBER), with_tree(INTEGER)) == [
        ("body /value", "no longer accepts number, only integer")
    ]


def test_mutually_recursive_schemas_are_compared_quickly() -> None:
    """Each pair once, not once for each path to it."""
    names = [f"Node{number}" for number in range(12)]
    any_node = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}
    nodes = {
        name: an_object("kind", kind={"const": name}, left=any_node, right=any_node)
        for name in names
    }
    old = document(any_node) | {"components": {"schemas": nodes}}
    new = copy.deepcopy(old)
    new["components"]["schemas"]["Node7"]["required"].append("left")

    assert changes(old, old) == []
    assert ("body /left", "is required now") in changes(old, new)


def test_a_missing_reference_is_ignored() -> None:
    """The document may have been edited by hand."""
    broken = document({"$ref": "#/components/schemas/Missing"})

    assert changes(broken, broken) == []


class Before(Inputs):
    text: str
    page: int | None = None


class After(Inputs):
    text: str
    page: int
    size: int = 10


def test_a_change_of_an_action_is_listed(
    document_of: DocumentOf,
) -> None:
    """From the code of the action to the message."""

    def action(inputs_: type[Inputs], method: str) -> type[Action]:
        class Find(Action):
            name = "find"
            web = f"{method} /find"

            async def run(self, inputs: inputs_) -> None: ...  # type: ignore[valid-type]

        return Find

    for method, place in (("GET", "query page"), ("POST", "body /page")):
        old, new = document_of(action(Before, method)), document_of(action(After, method))
        places = [change.place for change in breaking_changes(old, new)]
        assert set(places) == {place}
        assert breaking_changes(old, old) == []
        assert any(change.change == "is required now" for change in breaking_changes(old, new))
