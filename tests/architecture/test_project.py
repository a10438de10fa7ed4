"""The files around the code: no paths of one machine, no unfinished marks, valid fragments."""

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
    """Return all files that are written by hand."""
    tops = [".ci", "changes", "clients", "core", "docs", "example-plugins", "plugins", "tests"]
    paths = [*ROOT.glob("*"), *(path for top in tops for path in (ROOT / top).rglob("*"))]
    # The last but one is vendored, and the last has pictures.
    excluded = (
        r"\.(?!ci/)|__pycache__/|node_modules/|dist/|build/|site/|uv\.lock|swagger-ui|screenshots/"
    )
    hidden = re.compile(rf"/({excluded})")
    return [
        path
        for path in paths
        if path.is_file() and not hidden.search(f"/{path.relative_to(ROOT).as_posix()}")
    ]


def test_no_file_contains_a_path_of_this_machine() -> None:
    """A path of one machine does not exist on another."""
    of_this_machine = [str(ROOT), str(Path.home()), sys.prefix]
    folder = re.compile(rf"(?<![\w.:])(?:{'|'.join(map(re.escape, of_this_machine))})(?![\w-])")

    matches = {
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in texts()
        if path != Path(__file__)
        for line in path.read_text("utf-8", errors="replace").splitlines()
        if folder.search(line)
    }

    assert matches == set()


def test_no_text_links_to_a_package_registry() -> None:
    """A package is named, or linked at its own site: nothing of ours is published."""
    link = re.compile(r"https?://(?:www\.)?(?:pypi|npmjs|registry\.npmjs)\.")

    linking = [
        str(path.relative_to(ROOT))
        for path in texts()
        if path != Path(__file__) and link.search(path.read_text("utf-8", errors="replace"))
    ]

    assert linking == []


def test_no_file_contains_a_mark_of_unfinished_work() -> None:
    """Unfinished work is completed or removed, not marked."""
    mark = re.compile(r"\b(?:TODO|FIXME|XXX)\b")

    marked = [
        path
        for path in texts()
        if path != Path(__file__) and mark.search(path.read_text("utf-8", errors="replace"))
    ]

    assert marked == []


def test_a_changelog_fragment_is_one_sentence_that_names_its_package() -> None:
    """The file is called `<name>.<kind>.md`, and its text begins with `web: …`."""
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


def test_the_kinds_of_fragments_are_those_of_the_changelog() -> None:
    """A release collects fragments of every kind."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]

    assert tuple(kind["directory"] for kind in tools["towncrier"]["type"]) == KINDS


@pytest.mark.parametrize("name", ["demo", "install", "tests"])
def test_the_commands_of_the_readme_can_be_extracted(name: str) -> None:
    """CI runs the very command of the README: an environment, and a session of nox."""
    session = "dist -- --without-audit" if name == "install" else name
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme-command", name],
        capture_output=True,
        text=True,
        check=True,
    )

    assert printed.stdout.startswith("python3 -m venv .venv")
    assert printed.stdout.splitlines()[0].endswith(f".venv/bin/nox -s {session}")


def test_a_missing_command_of_the_readme_is_an_error() -> None:
    """Without the marked block CI fails, instead of running nothing."""
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme-command", "nonesuch"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert printed.returncode == 1
    assert "the command 'nonesuch' must be in exactly one ```console block" in printed.stderr


def test_the_noxfile_has_at_most_200_lines() -> None:
    """A reader sees all sessions at a glance."""
    assert len((ROOT / "noxfile.py").read_text("utf-8").splitlines()) <= 200
