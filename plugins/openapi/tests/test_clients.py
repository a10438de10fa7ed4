"""Clients generated from the document compile and work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.openapi.tests.conftest import Serve

TYPESCRIPT = Path(__file__).parent / "typescript"

PYTHON_CLIENT = """
import sys

from library_client import Client
from library_client.api.book import bookadd, booksearch
from library_client.models import BookAddRequest, Error

client = Client(base_url=f"{sys.argv[1]}/api")
book = bookadd.sync(client=client, body=BookAddRequest(title="Persuasion"))
books = booksearch.sync(client=client, text="Emma")
error = bookadd.sync(client=client, body=BookAddRequest(title="taken"))
assert isinstance(error, Error)
print(book.title, [each.title for each in books], error.error.type_)
"""


def run(folder: Path, *command: str, **environ: str) -> str:
    """Run a command that must succeed, and return its output."""
    process = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_a_typescript_client_compiles_and_works(
    serve: Serve, program: Callable[[str], str], tmp_path: Path
) -> None:
    """With openapi-typescript and openapi-fetch; wrong calls are compiler errors."""
    npm, node = program("npm"), program("node")
    served = serve("specimen", "standard")
    project = tmp_path / "project"
    shutil.copytree(TYPESCRIPT, project, ignore=shutil.ignore_patterns("node_modules"))
    reachable = subprocess.run([npm, "ping"], cwd=project, capture_output=True, check=False)
    if reachable.returncode != 0:
        pytest.skip("the npm registry cannot be reached")
    run(project, npm, "ci", "--no-audit", "--no-fund")

    run(
        project,
        *("node_modules/.bin/openapi-typescript", f"{served.origin}/api/swagger"),
        *("--output", "api.d.ts", "--default-non-nullable", "false"),
    )
    run(project, "node_modules/.bin/tsc")

    assert json.loads(run(project, node, "client.js", served.origin)) == {
        "added": "Persuasion",
        "viewed": 200,
        "books": ["Emma"],
        "status": 409,
        "conflict": True,
    }


def test_a_python_client_is_generated_and_works(serve: Serve, tmp_path: Path) -> None:
    """With openapi-python-client, on httpx."""
    served = serve("specimen", "standard")
    programs = Path(sys.executable).parent
    run(
        tmp_path,
        *(str(programs / "openapi-python-client"), "generate"),
        *("--url", f"{served.origin}/api/swagger", "--meta", "none"),
        *("--output-path", "library_client"),
        PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
    )

    output = run(tmp_path, sys.executable, "-c", PYTHON_CLIENT, served.origin)

    assert output == "Persuasion ['Emma'] CONNECTION_ACTION_CONFLICT\n"


def test_operation_ids_are_unique_for_generators(document_of: Any) -> None:
    """Generators drop all characters except letters and digits."""
    document = document_of()
    names = [
        "".join(filter(str.isalnum, operation["operationId"]))
        for item in document["paths"].values()
        for operation in item.values()
    ]

    assert len(names) == len(set(names))
