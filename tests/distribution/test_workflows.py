"""The workflows of GitHub, without GitHub; `nox -s contract` runs actionlint as well."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.conftest import ROOT

WORKFLOWS: Final = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECTS: Final = sorted(
    path
    for pattern in ("core", "plugins/*", "example-plugins/*")
    for path in ROOT.glob(f"{pattern}/pyproject.toml")
)


def load(name: str) -> dict[str, Any]:
    """Return a workflow."""
    workflow: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    return workflow


def test_workflows_match_their_schema() -> None:
    """All keys are known to GitHub."""
    program = Path(sys.executable).parent / "check-jsonschema"
    command = [str(program), "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS)]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_permissions_restricted(path: Path) -> None:
    """An action is a commit, whose release is in a comment; no job can write by default."""
    text = path.read_text("utf-8")
    used = re.findall(r"uses: (.+)$", text, re.MULTILINE)

    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert load(path.name)["permissions"] == {"contents": "read"}


def test_ci_runs_the_script_on_all_pythons() -> None:
    """The versions are those of nox."""
    [job] = load("ci.yml")["jobs"].values()
    versions = job["strategy"]["matrix"]["python"]

    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    text = (ROOT / "noxfile.py").read_text("utf-8")
    [pythons] = re.findall(r"^PYTHONS = (.+)$", text, re.MULTILINE)
    assert tuple(versions) == ast.literal_eval(pythons)
    assert job["container"] == "python:${{ matrix.python }}-trixie"


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.parent.name)
def test_packages_claim_the_tested_versions_of_python(path: Path) -> None:
    """A classifier is a claim, and CI its evidence."""
    [job] = load("ci.yml")["jobs"].values()
    classifiers = tomllib.loads(path.read_text("utf-8"))["project"]["classifiers"]
    claimed = [
        version
        for line in classifiers
        for version in re.findall(r"^Programming Language :: Python :: (3\.\d+)$", line)
    ]

    assert claimed == job["strategy"]["matrix"]["python"]


def test_only_the_job_without_our_code_can_publish() -> None:
    """The job with the identity runs no code of the repository, and has no token of PyPI."""
    workflow = load("release.yml")
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    [publishing] = [
        job
        for job in workflow["jobs"].values()
        if job.get("permissions", {}).get("id-token") == "write"
    ]

    assert publishing["environment"] == "pypi"
    assert not any("checkout" in step.get("uses", "") for step in publishing["steps"])
    assert "secrets." not in text
    # A second run continues an upload that failed halfway.
    [upload] = [step for step in publishing["steps"] if "pypi-publish" in step.get("uses", "")]
    assert upload["with"]["skip-existing"] is True
    # The audit is not skipped.
    assert "nox -s dist\n" in text
