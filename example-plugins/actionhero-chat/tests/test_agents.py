"""The chat for agents: the tools that opt in, the resource and the prompt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING
from unittest.mock import ANY

if TYPE_CHECKING:
    from pathlib import Path

PLUGINS = "web,redis,sessions,auth,db,channels,websocket,openapi,tasks,mcp,chat"
TOOLS = ["channel-members", "message-create", "message-view", "messages-list", "status",
         "user-edit", "user-view"]  # fmt: skip

#: Sign-in, sign-up, clean-up and upload.
NO_TOOLS = ["session-create", "user-create", "messages-cleanup", "fileUpload"]


def message(method: str, params: dict[str, object], id: int) -> dict[str, object]:
    """Return a request."""
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def run(folder: Path, *arguments: str, text: str = "") -> str:
    """Run a command of the chat in a folder of its own, and return its output."""
    environ = {
        **os.environ,
        "ACTIONHERO_PLUGINS__ENABLED": PLUGINS,
        "ACTIONHERO_REDIS__MODE": "memory",
    }
    process = subprocess.run(
        [sys.executable, "-m", "actionhero", "mcp", *arguments],
        cwd=folder, env=environ, input=text, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_only_some_actions_are_tools(tmp_path: Path) -> None:
    """Sign-in, sign-up, clean-up and upload are none."""
    listed = json.loads(run(tmp_path, "list", "--format", "json"))

    assert [tool["name"] for tool in listed["tools"]] == TOOLS
    [create] = [tool for tool in listed["tools"] if tool["name"] == "message-create"]
    assert not create["annotations"]["idempotentHint"]
    assert [item["uri"] for item in listed["resources"]] == ["keryx://status"]
    assert [prompt["name"] for prompt in listed["prompts"]] == ["greeting-prompt"]


def test_agents_read_the_status_and_get_the_greeting(tmp_path: Path) -> None:
    """An action that is no tool is unknown."""
    lines = [
        message("resources/read", {"uri": "keryx://status"}, 1),
        message("prompts/get", {"name": "greeting-prompt", "arguments": {"name": "Ada"}}, 2),
        message("tools/call", {"name": "messages-list"}, 3),
        message("tools/call", {"name": "status"}, 4),
        *(message("tools/call", {"name": name}, id) for id, name in enumerate(NO_TOOLS, 5)),
    ]
    output = run(tmp_path, "stdio", text="\n".join(map(json.dumps, lines)))
    replies = {reply["id"]: reply for reply in map(json.loads, output.splitlines())}

    [content] = replies[1]["result"]["contents"]
    assert content["mimeType"] == "application/json"
    assert json.loads(content["text"]).keys() == {
        "name", "pid", "version", "uptime", "consumedMemoryMB",
    }  # fmt: skip
    [greeting] = replies[2]["result"]["messages"]
    assert greeting["content"]["text"] == "Hello, Ada! How can I help you today?"
    assert "CONNECTION_SESSION_NOT_FOUND" in replies[3]["result"]["content"][0]["text"]
    assert json.loads(replies[4]["result"]["content"][0]["text"]) == json.loads(content["text"]) | {
        "uptime": ANY,
        "consumedMemoryMB": ANY,
    }
    for id in range(5, 5 + len(NO_TOOLS)):
        assert replies[id]["error"]["code"] == -32602
