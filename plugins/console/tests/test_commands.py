"""The commands of the console, and a panel of an installed package."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from actionhero import App
from actionhero.settings.sources import read_sources
from actionhero.testing import free_port
from actionhero_console.console import Console
from actionhero_console.passwords import verify_password

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PANEL = """
from pathlib import Path

from actionhero import hookimpl


def read() -> list[str]:
    return ["parcel"]


@hookimpl(optionalhook=True)
def actionhero_console_panels():
    from actionhero_console import Panel

    return [Panel("parcels", "Parcels", reads={"list": read}, assets=Path(__file__).parent)]
"""
SCRIPT = """
export default class {
  constructor() { this.element = document.createElement("ul"); }
  reads() { return { list: {} }; }
  draw({ list }) { this.element.textContent = list.join(); }
}
"""


async def run(
    *arguments: str, folder: Path, text: str = "", **environ: str
) -> tuple[int, str, str]:
    """Run a command, and return its exit code and output."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "actionhero", "console", *arguments),
        stdin=pipe, stdout=pipe, stderr=pipe, cwd=folder, env={**os.environ, **environ},
    )  # fmt: skip
    output, errors = await process.communicate(text.encode())
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def test_password_writes_a_hash(tmp_path: Path) -> None:
    """Of the first line of stdin; an empty one is a usage error."""
    (code, output, _), (empty_code, _, errors) = await asyncio.gather(
        run("password", folder=tmp_path, text="sesame\nmore\n"),
        run("password", folder=tmp_path, text="\n"),
    )

    assert code == 0
    assert verify_password("sesame", output.strip())
    assert (empty_code, "the password is empty" in errors) == (2, True)


async def test_audit_lists_the_acts_of_operators(
    site: Any, redis_server: Any, tmp_path: Path
) -> None:
    """As a table or as JSON, the newest first."""
    environ = {"ACTIONHERO_REDIS__MODE": "auto", "REDIS_URL": redis_server.url}
    async with site(environ=environ) as running:
        await running.change("stamps/stamp", json={"id": "7"})
    environ["ACTIONHERO_PLUGINS__ENABLED"] = "redis,web,console"
    (_, text, _), (_, table, _) = await asyncio.gather(
        run("audit", "--format", "json", folder=tmp_path, **environ),
        run("audit", folder=tmp_path, **environ),
    )

    assert [(entry["outcome"], entry["target"]) for entry in json.loads(text)] == [
        ("success", "letter 7"),
        ("begun", "letter 7"),
    ]
    assert "stamps.stamp" in table


async def test_audit_without_a_redis_server_is_an_error(tmp_path: Path) -> None:
    """Of one line: the server is unreachable, or the entries are in the memory of a process."""
    environ = {"ACTIONHERO_PLUGINS__ENABLED": "redis,web,console"}
    away = {"ACTIONHERO_REDIS__MODE": "auto", "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    results = await asyncio.gather(
        run("audit", folder=tmp_path, **environ, **away),
        run("audit", folder=tmp_path, **environ, ACTIONHERO_REDIS__MODE="memory"),
    )

    for code, output, errors in results:
        assert (code, output) == (69, "")
        assert "Traceback" not in errors
    assert "the audit log of the console cannot be read: " in results[0][2]
    assert "memory" in results[1][2]


async def test_a_panel_of_an_installed_package_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through its entry point: one module, and the script with one class."""
    (tmp_path / "parcels.py").write_text(PANEL, "utf-8")
    (tmp_path / "panel.js").write_text(SCRIPT, "utf-8")
    metadata = tmp_path / "parcels-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parcels\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[actionhero]\nparcels = parcels\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    environ = {"ACTIONHERO_PLUGINS__ENABLED": "redis,web,console,parcels"}

    app = App.load(read_sources(tmp_path, environ=environ))

    assert app.problems == []
    panel = app.get(Console).panels["parcels"]
    assert panel.owner == "plugin 'parcels' (parcels 1.0)"
    assert await panel.reads["list"].function(
        panel.reads["list"].function.schema.from_parsed({}), None
    ) == ["parcel"]


async def test_a_call_imports_nothing_of_the_console(tmp_path: Path) -> None:
    """Nor aiohttp for it, which takes longer than most calls."""
    enabled = "plugins.enabled=redis,web,console"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "importtime", "-m", "actionhero", "--set", enabled),
        *("call", "status"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=tmp_path,
    )  # fmt: skip
    _, log = await process.communicate()

    imported = {line.rpartition("|")[2].strip() for line in log.decode().splitlines()}
    assert process.returncode == 0, log
    assert "actionhero_console.initializer" in imported
    assert not imported & {"actionhero_console.console", "aiohttp"}
