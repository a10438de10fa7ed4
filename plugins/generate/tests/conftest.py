"""A new project in a temporary folder, and programs that check it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs a Python module in a subfolder of the temporary folder."""
    inherited = {
        name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ
    }

    def run_module(
        module: str, *arguments: str, folder: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=tmp_path / folder,
            env={**inherited, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run_module


@pytest.fixture
def application(run: Run, tmp_path: Path) -> Path:
    """Return the folder of a new application, `guestbook`."""
    process = run("actionhero", "new", "guestbook")
    assert process.returncode == 0, process.stderr
    return tmp_path / "guestbook"
