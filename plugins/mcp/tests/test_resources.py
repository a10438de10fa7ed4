"""Resources, templates, prompts and completions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from actionhero import Action, Inputs
from actionhero_mcp import Content, Prompt, PromptMessage, Resource

if TYPE_CHECKING:
    from plugins.mcp.tests.conftest import Serve, Site


class PathInputs(Inputs):
    """The inputs of the templates."""

    path: str
    kind: Literal["short", "long"] = "short"


class Document(Action):
    """A document."""

    name = "document"
    mcp = Resource("docs://{kind}/{+path}", completions={"path": "document:list"})

    async def run(self, inputs: PathInputs) -> str:
        return f"{inputs.kind} {inputs.path}"


class ListInputs(Inputs):
    """The beginning of a path."""

    value: str = ""


class DocumentList(Action):
    """The paths of documents."""

    name = "document:list"

    async def run(self, inputs: ListInputs) -> list[str]:
        return [f"a/{number}" for number in range(150)] + ["b"]


class Status(Action):
    """The status."""

    name = "status:view"
    mcp = {"resource": "app://status"}

    async def run(self) -> dict[str, bool]:
        return {"healthy": True}


class Icon(Action):
    """The icon."""

    name = "icon"
    mcp = Resource("app://icon", mime_type="image/png")

    async def run(self) -> bytes:
        return b"\x89PNG"


class Dialog(Action):
    """A dialog."""

    name = "dialog"
    mcp = Prompt(name="a-dialog")

    async def run(self) -> list[PromptMessage]:
        return [PromptMessage.user("Hello"), PromptMessage.assistant(Content.text("Hi"))]


PARTS = (Document, DocumentList, Status, Icon, Dialog)


async def test_resources_and_templates_are_listed(serve: Serve) -> None:
    async with serve(*PARTS) as site:
        resources = await site.new("resources/list")
        templates = await site.old("resources/templates/list")

    assert [item["uri"] for item in resources.body["result"]["resources"]] == [
        "app://icon",
        "app://status",
    ]
    assert templates.body["result"]["resourceTemplates"] == [
        {
            "uriTemplate": "docs://{kind}/{+path}",
            "name": "document",
            "title": "A document",
            "description": "A document.",
            "mimeType": "text/plain",
        }
    ]


@pytest.mark.parametrize(
    ("uri", "content"),
    [
        ("app://status", {"mimeType": "application/json", "text": '{"healthy":true}'}),
        ("app://icon", {"mimeType": "image/png", "blob": "iVBORw=="}),
        ("docs://long/a/b%20c", {"mimeType": "text/plain", "text": "long a/b c"}),
    ],
    ids=["json", "bytes", "template"],
)
async def test_contents(serve: Serve, uri: str, content: dict[str, str]) -> None:
    async with serve(*PARTS) as site:
        reply = await site.new("resources/read", {"uri": uri})

    assert reply.body["result"]["contents"] == [{"uri": uri, **content}]
    assert reply.body["result"]["ttlMs"] == 0


@pytest.mark.parametrize(
    ("uri", "era", "code"),
    [
        ("app://nothing", "new", -32602),
        ("app://nothing", "old", -32002),
        ("notes://0", "new", -32602),
        ("notes://0", "old", -32002),
        ("notes://zero", "new", -32602),
    ],
)
async def test_missing_resources(site: Site, uri: str, era: str, code: int) -> None:
    reply = await getattr(site, era)("resources/read", {"uri": uri})

    assert reply.body["error"]["code"] == code
    if not uri.endswith("zero"):
        assert reply.body["error"]["data"]["uri"] == uri


async def test_prompts(serve: Serve, site: Site) -> None:
    listed = await site.new("prompts/list")
    got = await site.new("prompts/get", {"name": "summary", "arguments": {"day": "Monday"}})
    missing = await site.new("prompts/get", {"name": "summary"})
    number = {"day": "Monday", "length": 3}
    wrong = await site.new("prompts/get", {"name": "summary", "arguments": number})
    async with serve(*PARTS) as other:
        dialog = await other.old("prompts/get", {"name": "a-dialog"})

    assert listed.body["result"]["prompts"][0]["arguments"] == [
        {"name": "day", "description": "The day.", "required": True},
        {"name": "length", "required": False},
    ]
    text = {"type": "text", "text": "Summarize Monday in 1 sentences."}
    assert got.body["result"]["messages"] == [{"role": "user", "content": text}]
    assert missing.body["error"]["code"] == -32602
    assert missing.body["error"]["data"]["error"]["key"] == "day"
    assert wrong.body["error"]["code"] == -32602
    assert [each["role"] for each in dialog.body["result"]["messages"]] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("argument", "values", "total"),
    [
        ({"name": "kind", "value": ""}, ["long", "short"], 2),
        ({"name": "kind", "value": "S"}, ["short"], 1),
        ({"name": "path", "value": "b"}, ["b"], 1),
        ({"name": "path", "value": "a/"}, [f"a/{number}" for number in range(100)], 150),
    ],
    ids=["enumeration", "prefix", "action", "many"],
)
async def test_completions(
    serve: Serve, argument: dict[str, str], values: list[str], total: int
) -> None:
    ref = {"type": "ref/resource", "uri": "docs://{kind}/{+path}"}
    async with serve(*PARTS) as site:
        reply = await site.new("completion/complete", {"ref": ref, "argument": argument})

    completion = reply.body["result"]["completion"]
    assert sorted(completion["values"]) == sorted(values)
    assert (completion["total"], completion["hasMore"]) == (total, total > 100)


@pytest.mark.parametrize(
    "params",
    [
        {"ref": {"type": "ref/prompt", "name": "none"}, "argument": {"name": "a", "value": ""}},
        {"ref": {"type": "ref/resource"}, "argument": {"name": "a", "value": ""}},
        {"ref": {"type": "ref/prompt", "name": "a-dialog"}, "argument": {"name": "a", "value": ""}},
        {"ref": {"type": "ref/prompt", "name": "a-dialog"}, "argument": {}},
        {"ref": 1, "argument": 2},
    ],
    ids=["prompt", "template", "argument", "no value", "numbers"],
)
async def test_invalid_references(serve: Serve, params: object) -> None:
    async with serve(*PARTS) as site:
        reply = await site.new("completion/complete", params)

    assert reply.body["error"]["code"] == -32602
