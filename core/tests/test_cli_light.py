"""What nobody should wait for who reads a help page: it is not even imported."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from actionhero.plugins.entry_points import entry_points

if TYPE_CHECKING:
    from pathlib import Path

#: For calls and servers.
HEAVY = {"aiohttp", "orjson", "pydantic", "pydantic_core", "redis", "rich", "uvloop", "yarl"}
#: What `--version` needs even less: to find plugins, and to know their hooks.
PLUGINS = {
    "actionhero.plugins.discovery",
    "actionhero.plugins.host",
    "importlib.metadata",
    "pluggy",
}


def imported_by(folder: Path, *arguments: str) -> set[str]:
    """Return the modules that `actionhero` imported, and those that contain them."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "actionhero", *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended
    assert ended.stdout
    lines = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_loads_no_plugin(tmp_path: Path, option: str) -> None:
    """Nor does it look for any."""
    imported = imported_by(tmp_path, option)

    assert "actionhero.cli" in imported
    assert not imported & (HEAVY | PLUGINS)
    assert not {name for name in imported if name.endswith(".plugin")}


@pytest.mark.parametrize("arguments", [("--help",), ("completion", "--help")], ids=" ".join)
def test_help_imports_nothing_that_serves_or_validates(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """The light modules of plugins are enough to name their commands."""
    imported = imported_by(tmp_path, *arguments)

    assert "actionhero.cli" in imported
    assert not imported & (HEAVY | {"asyncio", "importlib.metadata", "packaging"})


def test_help_of_one_command_asks_no_plugin_for_it(tmp_path: Path) -> None:
    """Only `start` has options of others."""
    assert "actionhero.plugins.discovery" not in imported_by(tmp_path, "doctor", "--help")
    assert "actionhero.plugins.discovery" in imported_by(tmp_path, "start", "--help")


def test_a_call_imports_no_server(tmp_path: Path) -> None:
    """Whoever calls an action from the shell opens no door, and reads no table."""
    there = {item.name for item in entry_points("actionhero")}
    enabled = "web" if "web" in there else "[]"

    imported = imported_by(tmp_path, "--set", f"plugins.enabled={enabled}", "call", "status")

    assert "pydantic" in imported
    assert not imported & {"aiohttp", "rich", "uvloop", "yarl"}
