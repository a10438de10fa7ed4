"""Documents of servers that are malformed, or hostile."""

from __future__ import annotations

from typing import Any

import pytest

from actionhero import ConfigurationError
from actionhero_remote.document import ApiDocument

URL = "https://example.com"
CONTROL = "\x1b]0;title\x07\u202e"
ESCAPED = r"\x1b]0;title\x07\u202e"


def document(path: str = "/books", method: str = "get", **operation: Any) -> dict[str, Any]:
    """Return a document with one action."""
    facts = {"summary": "book:list", "operationId": "book:list", **operation}
    return {"openapi": "3.1.0", "paths": {path: {method: facts}}}


def parameter(**facts: Any) -> dict[str, Any]:
    """Return a document with an action that has one parameter."""
    defaults = {"in": "query", "name": "title", "schema": {"type": "string"}}
    return document(parameters=[{**defaults, **facts}])


def schemes(**facts: Any) -> dict[str, Any]:
    """Return a document with a security scheme."""
    return {**document(), "components": {"securitySchemes": {"key": facts}}}


MALFORMED: dict[str, dict[str, Any]] = {
    "info": {**document(), "info": []},
    "paths": {"paths": []},
    "path": {"paths": {"/books": []}},
    "components": {**document(), "components": []},
    "scheme": {**document(), "components": {"securitySchemes": {"key": 1}}},
    "parameters": document(parameters={"title": 1}),
    "parameter": document(parameters=[None]),
    "parameter by reference": document(parameters=[{"$ref": "#/components/parameters/title"}]),
    "response": document(responses={"200": 1}),
    "body": document(requestBody=1),
    "description": document(description=5),
    "method": document(method="get it"),
    "other host by user information": document("@evil.example/books"),
    "other host by suffix": document(".evil.example/books"),
    "other port": document(":8443/books"),
    "line break in a path": document("/books\r\nHost: evil.example"),
    "header name": parameter(**{"in": "header", "name": "A\r\nB"}),
    "cookie name": parameter(**{"in": "cookie", "name": "a;b"}),
    "header of the token": schemes(type="apiKey", name="X\r\nHost", **{"in": "header"}),
    "scheme of the token": schemes(type="http", scheme="a b"),
    "empty input name": parameter(name=""),
    "control characters in an input name": parameter(name=CONTROL),
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_malformed_documents_are_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as error:
        ApiDocument(content, URL).find("book:list")

    assert str(error.value).startswith(f"the OpenAPI document {URL}/swagger is malformed: ")
    assert str(error.value).isprintable()


def test_texts_of_a_document_do_not_control_the_terminal() -> None:
    schema = {"type": "string", "description": f"a\n{CONTROL}", "default": CONTROL}
    content = document(
        description=CONTROL, parameters=[{"in": "query", "name": "title", "schema": schema}]
    )

    action = ApiDocument(content, URL).find("book:list")

    assert action is not None
    assert action.description == ESCAPED
    [described] = action.descriptions
    assert (described.description, described.default) == (f"a\n{ESCAPED}", ESCAPED)


def test_a_union_that_contains_itself_twice_is_read() -> None:
    reference = {"$ref": "#/components/schemas/Tree"}
    content = parameter(schema=reference)
    content["components"] = {
        "schemas": {"Tree": {"anyOf": [reference, reference, {"type": "integer"}]}}
    }

    action = ApiDocument(content, URL).find("book:list")

    assert action is not None
    assert [each.kind for each in action.descriptions] == ["integer"]
