"""`actionhero openapi`, run as a command."""

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
    """Return a function that runs the command for the specimen, in an empty folder."""

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
    """The same to the standard output and to a file."""
    printed = run()
    saved = run("--output", "api.json")

    assert (printed.returncode, printed.stderr) == (0, "")
    assert (saved.returncode, saved.stdout, saved.stderr) == (0, "", "")
    assert (tmp_path / "api.json").read_text() == printed.stdout
    validate(json.loads(printed.stdout))


def test_the_check_fails_on_breaking_changes(run: Any, tmp_path: Path) -> None:
    """As in CI: `actionhero openapi --check api.json`."""
    old = tmp_path / "api.json"
    run("--output", str(old))
    document = json.loads(old.read_text())
    assert (unchanged := run("--check", str(old))).returncode == 0, unchanged
    assert unchanged.stdout == ""
    assert unchanged.stderr == "no breaking changes\n"

    # The old document had more.
    body = document["components"]["schemas"]["book_add_Request"]
    body["properties"]["subtitle"] = {"type": "string"}
    document["paths"]["/removed"] = {"get": {"responses": {"200": {"description": ""}}}}
    old.write_text(json.dumps(document))
    broken = run("--check", str(old))
    as_json = run("--check", str(old), "--format", "json")

    assert broken.returncode == 1
    assert "body /subtitle" in broken.stdout
    assert broken.stderr == "2 breaking changes\n"
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout) == [
        {"operation": "PUT /book", "place": "body /subtitle", "change": "was removed"},
        {"operation": "GET /removed", "place": "", "change": "was removed"},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ('{"swagger": "2.0"}', "is not an OpenAPI 3 document"),
        ("[]", "is not an OpenAPI 3 document"),
    ],
)
def test_an_invalid_document_is_refused(run: Any, tmp_path: Path, text: str, message: str) -> None:
    """With the exit code of a usage error."""
    (tmp_path / "old.json").write_text(text)

    process = run("--check", "old.json")

    assert process.returncode == 2
    assert message in process.stderr
    assert "'old.json'" in process.stderr


def test_a_missing_file_is_refused(run: Any) -> None:
    """With the exit code of a usage error."""
    process = run("--check", "missing.json")

    assert process.returncode == 2
    assert "missing.json" in process.stderr


def test_a_missing_folder_is_refused(run: Any) -> None:
    """The message contains the path."""
    process = run("--output", "no/such/folder.json")

    assert process.returncode == 1
    assert "no/such/folder.json" in process.stderr
    assert "Traceback" not in process.stderr
