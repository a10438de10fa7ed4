"""What the tests of the whole workspace share."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def workspace() -> Path:
    """Give the root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def wheel_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the wheel of every package.

    nox builds them and names the folder in `WHEEL_FOLDER`. Without nox they are built here.
    """
    if built := os.environ.get("WHEEL_FOLDER"):
        return Path(built)
    if (uv := shutil.which("uv")) is None:
        pytest.skip("building the wheels needs the program 'uv'")
    folder = tmp_path_factory.mktemp("wheels")
    for pattern in ("core", "plugins/*", "example-plugins/*"):
        for project in sorted(ROOT.glob(f"{pattern}/pyproject.toml")):
            subprocess.run(
                [uv, "build", "--quiet", "--wheel", "--out-dir", folder, project.parent], check=True
            )
    return folder
