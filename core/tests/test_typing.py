"""Type checks of actions and calls, by running type checkers on samples."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = sorted((Path(__file__).parent / "typing").glob("*.py"))

#: Optional for the tests of core; `nox -s types` always checks the samples.
INSTALLED = [name for name in ("mypy", "basedpyright") if importlib.util.find_spec(name)]


def check(checker: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a type checker on all samples, in its strictest mode."""
    samples = [str(sample) for sample in SAMPLES]
    if checker == "mypy":
        options = ["--strict", "--config-file=", f"--cache-dir={folder}", "--no-error-summary"]
        arguments = [*options, *samples]
    else:
        settings = {
            "typeCheckingMode": "standard",
            "reportUnnecessaryTypeIgnoreComment": "error",
            "include": samples,
        }
        (folder / "pyrightconfig.json").write_text(json.dumps(settings))
        arguments = ["--project", str(folder), "--pythonpath", sys.executable]
    return subprocess.run(
        [sys.executable, "-m", checker, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


if INSTALLED:

    @pytest.mark.parametrize("checker", INSTALLED)
    def test_inputs_and_results_of_calls_are_typed(checker: str, tmp_path: Path) -> None:
        """Results have the type that `run` declares; wrong inputs are errors."""
        checked = check(checker, tmp_path)

        assert checked.returncode == 0, checked.stdout + checked.stderr
