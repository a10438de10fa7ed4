"""The client and the models of the official SDK, in both eras, over HTTP and stdio."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client, types
from plugins.mcp.tests.conftest import meta, request
from plugins.mcp.tests.published_schemas import check_messages

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.mcp.tests.conftest import Serve

APPLICATION = '''
import asyncio

from actionhero import Action, Call, Inputs
from actionhero_mcp import Prompt, Resource, Tool

print("a plugin that prints")


class AddInputs(Inputs):
    """The numbers."""

    number: int
    other: int = 1


class Add(Action):
    """Add two numbers."""

    name = "numbers:add"
    mcp = True

    async def run(self, inputs: AddInputs, call: Call) -> dict[str, int]:
        print("an action that prints")
        call.progress(1, 2, "adding")
        return {"sum": inputs.number + inputs.other}


class Name(Inputs):
    """A name."""

    name: str


class Ask(Action):
    """Ask for a name."""

    name = "ask"
    mcp = True

    async def run(self, call: Call) -> str:
        answer = await call.ask("What is your name?", Name)
        return f"Hello, {answer.value.name}" if answer.value else answer.action


class Wait(Action):
    """Wait for a moment."""

    name = "wait"
    mcp = True

    async def run(self) -> str:
        await asyncio.sleep(0.2)
        return "waited"


class Status(Action):
    """The status."""

    name = "status:view"
    mcp = Resource("app://status")

    async def run(self) -> dict[str, bool]:
        return {"healthy": True}


class Greeting(Action):
    """A greeting."""

    name = "greeting"
    mcp = Prompt()

    async def run(self, inputs: Name) -> str:
        return f"Greet {inputs.name}."


class Me(Action):
    """The user."""

    name = "me"
    mcp = True

    async def run(self, call: Call) -> dict[str, object]:
        return {"user": call.principal.user}
'''


async def answer(context: Any, params: Any) -> types.ElicitResult:
    """Answer a question."""
    return types.ElicitResult(action="accept", content={"name": "Ada"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An application in a folder."""
    (tmp_path / "tools.py").write_text(APPLICATION, encoding="utf-8")
    (tmp_path / "actionhero.toml").write_text(
        '[app]\npackage = "tools"\n[plugins]\nenabled = ["mcp", "web"]\n', encoding="utf-8"
    )
    return tmp_path


def text_of(block: object) -> str:
    """Return the text of a block."""
    text: str = getattr(block, "text")  # noqa: B009 - other blocks have none
    return text


async def use(client: Client) -> dict[str, Any]:
    """Use everything that a server offers, and return the results."""
    reported: list[float] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        reported.append(progress)

    tools = await client.list_tools()
    added = await client.call_tool("numbers-add", {"number": 2}, progress_callback=report)
    failed = await client.call_tool("numbers-add", {"nmber": 2})
    asked = await client.call_tool("ask", {})
    resource = await client.read_resource("app://status")
    prompt = await client.get_prompt("greeting", {"name": "Ada"})
    completion = await client.complete(
        types.PromptReference(type="ref/prompt", name="greeting"), {"name": "name", "value": ""}
    )
    return {
        "tools": [tool.name for tool in tools.tools],
        "added": added.structured_content,
        "failed": failed.is_error,
        "asked": text_of(asked.content[0]),
        "resource": text_of(resource.contents[0]),
        "prompt": text_of(prompt.messages[0].content),
        "completion": completion.completion.values,
        "progress": reported,
    }


EXPECTED = {
    "tools": ["ask", "me", "numbers-add", "wait"],
    "added": {"sum": 3},
    "failed": True,
    "asked": "Hello, Ada",
    "resource": '{"healthy":true}',
    "prompt": "Greet Ada.",
    "completion": [],
    "progress": [1],
}


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_the_client_of_the_sdk_over_http(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.syspath_prepend(folder)
    import tools  # type: ignore[import-not-found]  # noqa: PLC0415 - in the folder

    actions = (tools.Add, tools.Ask, tools.Status, tools.Greeting, tools.Me, tools.Wait)
    async with (
        serve(*actions) as site,
        Client(site.url, mode=mode, elicitation_callback=answer) as client,
    ):
        results = await use(client)
    sys.modules.pop("tools")

    assert results == EXPECTED


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_the_client_of_the_sdk_over_stdio(folder: Path, mode: str) -> None:
    """A plugin and an action that print do not disturb it."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "actionhero", "--as-user", "7", "mcp", "stdio"],
        cwd=folder,
    )
    async with Client(stdio_client(parameters), mode=mode, elicitation_callback=answer) as client:
        results = await use(client)
        me = await client.call_tool("me", {})

    assert results == EXPECTED
    assert me.structured_content == {"user": 7}


#: Requests for everything that a server offers, and one with an error.
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("tools/list", {}),
    ("tools/call", {"name": "numbers-add", "arguments": {"number": 2}}),
    ("tools/call", {"name": "numbers-add", "arguments": {"nmber": 2}}),
    ("tools/call", {"name": "unknown"}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("resources/read", {"uri": "app://status"}),
    ("prompts/list", {}),
    ("prompts/get", {"name": "greeting", "arguments": {"name": "Ada"}}),
    (
        "completion/complete",
        {
            "ref": {"type": "ref/prompt", "name": "greeting"},
            "argument": {"name": "name", "value": ""},
        },
    ),
]
ERAS: dict[str, tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]] = {
    "legacy": (
        {},
        [
            ("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}}),
            *REQUESTS,
            ("ping", {}),
            ("logging/setLevel", {"level": "info"}),
        ],
    ),
    "2026-07-28": (
        meta(elicitation={"form": {}}),
        [("server/discover", {}), *REQUESTS, ("tools/call", {"name": "ask"})],
    ),
}


def exchange(folder: Path, *messages: Any) -> list[Any]:
    """Return the messages of a server over stdio, which has read those of a client."""
    process = subprocess.run(
        [sys.executable, "-m", "actionhero", "mcp", "stdio"], cwd=folder, text=True, check=True,
        input="".join(json.dumps(message) + "\n" for message in messages), capture_output=True,
    )  # fmt: skip
    return [json.loads(line) for line in process.stdout.splitlines()]


@pytest.mark.parametrize("era", ERAS)
def test_messages_over_stdio_are_those_of_the_schemas(folder: Path, era: str) -> None:
    metadata, requests = ERAS[era]
    sent = {
        id: request(method, {"_meta": {**metadata, "progressToken": id}, **params}, id)
        for id, (method, params) in enumerate(requests)
    }
    received = exchange(folder, *sent.values())

    for message in received:
        check_messages(sent.get(message.get("id"), {"params": {"_meta": metadata}}), {}, [message])
    assert sorted(message["id"] for message in received if "id" in message) == list(sent)
    assert [item["params"]["message"] for item in received if "method" in item] == ["adding"]


def test_calls_with_one_id_are_both_answered_over_stdio(folder: Path) -> None:
    """Also the first, which is still open at the end of the input."""
    add = {"name": "numbers-add", "arguments": {"number": 1}}
    calls = [request("tools/call", call) for call in ({"name": "wait"}, add)]

    received = exchange(folder, *calls)

    texts = [item["result"]["content"][0]["text"] for item in received]
    assert texts == ['{"sum":2}', "waited"]


@pytest.mark.parametrize("value", [True, 1.0, None, [1], "\ud800"], ids=str)
def test_what_is_no_id_cancels_nothing_and_reports_no_progress(folder: Path, value: Any) -> None:
    """`True` and 1.0 are equal to 1."""
    call = {"name": "numbers-add", "arguments": {"number": 1}, "_meta": {"progressToken": value}}
    cancelled = {
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": value},
    }  # fmt: skip

    received = exchange(folder, request("tools/call", call), cancelled)

    assert [item.get("id") for item in received] == [1]
    assert received[0]["result"]["content"][0]["text"] == '{"sum":2}'
