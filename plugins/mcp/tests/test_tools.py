"""Tools: their definitions, their calls and their errors."""

from __future__ import annotations

import json
from enum import Flag
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from plugins.mcp.tests.conftest import ACTIONS, Site, TokensPlugin

from actionhero import Action, Field, Inputs, hookimpl
from actionhero_mcp import Content, Tool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from plugins.mcp.tests.conftest import Reply, Serve


def error_of(reply: Reply) -> dict[str, Any]:
    """Return the document of the error in the result of a tool."""
    result = reply.body["result"]
    assert result["isError"] is True
    [block] = result["content"]
    error: dict[str, Any] = json.loads(block["text"])["error"]
    return error


async def test_only_actions_that_opt_in_are_tools(site: Site) -> None:
    """Others are unknown, although they are reachable over HTTP."""
    listed = await site.new("tools/list")
    refused = await site.new("tools/call", {"name": "hidden"})

    names = [tool["name"] for tool in listed.body["result"]["tools"]]
    assert names == ["crash", "message-write", "mine", "note-view", "numbers-add", "purge"]
    assert refused.status == 400
    assert refused.body["error"]["code"] == -32602


async def test_a_definition_comes_from_the_action(site: Site) -> None:
    """The description, the schemas, and the hints of the route."""
    listed = await site.new("tools/list")
    tools = {tool["name"]: tool for tool in listed.body["result"]["tools"]}

    assert tools["numbers-add"] == {
        "name": "numbers-add",
        "title": "Add two numbers",
        "description": "Add two numbers.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "number": {"description": "The first number.", "type": "integer"},
                "other": {"default": 1, "description": "The second number.", "type": "integer"},
            },
            "required": ["number"],
            "additionalProperties": False,
        },
        "outputSchema": {"type": "object", "additionalProperties": {"type": "integer"}},
        "annotations": {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
    }
    assert tools["purge"]["annotations"] == {
        "destructiveHint": True,
        "idempotentHint": True,
        "openWorldHint": False,
    }
    assert tools["crash"]["inputSchema"] == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


@pytest.mark.parametrize("era", ["old", "new"])
async def test_a_call_returns_text_and_structured_content(site: Site, era: str) -> None:
    send: Callable[..., Any] = getattr(site, era)
    reply = await send("tools/call", {"name": "numbers-add", "arguments": {"number": 2}})

    assert reply.status == 200
    result = reply.body["result"]
    assert result["content"] == [{"type": "text", "text": '{"sum":3}'}]
    assert result["structuredContent"] == {"sum": 3}
    assert result.get("resultType") == ("complete" if era == "new" else None)


async def test_all_problems_of_the_arguments_are_reported(site: Site) -> None:
    """Unknown arguments too, with the nearest name: agents correct themselves."""
    arguments = {"othr": 1, "number": "two"}
    reply = await site.new("tools/call", {"name": "numbers-add", "arguments": arguments})

    error = error_of(reply)
    assert reply.status == 200
    assert error["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"
    assert [problem["pointer"] for problem in error["errors"]] == ["/number", "/othr"]
    assert "did you mean 'other'?" in error["errors"][1]["message"]
    assert error.keys() == {"message", "type", "key", "errors", "request_id"}


async def test_errors_of_actions_are_results(site: Site) -> None:
    missing = await site.new("tools/call", {"name": "note-view", "arguments": {"note": 0}})
    crashed = await site.new("tools/call", {"name": "crash"})

    assert error_of(missing)["type"] == "CONNECTION_ACTION_RECORD_NOT_FOUND"
    assert error_of(crashed)["message"] == "Internal error"
    assert "secret internals" not in json.dumps(crashed.body)


async def test_scopes_of_a_tool_are_required_over_mcp_only(serve: Serve) -> None:
    """Plain data in `mcp` is as good as `Tool(scopes=…)`."""
    call = ("tools/call", {"name": "message-write"})
    async with serve(*ACTIONS, TokensPlugin()) as site:
        anonymous = await site.new(*call)
        lacking = await site.new(*call, Authorization="Bearer 7-messages:read")
        granted = await site.new(*call, Authorization="Bearer 7-messages:write")
        url = site.url.replace("/mcp", "/api/message")
        async with site.client.post(url) as over_http:
            status = over_http.status

    assert anonymous.status == 401
    assert (
        'resource_metadata="https://example.com/metadata"'
        in (anonymous.headers["WWW-Authenticate"])
    )
    assert lacking.status == 403
    assert lacking.headers["WWW-Authenticate"] == (
        'Bearer resource_metadata="https://example.com/metadata", error="insufficient_scope", '
        'scope="messages:read messages:write"'
    )
    assert granted.body["result"]["content"][0]["text"] == "written"
    assert status == 200


async def test_older_clients_read_the_challenge_of_a_call_in_its_result(serve: Serve) -> None:
    """The newest revision has an error, and so has a call that is refused before it begins."""
    call = ("tools/call", {"name": "mine"})
    async with serve(*ACTIONS, TokensPlugin()) as site:
        anonymous = await site.old(*call)
        lacking = await site.old(
            "tools/call", {"name": "message-write"}, Authorization="Bearer 7-messages:read"
        )
        newest = await site.new(*call)
        invalid = await site.old(*call, Authorization="Bearer x")

    for reply, status in ((anonymous, 401), (lacking, 403)):
        result = reply.body["result"]
        assert reply.status == status
        assert result["isError"]
        assert result["_meta"] == {"mcp/www_authenticate": [reply.headers["WWW-Authenticate"]]}
    assert error_of(anonymous)["type"] == "CONNECTION_SESSION_NOT_FOUND"
    assert error_of(anonymous)["request_id"] == anonymous.headers["X-Request-Id"]
    assert (newest.status, newest.body["error"]["code"]) == (401, -32600)
    assert (invalid.status, invalid.body["error"]["code"]) == (401, -32600)


async def test_the_principal_of_the_token_is_that_of_the_call(serve: Serve) -> None:
    async with serve(*ACTIONS, TokensPlugin()) as site:
        reply = await site.old("tools/call", {"name": "mine"}, Authorization="Bearer 7-a")
        invalid = await site.old("tools/call", {"name": "mine"}, Authorization="Bearer x")

    assert reply.body["result"]["structuredContent"] == {"user": 7, "session": 7}
    assert invalid.status == 401
    assert 'error="invalid_token"' in invalid.headers["WWW-Authenticate"]


class PageInputs(Inputs):
    """The inputs of `page`."""

    limit: int = 100_000


class Page(Action):
    """Return many items."""

    name = "page"
    mcp = True

    async def run(self, inputs: PageInputs) -> list[int]:
        return list(range(inputs.limit))


class Count(Action):
    """Count to three."""

    name = "count"
    mcp = True

    async def run(self) -> AsyncIterator[int]:
        for number in (1, 2, 3):
            yield number


class Table(Action):
    """Return a table."""

    name = "table"
    mcp = Tool(text="markdown")

    async def run(self) -> dict[str, Any]:
        return {"rows": [{"name": "Ada", "admin": True}], "next": None}


class Shout(Action):
    """Return a word."""

    name = "shout"
    mcp = Tool(name="shout-out", text=lambda value: str(value["word"]).upper())

    async def run(self) -> dict[str, str]:
        return {"word": "hello"}


class Picture(Action):
    """Return a picture and a text."""

    name = "picture"
    mcp = True

    async def run(self) -> list[Content]:
        return [Content.image(b"png", "image/png"), Content.link("chat://status", "status")]


class Bits(Flag):
    """The permissions of a file."""

    READ = 1
    WRITE = 2


class File(Inputs):
    """A file, with tags and names that are keywords of JSON Schema."""

    kind: Literal["$ref"]
    bits: Bits
    discriminator: str = "mapping"


class Folder(Inputs):
    """A folder, which is recursive."""

    kind: Literal["folder"]
    items: list[Annotated[File | Folder, Field(discriminator="kind")]] = []


class Entry(Inputs):
    """A file or a folder."""

    entry: Annotated[File | Folder, Field(discriminator="kind")]
    settings: dict[str, int] = {"properties": 1, "$ref": 2}


class Store(Action):
    """Store a file or a folder."""

    name = "store"
    mcp = True

    async def run(self, inputs: Entry) -> Entry:
        return inputs


class Hide:
    """Hides a tool from lists."""

    @hookimpl
    def actionhero_mcp_visible(self) -> list[Any]:
        return [lambda principal, action: action.name != "page"]


async def test_a_result_that_is_too_large_is_an_error(serve: Serve) -> None:
    """It names the inputs that page."""
    async with serve(Page, ACTIONHERO_MCP__RESULT_LIMIT_BYTES="10000") as site:
        large = await site.new("tools/call", {"name": "page"})
        small = await site.new("tools/call", {"name": "page", "arguments": {"limit": 2}})

    assert "more than the limit of 10000; use limit to get a part" in error_of(large)["message"]
    assert small.body["result"]["structuredContent"] == [0, 1]


async def test_texts_of_results(serve: Serve) -> None:
    """Of streams, as Markdown, by a function, and as blocks."""
    async with serve(Count, Table, Shout, Picture) as site:
        results = {
            name: (await site.new("tools/call", {"name": name})).body["result"]
            for name in ("count", "table", "shout-out", "picture")
        }

    assert results["count"]["structuredContent"] == {"items": [1, 2, 3]}
    assert results["table"]["content"][0]["text"] == (
        "- **rows**:\n  - \n    - **name**: Ada\n    - **admin**: yes\n- **next**: (none)"
    ).replace("- \n", "-\n")
    assert results["shout-out"]["content"][0]["text"] == "HELLO"
    assert results["picture"]["content"] == [
        {"type": "image", "data": "cG5n", "mimeType": "image/png"},
        {"type": "resource_link", "uri": "chat://status", "name": "status"},
    ]


async def test_schemas_describe_flags_and_tagged_unions(serve: Serve) -> None:
    """A combination of flags is valid, and every reference has a target."""
    file = {"kind": "$ref", "bits": 3}
    arguments = {"entry": {"kind": "folder", "items": [file]}}
    async with serve(Store) as site:
        listed = await site.new("tools/list")
        reply = await site.new("tools/call", {"name": "store", "arguments": arguments})

    [tool] = listed.body["result"]["tools"]
    accepted = Draft202012Validator(tool["inputSchema"])
    returned = Draft202012Validator(tool["outputSchema"])
    assert accepted.is_valid(arguments)
    assert accepted.is_valid({"entry": file})
    assert not accepted.is_valid({"entry": {"kind": "$ref", "bits": 4}})
    assert returned.is_valid(reply.body["result"]["structuredContent"])
    assert '"mapping": {' not in json.dumps(tool)
    assert "discriminator" in json.dumps(tool["inputSchema"])


async def test_a_stream_reports_progress(serve: Serve) -> None:
    async with serve(Count) as site:
        reply = await site.old("tools/call", {"name": "count", "_meta": {"progressToken": "t"}})

    *notifications, answer = reply.body
    assert [each["params"]["progress"] for each in notifications] == [1, 2, 3]
    assert {each["params"]["progressToken"] for each in notifications} == {"t"}
    assert answer["result"]["structuredContent"] == {"items": [1, 2, 3]}


async def test_hidden_tools_are_not_listed(serve: Serve) -> None:
    """The hook `actionhero_mcp_visible`; lists are then those of one caller."""
    async with serve(Page, Count, Hide()) as site:
        reply = await site.new("tools/list")

    assert [tool["name"] for tool in reply.body["result"]["tools"]] == ["count"]
    assert reply.body["result"]["cacheScope"] == "private"
