"""`actionhero openapi`, as it is typed in."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import validate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Run = "Callable[..., subprocess.CompletedProcess[str]]"


@pytest.fixture
def run(tmp_path: Path, environment: Callable[..., dict[str, str]]) -> Any:
    """Give a function that runs the command in an empty folder, for the specimen."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "actionhero", "openapi", *arguments],
            cwd=tmp_path,
            env=environment("specimen", tmp_path / "data"),
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_document_is_written(run: Any, tmp_path: Path) -> None:
    """To stdout, or to a file: the same, and nothing else."""
    written = run()
    saved = run("--output", "api.json")

    assert (written.returncode, written.stderr) == (0, "")
    assert (saved.returncode, saved.stdout, saved.stderr) == (0, "", "")
    assert (tmp_path / "api.json").read_text() == written.stdout
    validate(json.loads(written.stdout))


def test_a_check_passes_what_is_added_and_fails_what_breaks(run: Any, tmp_path: Path) -> None:
    """In CI: `actionhero openapi --check api.json`."""
    old = tmp_path / "api.json"
    run("--output", str(old))
    document = json.loads(old.read_text())
    assert (unchanged := run("--check", str(old))).returncode == 0, unchanged
    assert unchanged.stdout == ""
    assert unchanged.stderr == "no breaking change\n"

    # What was there before, and is not any more.
    body = document["components"]["schemas"]["book_add_Request"]
    body["properties"]["subtitle"] = {"type": "string"}
    document["paths"]["/gone"] = {"get": {"responses": {"200": {"description": ""}}}}
    old.write_text(json.dumps(document))
    broken = run("--check", str(old))
    as_json = run("--check", str(old), "--format", "json")

    assert broken.returncode == 1
    assert "body /subtitle" in broken.stdout
    assert broken.stderr == "2 breaking changes\n"
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout) == [
        {"operation": "PUT /book", "place": "body /subtitle", "change": "is gone"},
        {"operation": "GET /gone", "place": "", "change": "is gone"},
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is not JSON"),
        ('{"swagger": "2.0"}', "is not an OpenAPI 3 document"),
        ("[]", "is not an OpenAPI 3 document"),
    ],
)
def test_what_is_no_document_is_refused(
    run: Any, tmp_path: Path, text: str, complaint: str
) -> None:
    """In words, and with the exit code of wrong usage."""
    (tmp_path / "old.json").write_text(text)

    ended = run("--check", "old.json")

    assert ended.returncode == 2
    assert complaint in ended.stderr
    assert "'old.json'" in ended.stderr


def test_a_file_that_is_not_there_is_told(run: Any) -> None:
    """It is wrong usage too."""
    ended = run("--check", "nowhere.json")

    assert ended.returncode == 2
    assert "nowhere.json" in ended.stderr


def test_a_folder_that_cannot_be_written_to_is_told(run: Any) -> None:
    """With the path that was given."""
    ended = run("--output", "no/such/folder.json")

    assert ended.returncode == 1
    assert "no/such/folder.json" in ended.stderr
    assert "Traceback" not in ended.stderr
