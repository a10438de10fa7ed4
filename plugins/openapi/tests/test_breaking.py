"""What breaks clients is found, and what is added is not."""

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
    sent: Schema | None = None, answered: Schema | None = None, **operation: Any
) -> dict[str, Any]:
    """Return a document of one operation."""
    made: dict[str, Any] = {
        "operationId": "user:edit",
        "responses": {
            "200": {"description": "", "content": {"application/json": {"schema": answered or {}}}}
        },
    }
    if sent is not None:
        made["requestBody"] = {"content": {"application/json": {"schema": sent}}}
    return {"openapi": "3.1.0", "paths": {"/user": {"post": made | operation}}}


def status_for(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str]]:
    """Return where something breaks, and what."""
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
        (an_object(name=TEXT), an_object(), "body /name", "is gone"),
        (an_object(), an_object("name", name=TEXT), "body /name", "is new and required"),
        (an_object(name=TEXT), an_object("name", name=TEXT), "body /name", "is required now"),
        (
            an_object(age=NUMBER), an_object(age=INTEGER),
            "body /age", "no longer takes number, only integer",
        ),
        (
            an_object(age={"anyOf": [INTEGER, NULL]}), an_object(age=INTEGER),
            "body /age", "no longer takes null, only integer",
        ),
        (
            an_object(age={"type": ["integer", "null"]}), an_object(age=INTEGER),
            "body /age", "no longer takes null, only integer",
        ),
        (an_object(age={}), an_object(age=TEXT), "body /age",
         "no longer takes anything, only string"),
        (
            an_object(kind={"enum": ["a", "b"]}), an_object(kind={"enum": ["a"]}),
            "body /kind", 'no longer takes "b"',
        ),
        (
            an_object(kind=TEXT), an_object(kind={"const": "a", "type": "string"}),
            "body /kind", 'takes only "a" now',
        ),
        (
            an_object(name=TEXT), an_object(name={**TEXT, "maxLength": 5}),
            "body /name", "has maxLength 5 now",
        ),
        (
            an_object(age={**INTEGER, "minimum": 0}), an_object(age={**INTEGER, "minimum": 1}),
            "body /age", "has minimum 1 now, and had 0",
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
            "body /tags/*", "no longer takes number, only integer",
        ),
        (
            an_object(marks={"type": "object", "additionalProperties": NUMBER}),
            an_object(marks={"type": "object", "additionalProperties": INTEGER}),
            "body /marks/*", "no longer takes number, only integer",
        ),
        (
            an_object(), {**an_object(), "additionalProperties": False},
            "body", "refuses fields that it does not know now",
        ),
        (
            an_object(tags={"type": "array"}), an_object(tags={"type": "array", "minItems": 1}),
            "body /tags", "has minItems 1 now",
        ),
    ],
)  # fmt: skip
def test_what_is_sent_may_not_be_taken_any_more(
    old: Schema, new: Schema, place: str, change: str
) -> None:
    """A narrower input refuses who sent what was right."""
    assert status_for(document(old), document(new)) == [(place, change)]
    # The other way round, it is wider.
    if "gone" not in change and "new" not in change:
        assert status_for(document(new), document(old)) == []


@pytest.mark.parametrize(
    ("old", "new", "place", "change"),
    [
        (an_object(name=TEXT), an_object(), "answer 200 /name", "is gone"),
        (
            an_object("name", name=TEXT), an_object(name=TEXT),
            "answer 200 /name", "may be left out now",
        ),
        (
            an_object(age=INTEGER), an_object(age=NUMBER),
            "answer 200 /age", "may now be number, and was integer",
        ),
        (
            an_object(age=INTEGER), an_object(age={"anyOf": [INTEGER, NULL]}),
            "answer 200 /age", "may now be null, and was integer",
        ),
        (
            an_object(age=INTEGER), an_object(age={}),
            "answer 200 /age", "may now be anything, and was integer",
        ),
        (
            an_object(at={**TEXT, "format": "date"}), an_object(at=TEXT),
            "answer 200 /at", "has format null now",
        ),
        (
            an_object(users={"type": "array", "items": an_object(name=TEXT)}),
            an_object(users={"type": "array", "items": an_object()}),
            "answer 200 /users/*/name", "is gone",
        ),
    ],
)  # fmt: skip
def test_what_is_read_may_not_be_what_it_was(
    old: Schema, new: Schema, place: str, change: str
) -> None:
    """A wider answer surprises who reads it."""
    assert status_for(document(None, old), document(None, new)) == [(place, change)]


def test_what_is_added_breaks_nobody() -> None:
    """New operations, inputs that may be left out, fields of answers, and their values."""
    old = document(an_object("a", a=TEXT), an_object("a", a={"enum": ["x"]}))
    new = document(
        an_object("a", a=TEXT, b=TEXT),
        an_object("a b", a={"enum": ["x", "y"]}, b=TEXT),
        parameters=[{"in": "query", "name": "page", "schema": INTEGER}],
    )
    new["paths"]["/more"] = {"get": {"responses": {"200": {"description": ""}}}}
    new["paths"]["/user"]["post"]["responses"]["409"] = {"description": "Conflict"}

    assert status_for(old, new) == []


def test_an_operation_that_is_gone_is_told() -> None:
    """By its method and path."""
    old = document()
    new = copy.deepcopy(old)
    new["paths"]["/user"]["put"] = new["paths"]["/user"].pop("post")

    [change] = breaking_changes(old, new)

    assert (change.operation, change.change) == ("POST /user", "is gone")


@pytest.mark.parametrize(
    ("old", "new", "place", "change"),
    [
        ([], [{"in": "query", "name": "q", "required": True}], "query q", "is new and required"),
        ([{"in": "query", "name": "q"}], [], "query q", "is gone"),
        (
            [{"in": "query", "name": "q"}], [{"in": "query", "name": "q", "required": True}],
            "query q", "is required now",
        ),
        (
            [{"in": "query", "name": "q", "schema": NUMBER}],
            [{"in": "query", "name": "q", "schema": INTEGER}],
            "query q", "no longer takes number, only integer",
        ),
        (
            [{"in": "query", "name": "q", "schema": {}}],
            [{"in": "query", "name": "q", "content": {"application/json": {}}}],
            "query q", "is read as JSON now",
        ),
    ],
)  # fmt: skip
def test_parameters_are_compared(
    old: list[Schema], new: list[Schema], place: str, change: str
) -> None:
    """By where they stand and what they are called."""
    assert status_for(document(parameters=old), document(parameters=new)) == [(place, change)]


def test_a_path_is_the_same_whatever_its_parameters_are_called() -> None:
    """But generated clients have to call them anew."""
    old, new = document(), document()
    for made, name in ((old, "id"), (new, "user")):
        item = made["paths"].pop("/user")
        item["post"]["parameters"] = [{"in": "path", "name": name, "required": True}]
        made["paths"][f"/user/{{{name}}}"] = item

    assert status_for(old, new) == [("path id", "is called 'user' now")]


def test_who_needed_no_session_may_need_one_now() -> None:
    """The other way round nobody is shut out."""
    old, new = document(), document(security=[{"sessionCookie": []}])

    assert status_for(old, new) == [("", "needs sessionCookie now")]
    assert status_for(new, old) == []


def test_a_body_may_be_read_as_something_else() -> None:
    """Or not at all, or only if it is there."""
    old = document(an_object())
    form = copy.deepcopy(old)
    body = form["paths"]["/user"]["post"]["requestBody"]
    body["content"] = {"multipart/form-data": body["content"]["application/json"]}

    assert status_for(old, form) == [("body", "may not be application/json any more")]
    assert status_for(old, document()) == [("body", "is not read any more")]
    needed = document(an_object())
    needed["paths"]["/user"]["post"]["requestBody"]["required"] = True
    assert status_for(document(), needed) == [("body", "is required now")]


def test_a_success_may_have_another_status() -> None:
    """Clients look for the one that they know."""
    old, new = document(), document()
    responses = new["paths"]["/user"]["post"]["responses"]
    responses["201"] = responses.pop("200")

    assert status_for(old, new) == [("answer 200", "is gone")]


def test_what_all_operations_share_is_told_once() -> None:
    """The schema of failures is one for all."""

    def made(schema: Schema) -> dict[str, Any]:
        document_ = document()
        failure = {"$ref": "#/components/responses/Error404"}
        for path in ("/user", "/other"):
            document_["paths"][path] = copy.deepcopy(document_["paths"]["/user"])
            document_["paths"][path]["post"]["responses"]["404"] = failure
        content = {"application/json": {"schema": schema}}
        document_["components"] = {"responses": {"Error404": {"content": content}}}
        return document_

    [change] = breaking_changes(made(an_object(error=TEXT)), made(an_object()))

    assert change == ("*", "answer 404 /error", "is gone")


def test_schemas_that_hold_themselves_are_compared() -> None:
    """To the end, which is where they begin again."""

    def made(value: Schema) -> dict[str, Any]:
        tree = an_object(
            value=value, children={"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}
        )
        result = document({"$ref": "#/components/schemas/Tree"})
        return result | {"components": {"schemas": {"Tree": tree}}}

    assert status_for(made(NUMBER), made(NUMBER)) == []
    assert status_for(made(NUMBER), made(INTEGER)) == [
        ("body /value", "no longer takes number, only integer")
    ]


def test_kinds_that_hold_one_another_are_compared_in_no_time() -> None:
    """Each pair once, and not each way that leads to it."""
    names = [f"Node{number}" for number in range(12)]
    any_node = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}
    nodes = {
        name: an_object("kind", kind={"const": name}, left=any_node, right=any_node)
        for name in names
    }
    old = document(any_node) | {"components": {"schemas": nodes}}
    new = copy.deepcopy(old)
    new["components"]["schemas"]["Node7"]["required"].append("left")

    assert status_for(old, old) == []
    assert ("body /left", "is required now") in status_for(old, new)


def test_a_reference_that_leads_nowhere_is_no_crash() -> None:
    """A document that somebody edited is compared as far as it goes."""
    odd = document({"$ref": "#/components/schemas/Gone"})

    assert status_for(odd, odd) == []


class Before(Inputs):
    text: str
    page: int | None = None


class After(Inputs):
    text: str
    page: int
    size: int = 10


def test_a_change_of_an_action_is_told_in_the_words_of_its_document(
    document_of: DocumentOf,
) -> None:
    """From the code to the sentence."""

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
