"""The imports of the command line, which keep `--help` fast."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from actionhero.plugins.entry_points import entry_points

if TYPE_CHECKING:
    from pathlib import Path

#: Imported by calls and servers only.
HEAVY = {"aiohttp", "orjson", "pydantic", "pydantic_core", "redis", "rich", "uvloop", "yarl"}
#: Discovery and hooks, which `--version` does not import either.
PLUGINS = {
    "actionhero.plugins.discovery",
    "actionhero.plugins.host",
    "importlib.metadata",
    "pluggy",
}


def imported_by(folder: Path, *arguments: str) -> set[str]:
    """Return the names of the modules that `actionhero` imports."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    process = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "actionhero", *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process
    assert process.stdout
    lines = [line for line in process.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_loads_no_plugin(tmp_path: Path, option: str) -> None:
    """It does not discover plugins either."""
    imported = imported_by(tmp_path, option)

    assert "actionhero.cli" in imported
    assert not imported & (HEAVY | PLUGINS)
    assert not {name for name in imported if name.endswith(".plugin")}


@pytest.mark.parametrize("arguments", [("--help",), ("completion", "--help")], ids=" ".join)
def test_help_imports_no_heavy_library(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """The `plugin.py` modules are sufficient to list commands."""
    imported = imported_by(tmp_path, *arguments)

    assert "actionhero.cli" in imported
    assert not imported & (HEAVY | {"asyncio", "importlib.metadata", "packaging"})


def test_help_of_a_command_of_core_loads_no_plugin(tmp_path: Path) -> None:
    """Only `start` has options of plugins."""
    assert "actionhero.plugins.discovery" not in imported_by(tmp_path, "doctor", "--help")
    assert "actionhero.plugins.discovery" in imported_by(tmp_path, "start", "--help")


def test_a_call_imports_no_server(tmp_path: Path) -> None:
    """It prints no table either."""
    installed = {item.name for item in entry_points("actionhero")}
    enabled = "web" if "web" in installed else "[]"

    imported = imported_by(tmp_path, "--set", f"plugins.enabled={enabled}", "call", "status")

    assert "pydantic" in imported
    assert not imported & {"aiohttp", "rich", "uvloop", "yarl"}


@pytest.mark.platform("linux")
def test_sigterm_during_the_imports_exits_with_143(tmp_path: Path) -> None:
    """Click is imported with the handler; the default would end the process by the signal."""
    process = subprocess.Popen(
        # It prints each module after its import.
        [sys.executable, "-u", "-X", "importtime", "-m", "actionhero", "doctor"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            if line.rpartition("|")[2].strip().startswith("click"):
                break
        process.send_signal(signal.SIGTERM)
        process.stderr.read()

    assert process.wait(30) == 143
