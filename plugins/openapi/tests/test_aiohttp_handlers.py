"""aiohttp handlers with decorators of aiohttp-apispec are in the document."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from openapi_spec_validator import validate

from actionhero import hookimpl

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("aiohttp_apispec", reason="the extra is not installed")
    import aiohttp_apispec  # type: ignore[import-untyped]
    from marshmallow import Schema, fields


if TYPE_CHECKING:
    from plugins.openapi.tests.conftest import DocumentOf


# The decorators have no types.
Decorator = Callable[..., Callable[[Any], Any]]
docs: Decorator = aiohttp_apispec.docs
json_schema: Decorator = aiohttp_apispec.json_schema
querystring_schema: Decorator = aiohttp_apispec.querystring_schema
response_schema: Decorator = aiohttp_apispec.response_schema


class NoteSchema(Schema):
    text = fields.String(required=True)


class ErrorSchema(Schema):
    reason = fields.String()


@docs(
    summary="Read a note",
    tags=["notes"],
    responses={
        200: {
            "description": "The note.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
    },
)
async def read_note(request: web.Request) -> web.Response:
    return web.json_response({})


@docs(summary="Write a note")
@json_schema(NoteSchema(), required=True)
@querystring_schema(NoteSchema())
@response_schema(NoteSchema(), 201, description="Created.")
@response_schema(ErrorSchema(), 409)
async def write_note(request: web.Request) -> web.Response:
    return web.json_response({}, status=201)


async def undecorated(request: web.Request) -> web.Response:
    return web.Response()


class View(web.View):
    @docs(summary="Look")
    async def get(self) -> web.Response:
        return web.Response()


class Notes:
    @hookimpl
    def actionhero_web_routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get("/notes/{note}", read_note),
            web.post("/notes", write_note),
            web.get("/plain", undecorated),
            web.view("/look", View),
        ]


@pytest.fixture
def document(document_of: DocumentOf) -> dict[str, Any]:
    """Return the document of an application with such handlers."""
    return document_of(Notes())


def test_the_document_with_handlers_is_valid(document: dict[str, Any]) -> None:
    """It contains decorated handlers and actions, but no other handlers."""
    validate(document)
    assert {"/notes/{note}", "/notes", "/look", "/status"} <= set(document["paths"])
    assert "/plain" not in document["paths"]


def test_a_handler_has_an_absolute_path(document: dict[str, Any]) -> None:
    """Without the prefix of the actions."""
    operation = document["paths"]["/notes/{note}"]["get"]

    assert operation["summary"] == "Read a note"
    assert operation["tags"] == ["notes"]
    assert operation["servers"] == [{"url": "/"}]
    [parameter] = operation["parameters"]
    assert (parameter["in"], parameter["name"], parameter["required"]) == ("path", "note", True)
    assert set(document["paths"]["/notes/{note}"]) == {"get"}
    assert document["paths"]["/look"]["get"]["summary"] == "Look"


def test_schemas_of_handlers_are_converted(document: dict[str, Any]) -> None:
    """Bodies, queries and responses; existing names are not replaced."""
    operation = document["paths"]["/notes"]["post"]
    schemas = document["components"]["schemas"]

    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Note"}
    assert schemas["Note"]["properties"]["text"]["type"] == "string"
    assert [parameter["name"] for parameter in operation["parameters"]] == ["text"]
    assert operation["responses"]["201"]["description"] == "Created."
    conflict = operation["responses"]["409"]["content"]["application/json"]["schema"]
    assert conflict == {"$ref": "#/components/schemas/Handler_Error"}
    assert "error" in schemas["Error"]["properties"]
