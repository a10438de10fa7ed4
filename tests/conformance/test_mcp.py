"""The conformance suites of the Model Context Protocol: `nox -s mcp-conformance`.

They are installed from npm, with the version of Node.js that they need.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from tests.conftest import Place

    from actionhero_redis.testing import ThrowAwayRedis

pytestmark = [pytest.mark.contract, pytest.mark.timeout(900)]

#: The folder of the tools of npm.
TOOLS: Final = Path(sys.prefix) / "npm-mcp"
NODE: Final = "node@22.23.3"
#: A line of the summary of a run.
RESULT: Final = re.compile(r"^([✓✗]) ([\w-]+): (\d+) passed, (\d+) failed", re.MULTILINE)

COMMON: Final = (
    "completion-complete", "dns-rebinding-protection", "prompts-get-embedded-resource",
    "prompts-get-simple", "prompts-get-with-args", "prompts-get-with-image", "prompts-list",
    "resources-list", "resources-read-binary", "resources-read-text",
    "resources-templates-read", "server-sse-multiple-streams", "tools-call-audio",
    "tools-call-embedded-resource", "tools-call-error", "tools-call-image",
    "tools-call-mixed-content", "tools-call-simple-text", "tools-call-with-progress",
    "tools-list",
)  # fmt: skip
HANDSHAKE: Final = (
    "elicitation-sep1034-defaults", "elicitation-sep1330-enums", "logging-set-level", "ping",
    "resources-subscribe", "resources-unsubscribe", "server-initialize",
    "tools-call-elicitation", "tools-call-sampling", "tools-call-with-logging",
)  # fmt: skip
MODERN: Final = (
    "caching", "http-custom-header-server-validation", "http-header-validation",
    "input-required-result-basic-elicitation", "input-required-result-basic-list-roots",
    "input-required-result-basic-sampling", "input-required-result-capability-check",
    "input-required-result-ignore-extra-params", "input-required-result-missing-input-response",
    "input-required-result-multi-round", "input-required-result-multiple-input-requests",
    "input-required-result-non-tool-request", "input-required-result-request-state",
    "input-required-result-result-type", "input-required-result-tampered-state",
    "input-required-result-unsupported-methods", "input-required-result-validate-input",
    "json-schema-2020-12", "sep-2164-resource-not-found", "server-stateless",
    "tasks-capability-negotiation", "tasks-dispatch-and-envelope", "tasks-lifecycle",
    "tasks-mrtr-composition", "tasks-mrtr-input",
    "tasks-request-headers", "tasks-request-state-removal", "tasks-required-task-error",
    "tasks-status-notifications", "tasks-wire-fields",
)  # fmt: skip
#: The version of the suite, its options, and the scenarios that have to pass.
RUNS: Final = {
    "0.1.16": ("0.1.16", ("--suite", "active"), {*COMMON, *HANDSHAKE}),
    "2025-11-25": (
        "0.2.0-alpha.12",
        ("--requirements", "2025-11-25"),
        {
            *COMMON, *HANDSHAKE, "json-schema-2020-12", "server-session-lifecycle",
            "server-sse-polling",
        },
    ),
    "2026-07-28": ("0.2.0-alpha.12", ("--requirements", "2026-07-28"), {*COMMON, *MODERN}),
}  # fmt: skip


#: The inspector, and its program.
INSPECTOR: Final = "@modelcontextprotocol/inspector@2.12.0"
INSPECTOR_PROGRAM: Final = "inspector/clients/launcher/build/index.js"


def install(name: str, package: str, program: str) -> tuple[str, str]:
    """Install a package, and return the program of Node.js and that of the package.

    Args:
        name: The folder of the installation.
        package: The package with its version.
        program: The path of its program, below `@modelcontextprotocol`.
    """
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("npm is not installed; install Node.js 20 or later")
    folder = TOOLS / name
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), NODE, package]
    subprocess.run(command, check=True, capture_output=True)
    modules = folder / "node_modules"
    path = modules / "@modelcontextprotocol" / program
    return str(modules / "node" / "bin" / "node"), str(path)


def start(place: Place, workspace: Path, **environ: str) -> str:
    """Start the application, and return the URL of its endpoint."""
    specimens = workspace / "tests" / "specimens"
    shutil.copy(specimens / "agents" / "actionhero.toml", place.folder)
    place.enabled = ["channels", "mcp", "redis", "tasks", "web"]
    running = place.start("start", PYTHONPATH=os.fspath(specimens), **environ)
    port = running.wait_for(r"listening on http://127\.0\.0\.1:(\d+)")[1]
    return f"http://127.0.0.1:{port}/mcp"


def check(place: Place, url: str, run: str) -> None:
    """Run a suite; a scenario that is missing from the run fails too."""
    version, options, expected = RUNS[run]
    package = f"@modelcontextprotocol/conformance@{version}"
    node, suite = install(version, package, "conformance/dist/index.js")
    process = subprocess.run(
        [node, suite, "server", "--url", url, *options],
        cwd=place.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    summary = process.stdout.partition("=== SUMMARY ===")[2]
    results = {name: (mark, failed) for mark, name, _, failed in RESULT.findall(summary)}

    failed = {name for name in expected if results.get(name) != ("✓", "0")}
    assert not failed, process.stdout[-4000:]


@pytest.mark.parametrize("run", RUNS)
def test_all_scenarios_of_a_run_pass(place: Place, workspace: Path, run: str) -> None:
    check(place, start(place, workspace), run)


@pytest.mark.parametrize("run", RUNS)
def test_all_scenarios_pass_with_four_processes(
    place: Place,
    workspace: Path,
    run: str,
    redis_server: ThrowAwayRedis,  # noqa: F811 - the fixture
) -> None:
    """Each request may reach another one: there are no sticky sessions."""
    url = start(place, workspace, ACTIONHERO_WEB__WORKERS="4", REDIS_URL=redis_server.url)

    check(place, url, run)


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_accepts_all_tools(place: Place, workspace: Path, era: str) -> None:
    """Also their schemas."""
    url = start(place, workspace)
    node, inspector = install("inspector", INSPECTOR, INSPECTOR_PROGRAM)
    options = ("--transport", "http", "--protocol-era", era, "--method", "tools/list", "--strict")
    process = subprocess.run(
        [node, inspector, "--cli", url, *options],
        cwd=place.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert process.returncode == 0, process.stderr[-4000:]
    tools = {tool["name"] for tool in json.loads(process.stdout)["tools"]}
    assert {"test_simple_text", "slow_compute"} <= tools
