"""The workflows of GitHub, without GitHub; `nox -s contract` runs actionlint as well."""

from __future__ import annotations

import ast
import json
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
#: The workflow of generated plugins.
TEMPLATE: Final = (
    ROOT / "plugins/generate/src/actionhero_generate/templates/plugin/checks.yml.jinja"
)
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


@pytest.mark.parametrize("path", [*WORKFLOWS, TEMPLATE], ids=lambda path: path.stem)
def test_actions_are_pinned_and_permissions_restricted(path: Path) -> None:
    """An action is a commit, whose release is in a comment; no job can write by default."""
    text = path.read_text("utf-8")
    used = re.findall(r"uses: (.+)$", text, re.MULTILINE)
    workflow = yaml.safe_load(re.sub(r"{%.*?%}", "", text))

    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_all_workflows_use_the_same_release_of_an_action() -> None:
    """Those of generated plugins, too."""
    texts = [path.read_text("utf-8") for path in [*WORKFLOWS, TEMPLATE]]
    used = {line for text in texts for line in re.findall(r"uses: (.+)$", text, re.MULTILINE)}

    assert len(used) == len({line.partition("@")[0] for line in used})


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


def test_only_jobs_without_our_code_can_publish() -> None:
    """The jobs with an identity run no code of the repository, and have no token."""
    workflow = load("release.yml")
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    publishing = {
        name: job
        for name, job in workflow["jobs"].items()
        if job.get("permissions", {}).get("id-token") == "write"
    }

    assert list(publishing) == ["pypi", "npm"]
    for name, job in publishing.items():
        assert job["environment"] == name
        assert job["permissions"] == {"id-token": "write"}
        assert not any("checkout" in step.get("uses", "") for step in job["steps"])
    assert "secrets." not in text
    # A second run continues an upload that failed halfway.
    steps = publishing["pypi"]["steps"]
    [upload] = [step for step in steps if "pypi-publish" in step.get("uses", "")]
    assert upload["with"]["skip-existing"] is True
    # The audit is not skipped.
    assert "nox -s dist\n" in text


@pytest.mark.parametrize(("published", "expected"), [("", True), ("1.2.2", True), ("1.2.3", False)])
def test_the_javascript_client_is_published_once(
    tmp_path: Path, published: str, expected: bool
) -> None:
    """A second run of the job does not fail because the first has published the version."""
    [*_, publish] = load("release.yml")["jobs"]["npm"]["steps"]
    npm = tmp_path / "npm"
    npm.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\ntest $1 = publish && exit\n'
        f"echo {published}\ntest -n '{published}'\n"
    )
    npm.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "TAG": "v1.2.3"}

    subprocess.run(["bash", "-e", "-c", publish["run"]], env=environ, check=True)

    view, *calls = (tmp_path / "calls").read_text().splitlines()
    assert view == "view @actionhero/client@1.2.3 version"
    command = "publish --provenance --access public --ignore-scripts ./npm/*.tgz"
    assert calls == ([command] if expected else [])


def test_the_javascript_client_has_the_version_of_the_packages() -> None:
    """The release checks its tag against both."""
    package = json.loads((ROOT / "clients/javascript/package.json").read_text("utf-8"))
    core = tomllib.loads((ROOT / "core" / "pyproject.toml").read_text("utf-8"))["project"]

    assert package["version"] == core["version"]
