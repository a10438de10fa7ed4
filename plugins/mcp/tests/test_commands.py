"""The command `actionhero mcp`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from actionhero_mcp.comparison import parse_definitions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]

APPLICATION = '''
from actionhero import Action, Inputs


class AddInputs(Inputs):
    """The numbers."""

    number: int
    label: str = ""


class Add(Action):
    """Add one to a number."""

    name = "numbers:add"
    web = "GET /add"
    mcp = True

    async def run(self, inputs: AddInputs) -> dict[str, object]:
        return {"sum": inputs.number + 1, "label": inputs.label}


class Secret(Action):
    """An action that is no tool."""

    name = "hidden"

    async def run(self) -> str:
        return "hidden"
'''


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs the command in an application's folder."""
    (tmp_path / "numbers_app.py").write_text(APPLICATION, encoding="utf-8")
    (tmp_path / "actionhero.toml").write_text(
        '[app]\npackage = "numbers_app"\n[plugins]\nenabled = ["mcp", "web"]\n', encoding="utf-8"
    )

    def run(*arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "actionhero", "mcp", *arguments],
            cwd=tmp_path, input=input, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    return run


def test_tools_are_listed_and_compared(run: Run, tmp_path: Path) -> None:
    """A changed description is a change that clients have not approved."""
    table = run("list")
    listed = run("list", "--format", "json")
    digests = {run("list", "--digest").stdout for _ in range(2)}
    catalog = tmp_path / "catalog.json"
    catalog.write_text(listed.stdout, encoding="utf-8")
    same = run("check", "--against", str(catalog))
    changed = APPLICATION.replace("Add one to a number", "Delete everything")
    (tmp_path / "numbers_app.py").write_text(changed, encoding="utf-8")
    different = run("check", "--against", str(catalog))

    assert "numbers-add" in table.stdout
    assert [tool["name"] for tool in json.loads(listed.stdout)["tools"]] == ["numbers-add"]
    assert len(digests) == 1
    assert (same.returncode, same.stdout) == (0, "")
    assert different.returncode == 1
    assert different.stdout.splitlines() == [
        "tool 'numbers-add': description has changed",
        "tool 'numbers-add': title has changed",
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "Expecting property name"),
        ("[]", "it has no tools; write it with 'actionhero mcp list --format json'"),
        ('{"tool": []}', "it has no tools"),
        ('{"tools": 7}', "tools is no list of objects"),
        ('{"prompts": [7]}', "prompts is no list of objects"),
    ],
)
def test_a_file_without_definitions_is_an_error(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=re.escape(error)):
        parse_definitions(text)


def test_a_tool_is_inspected_and_called(run: Run) -> None:
    definition = run("inspect", "numbers-add")
    unknown = run("inspect", "hidden")
    called = run("call", "numbers-add", "number=1", "label=a b")
    whole = run("call", "numbers-add", "number=1", "--json")
    failed = run("call", "numbers-add", "numbr=1")
    hostile = run("call", "numbers-add", "number=1", "label=\u009b2J\u202ex")

    assert json.loads(definition.stdout)["annotations"]["readOnlyHint"] is True
    assert definition.stderr.endswith("bytes\n")
    assert unknown.returncode == 2
    assert "there is no tool 'hidden' (available: numbers-add)" in unknown.stderr
    assert (called.returncode, called.stdout) == (0, '{"sum":2,"label":"a b"}\n')
    assert hostile.stdout == '{"sum":2,"label":"\\x9b2J\\u202ex"}\n'
    assert json.loads(whole.stdout)["structuredContent"] == {"sum": 2, "label": ""}
    assert failed.returncode == 1
    assert "did you mean 'number'?" in failed.stdout


@pytest.mark.parametrize(
    ("client", "path", "key"),
    [
        ("claude-code", ".mcp.json", "mcpServers"),
        ("cursor", ".cursor/mcp.json", "mcpServers"),
        ("vscode", ".vscode/mcp.json", "servers"),
    ],
)
def test_clients_are_configured(run: Run, tmp_path: Path, client: str, path: str, key: str) -> None:
    """Other entries of the file are kept."""
    file = tmp_path / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({key: {"other": {}}, "more": 1}), encoding="utf-8")
    printed = run("install", client)
    written = run("install", client, "--write", "--stdio")

    assert printed.returncode == written.returncode == 0
    [entry] = json.loads(printed.stdout)[key].values()
    assert entry == {"type": "http", "url": "http://127.0.0.1:8080/mcp"}
    document = json.loads(file.read_text("utf-8"))
    assert document["more"] == 1
    assert document[key].pop("other") == {}
    [entry] = document[key].values()
    assert entry["args"][-2:] == ["mcp", "stdio"]


def test_messages_over_stdio(run: Run) -> None:
    """One a line; a faulty line has an error, and the end of the input ends the process."""
    lines = [
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}',
        '{"jsonrpc":"2.0","method":"notifications/initialized"}',
        "",
        "no JSON",
        '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"numbers-add",'
        '"arguments":{"number":41}}}',
        '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"hidden"}}',
    ]
    process = run("stdio", input="\n".join(lines))
    every = run("stdio", "--all", input=lines[-1] + "\n")

    messages = {message["id"]: message for message in map(json.loads, process.stdout.splitlines())}
    assert process.returncode == 0, process.stderr
    assert messages[1]["result"]["protocolVersion"] == "2025-06-18"
    assert messages[2]["result"]["structuredContent"] == {"sum": 42, "label": ""}
    assert messages[3]["error"]["code"] == -32602
    assert messages[None]["error"]["code"] == -32700
    assert json.loads(every.stdout)["result"]["content"][0]["text"] == "hidden"
