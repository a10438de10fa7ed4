"""A folder to generate in, and the programs that look at what was generated."""

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
    """Give a function that runs a module of Python in a folder below the test's own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}

    def run_module(
        module: str, *arguments: str, folder: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=tmp_path / folder,
            env={**kept, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run_module


@pytest.fixture
def application(run: Run, tmp_path: Path) -> Path:
    """Give the folder of a new application, `guestbook`."""
    made = run("actionhero", "new", "guestbook")
    assert made.returncode == 0, made.stderr
    return tmp_path / "guestbook"
