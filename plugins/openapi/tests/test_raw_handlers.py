"""Handlers of aiohttp with aiohttp-apispec's decorators are in the same document."""

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


# Typed, which theirs are not.
Decorator = Callable[..., Callable[[Any], Any]]
docs: Decorator = aiohttp_apispec.docs
json_schema: Decorator = aiohttp_apispec.json_schema
querystring_schema: Decorator = aiohttp_apispec.querystring_schema
response_schema: Decorator = aiohttp_apispec.response_schema


class NoteSchema(Schema):
    text = fields.String(required=True)


class ErrorSchema(Schema):
    why = fields.String()


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
@response_schema(NoteSchema(), 201, description="It is written.")
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
    """Give the document of an application with such handlers."""
    return document_of(Notes())


def test_the_document_with_both_is_valid(document: dict[str, Any]) -> None:
    """Their operations stand beside those of actions; who was not decorated does not."""
    validate(document)
    assert {"/notes/{note}", "/notes", "/look", "/status"} <= set(document["paths"])
    assert "/plain" not in document["paths"]


def test_a_handler_is_told_with_its_whole_path(document: dict[str, Any]) -> None:
    """It is not below the prefix of the actions."""
    operation = document["paths"]["/notes/{note}"]["get"]

    assert operation["summary"] == "Read a note"
    assert operation["tags"] == ["notes"]
    assert operation["servers"] == [{"url": "/"}]
    [parameter] = operation["parameters"]
    assert (parameter["in"], parameter["name"], parameter["required"]) == ("path", "note", True)
    assert set(document["paths"]["/notes/{note}"]) == {"get"}
    assert document["paths"]["/look"]["get"]["summary"] == "Look"


def test_its_schemas_are_converted(document: dict[str, Any]) -> None:
    """Bodies, queries and answers, and a name of ours stays ours."""
    operation = document["paths"]["/notes"]["post"]
    schemas = document["components"]["schemas"]

    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Note"}
    assert schemas["Note"]["properties"]["text"]["type"] == "string"
    assert [parameter["name"] for parameter in operation["parameters"]] == ["text"]
    assert operation["responses"]["201"]["description"] == "It is written."
    refused = operation["responses"]["409"]["content"]["application/json"]["schema"]
    assert refused == {"$ref": "#/components/schemas/Handler_Error"}
    assert "error" in schemas["Error"]["properties"]
