"""The files around the code keep their promises too."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KINDS = ("added", "changed", "fixed", "removed", "security")


def texts() -> list[Path]:
    """Return every file that somebody wrote."""
    tops = [".ci", "changes", "core", "docs", "example-plugins", "plugins", "tests"]
    paths = [*ROOT.glob("*"), *(path for top in tops for path in (ROOT / top).rglob("*"))]
    # The last was written elsewhere, and is passed on as it was published.
    others = r"\.(?!ci/)|__pycache__/|node_modules/|dist/|build/|site/|uv\.lock|swagger-ui"
    hidden = re.compile(rf"/({others})")
    return [
        path
        for path in paths
        if path.is_file() and not hidden.search(f"/{path.relative_to(ROOT).as_posix()}")
    ]


def test_the_project_is_at_home_on_every_machine() -> None:
    """No file names a folder that only one machine has."""
    of_this_machine = [str(ROOT), str(Path.home()), sys.prefix]
    folder = re.compile(rf"(?<![\w.:])(?:{'|'.join(map(re.escape, of_this_machine))})(?![\w-])")

    found = {
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in texts()
        if path != Path(__file__)
        for line in path.read_text("utf-8", errors="replace").splitlines()
        if folder.search(line)
    }

    assert found == set()


def test_nothing_is_left_to_be_done_later() -> None:
    """What is unfinished is finished or left out, not marked."""
    mark = re.compile(r"\b(?:TODO|FIXME|XXX)\b")

    found = [
        path
        for path in texts()
        if path != Path(__file__) and mark.search(path.read_text("utf-8", errors="replace"))
    ]

    assert found == []


def test_every_note_of_change_is_one_sentence_that_names_its_package() -> None:
    """A release can be told from its notes: `<name>.<kind>.md`, beginning `web: …`."""
    folders = [*ROOT.glob("plugins/*/"), *ROOT.glob("example-plugins/*/")]
    packages = {
        "core",
        "docs",
        "project",
        *(path.name.removeprefix("actionhero-") for path in folders),
    }

    for note in (ROOT / "changes").glob("*.md"):
        if note.name == "README.md":
            continue
        assert re.fullmatch(rf"[\w-]+\.({'|'.join(KINDS)})\.md", note.name)
        text = note.read_text("utf-8").strip()
        assert text.partition(": ")[0] in packages
        assert text.endswith(".")
        assert "\n" not in text


def test_the_kinds_of_change_are_those_of_the_changelog() -> None:
    """What a note may be called is what a release knows to gather."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]

    assert tuple(kind["directory"] for kind in tools["towncrier"]["type"]) == KINDS


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_the_commands_of_the_readme_are_found(name: str) -> None:
    """CI runs what the README tells a reader to type: an environment, and a session of nox."""
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme-command", name],
        capture_output=True,
        text=True,
        check=True,
    )

    assert printed.stdout.startswith("python3 -m venv .venv")
    assert printed.stdout.rstrip().endswith(f".venv/bin/nox -s {name}")


def test_a_command_that_the_readme_does_not_have_is_an_error() -> None:
    """A README without the marked block fails loudly, so that CI never runs nothing."""
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme-command", "nonesuch"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert printed.returncode == 1
    assert "the command 'nonesuch' must be in exactly one ```console block" in printed.stderr


def test_the_noxfile_is_read_in_one_go() -> None:
    """What can be done with the workspace fits in fewer than 160 lines."""
    assert len((ROOT / "noxfile.py").read_text("utf-8").splitlines()) < 160
