"""The JavaScript client: its types, the served files, and its tests in Node.js and Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "javascript"
STATIC = ROOT / "plugins" / "websocket" / "src" / "actionhero_websocket" / "static"
#: The served files, each with its built file.
SERVED = {
    STATIC / "client.js": CLIENT / "dist" / "client.js",
    STATIC / "client.d.ts": CLIENT / "dist" / "index.d.ts",
}
#: The limit of the minified file, which browsers receive compressed to less than half.
MAX_BYTES = 14_000


def run(*command: str, **variables: str) -> None:
    """Run a command in the folder of the client; it must succeed."""
    process = subprocess.run(
        command,
        cwd=CLIENT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, f"{command}\n{process.stdout}\n{process.stderr}"


@pytest.mark.timeout(300)  # It starts servers and a browser.
def test_the_client_is_built_and_passes_its_tests(program: Callable[[str], str]) -> None:
    """One test, as its steps share a folder. `nox -s javascript` also updates the served files."""
    npm = program("npm")
    chromium = program("chromium")

    run(npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    run(npm, "run", "build")
    run(npm, "run", "types")
    if os.environ.get("UPDATE_SERVED_CLIENT"):
        for served, built in SERVED.items():
            shutil.copy(built, served)
    for served, built in SERVED.items():
        assert served.read_bytes() == built.read_bytes(), "run nox -s javascript, and commit"
    assert (STATIC / "client.js").stat().st_size < MAX_BYTES
    run(npm, "test", PYTHON=sys.executable, CHROMIUM=chromium)


def test_the_lock_file_names_no_registry() -> None:
    """The packages are installed from the registry that the user has configured."""
    assert '"resolved"' not in (CLIENT / "package-lock.json").read_text("utf-8")
