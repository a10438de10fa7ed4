"""Generated projects work with installed wheels: from an empty folder to a response."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

from tests.wheels.test_wheels import build, call, request
from tests.wheels.test_wheels import environment as environment  # a fixture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Place
    from tests.wheels.test_wheels import Environment

#: A WebSocket client, and a test of another application: each prints the result.
OVER_A_SOCKET = """
import asyncio, json, sys
from actionhero_websocket.client import connect

async def main() -> None:
    async with connect(sys.argv[1]) as client:
        print(json.dumps(await client.call("warm_greeter:greet", name="Ada")))

asyncio.run(main())
"""
IN_A_TEST = """
import asyncio, json
from actionhero.testing import running_app
from warm_greeter import plugin

async def main() -> None:
    async with running_app(plugin) as app:
        print(json.dumps(await app.call("warm_greeter:greet", name="Ada")))

asyncio.run(main())
"""


def run(folder: Path, *command: str | Path) -> str:
    """Run a command that has to succeed, and return its output."""
    completed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, f"{command}\n{completed.stdout}{completed.stderr}"
    return completed.stdout


def create(environment: Environment, place: Place, *arguments: str) -> Path:
    """Create a project, install it as its README says, and run its own tests."""
    created = place.run("new", *arguments)
    assert created.code == 0, created.stderr
    project = place.folder / arguments[-1]
    environment.install_from(project.with_name(f"{project.name}[dev]"))
    run(project, environment.python, "-m", "pytest", "-q", "-W", "error")
    return project


def test_a_new_application_passes_its_tests_and_responds(
    environment: Environment, place: Place, program: Callable[[str], str]
) -> None:
    """From nothing to a response in curl, with the commands of its README."""
    environment.install("actionhero-generate")

    place.folder = create(environment, place, "guestbook")
    added = place.run("generate", "action", "entry:create")
    run(place.folder, environment.python, "-m", "pytest", "-q", "-W", "error")

    assert added.code == 0, added.stderr
    assert call(place, "entry:create", "--text", "Hi") == {"text": "Hi"}
    server = place.start("start")
    origin = server.wait_for(r"listening on (http://[\w.]+:\d+)")[1]
    curl = (program("curl"), "--silent", "--show-error", "--fail")
    greeting = run(place.folder, *curl, f"{origin}/api/greet?name=Ada")
    posted = run(place.folder, *curl, "--json", '{"text": "Hi"}', f"{origin}/api/entry/create")
    assert json.loads(greeting) == {"greeting": "Hello, Ada!"}
    assert json.loads(posted) == {"text": "Hi"}
    assert server.stop().code == 0


def test_a_new_server_needs_only_wheels(environment: Environment, place: Place) -> None:
    """The server of `generate server` passes its own test, and responds over its own protocol."""
    environment.install("actionhero-generate")
    place.folder = create(environment, place, "guestbook")
    added = place.run("generate", "server", "lines")
    assert added.code == 0, added.stderr
    run(place.folder, environment.python, "-m", "pytest", "-q", "-W", "error")
    module = place.folder / "guestbook" / "servers" / "lines.py"
    module.write_text(module.read_text().replace("port: ClassVar[int] = 7070", "port = 0"))

    server = place.start("start")
    port = int(server.wait_for(r"lines on port (\d+)")[1])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b'greet {"name": "Ada"}\nmissing {}\n')
        with client.makefile("rb") as lines:
            greeting, missing = json.loads(lines.readline()), json.loads(lines.readline())

    assert greeting == {"greeting": "Hello, Ada!"}
    assert missing["error"]["type"] == "CONNECTION_ACTION_NOT_FOUND"
    assert server.stop().code == 0


def test_a_new_plugin_is_built_and_responds_over_every_transport(
    environment: Environment, place: Place
) -> None:
    """HTTP, WebSocket, the shell, the queue and a test need only its wheel."""
    environment.install("actionhero-generate", "actionhero-tasks", "actionhero-websocket")
    wheel = build(create(environment, place, "--plugin", "warm-greeter"))
    environment.uninstall("warm-greeter")
    # Its sources are removed, so that they cannot be imported by accident.
    shutil.move(wheel, place.folder)
    shutil.rmtree(place.folder / "warm-greeter")
    assert place.run("new", "guestbook").code == 0
    wheel = place.folder / wheel.name
    place.folder = place.folder / "guestbook"

    environment.install(str(wheel))

    ada = {"greeting": "Hello, Ada!"}
    assert call(place, "warm_greeter:greet", "--name", "Ada") == ada
    assert json.loads(run(place.folder, environment.python, "-c", IN_A_TEST)) == ada
    server = place.start("start")
    origin = server.wait_for(r"listening on http(://[\w.]+:\d+)")[1]
    socket = run(place.folder, environment.python, "-c", OVER_A_SOCKET, f"ws{origin}/api")
    assert json.loads(socket) == ada
    job = place.run("enqueue", "warm_greeter:greet", "--name", "Ada")
    assert job.code == 0, job.stderr
    result = place.run("job", "result", job.stdout.strip(), "--wait", "30")
    assert (result.code, json.loads(result.stdout)) == (0, ada), result.stderr
    assert server.stop().code == 0
    variables = {"ACTIONHERO_WARM_GREETER__GREETING": "Ahoy"}
    assert request(
        place, "/api/warm-greeter/greet?name=Ada", "/api/greet?name=Bo", **variables
    ) == [
        (200, {"greeting": "Ahoy, Ada!"}),
        (200, {"greeting": "Hello, Bo!"}),
    ]
