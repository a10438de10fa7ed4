"""Clients that generators make of the document: they compile, and they work."""

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
found = booksearch.sync(client=client, text="Emma")
refused = bookadd.sync(client=client, body=BookAddRequest(title="taken"))
assert isinstance(refused, Error)
print(book.title, [each.title for each in found], refused.error.type_)
"""


def ran(folder: Path, *command: str, **environ: str) -> str:
    """Run a command that has to succeed, and return what it printed."""
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_client_in_typescript_compiles_strictly_and_works(
    serve: Serve, program: Callable[[str], str], tmp_path: Path
) -> None:
    """openapi-typescript and openapi-fetch; what is wrong is an error of the compiler."""
    npm, node = program("npm"), program("node")
    served = serve("specimen", "standard")
    project = tmp_path / "project"
    shutil.copytree(TYPESCRIPT, project, ignore=shutil.ignore_patterns("node_modules"))
    reachable = subprocess.run([npm, "ping"], cwd=project, capture_output=True, check=False)
    if reachable.returncode != 0:
        pytest.skip("the registry of npm cannot be reached")
    ran(project, npm, "ci", "--no-audit", "--no-fund")

    ran(
        project,
        *("node_modules/.bin/openapi-typescript", f"{served.origin}/api/swagger"),
        *("--output", "api.d.ts", "--default-non-nullable", "false"),
    )
    ran(project, "node_modules/.bin/tsc")

    assert json.loads(ran(project, node, "client.js", served.origin)) == {
        "added": "Persuasion",
        "viewed": 200,
        "found": ["Emma"],
        "refused": 409,
        "conflict": True,
    }


def test_a_client_in_python_is_generated_and_works(serve: Serve, tmp_path: Path) -> None:
    """openapi-python-client, on httpx."""
    served = serve("specimen", "standard")
    programs = Path(sys.executable).parent
    ran(
        tmp_path,
        *(str(programs / "openapi-python-client"), "generate"),
        *("--url", f"{served.origin}/api/swagger", "--meta", "none"),
        *("--output-path", "library_client"),
        PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
    )

    told = ran(tmp_path, sys.executable, "-c", PYTHON_CLIENT, served.origin)

    assert told == "Persuasion ['Emma'] CONNECTION_ACTION_CONFLICT\n"


def test_every_operation_has_a_name_that_generators_can_use(document_of: Any) -> None:
    """No two are the same after what is no letter or digit was taken out."""
    document = document_of()
    names = [
        "".join(filter(str.isalnum, operation["operationId"]))
        for item in document["paths"].values()
        for operation in item.values()
    ]

    assert len(names) == len(set(names))
