"""`actionhero asyncapi`, run as a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "actionhero", "asyncapi", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "ACTIONHERO_PLUGINS__ENABLED":
             "asyncapi,channels,openapi,redis,web,websocket"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def test_the_command_writes_and_checks_the_document(tmp_path: Path) -> None:
    """Exit code 1 for breaking changes, 2 for another file."""
    old = tmp_path / "asyncapi.json"
    saved = run(tmp_path, "--output", "asyncapi.json")
    unchanged = run(tmp_path, "--check", "asyncapi.json")
    document = json.loads(old.read_text())
    document["operations"]["call_gone"] = document["operations"]["subscribe"]
    old.write_text(json.dumps(document))
    changed = run(tmp_path, "--check", "asyncapi.json", "--format", "json")
    old.write_text('{"openapi": "3.1.0"}')
    other = run(tmp_path, "--check", "asyncapi.json")

    assert (saved.returncode, saved.stdout, saved.stderr) == (0, "", "")
    assert document["asyncapi"] == "3.0.0"
    assert (unchanged.returncode, unchanged.stderr) == (0, "no breaking changes\n")
    assert (changed.returncode, changed.stderr) == (1, "1 breaking change\n")
    assert json.loads(changed.stdout) == [
        {"operation": "call_gone", "place": "", "change": "was removed"}
    ]
    assert other.returncode == 2
    assert (
        "'asyncapi.json' is not an AsyncAPI 3 document; use one written by "
        "'actionhero asyncapi --output'" in " ".join(other.stderr.split())
    )
