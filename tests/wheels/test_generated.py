"""What is generated works where only wheels are installed: from an empty folder to an answer."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.wheels.test_wheels import asked, build, called
from tests.wheels.test_wheels import environment as environment  # a fixture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Place
    from tests.wheels.test_wheels import Environment

#: Somebody at a socket, and a test of the other application: each prints what it was answered.
OVER_A_SOCKET = """
import asyncio, json, sys
from actionhero_websocket.client import connect

async def ask() -> None:
    async with connect(sys.argv[1]) as client:
        print(json.dumps(await client.call("warm_greeter:greet", name="Ada")))

asyncio.run(ask())
"""
IN_A_TEST = """
import asyncio, json
from actionhero.testing import running_app
from warm_greeter import plugin

async def ask() -> None:
    async with running_app(plugin) as app:
        print(json.dumps(await app.call("warm_greeter:greet", name="Ada")))

asyncio.run(ask())
"""


def ran(folder: Path, *command: str | Path) -> str:
    """Run a command that has to succeed, and return what it printed."""
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def begin(environment: Environment, place: Place, *arguments: str) -> Path:
    """Begin a project, install it as its README says, and let its own tests pass."""
    begun = place.run("new", *arguments)
    assert begun.code == 0, begun.stderr
    project = place.folder / arguments[-1]
    environment.install_from(project.with_name(f"{project.name}[dev]"))
    ran(project, environment.python, "-m", "pytest", "-q", "-W", "error")
    return project


def test_a_new_application_is_tested_started_and_asked_without_an_edit(
    environment: Environment, place: Place, program: Callable[[str], str]
) -> None:
    """From nothing to an answer that curl prints, with the commands that its README names."""
    environment.install("actionhero-generate")

    place.folder = begin(environment, place, "guestbook")
    added = place.run("generate", "action", "entry:create")
    ran(place.folder, environment.python, "-m", "pytest", "-q", "-W", "error")

    assert added.code == 0, added.stderr
    assert called(place, "entry:create", "--text", "Hi") == {"text": "Hi"}
    server = place.start("start")
    origin = server.wait_for(r"listening on (http://[\w.]+:\d+)")[1]
    curl = (program("curl"), "--silent", "--show-error", "--fail")
    got = ran(place.folder, *curl, f"{origin}/api/greet?name=Ada")
    posted = ran(place.folder, *curl, "--json", '{"text": "Hi"}', f"{origin}/api/entry/create")
    assert json.loads(got) == {"greeting": "Hello, Ada!"}
    assert json.loads(posted) == {"text": "Hi"}
    assert server.stop().code == 0


def test_a_new_plugin_is_built_and_answers_over_every_door_of_another_application(
    environment: Environment, place: Place
) -> None:
    """HTTP, WebSocket, the shell, the queue and a test: its wheel is all that they need."""
    environment.install("actionhero-generate", "actionhero-tasks", "actionhero-websocket")
    wheel = build(begin(environment, place, "--plugin", "warm-greeter"))
    environment.uninstall("warm-greeter")
    # No source of it is left to be found by accident.
    shutil.move(wheel, place.folder)
    shutil.rmtree(place.folder / "warm-greeter")
    assert place.run("new", "guestbook").code == 0
    wheel = place.folder / wheel.name
    place.folder = place.folder / "guestbook"

    environment.install(str(wheel))

    ada = {"greeting": "Hello, Ada!"}
    assert called(place, "warm_greeter:greet", "--name", "Ada") == ada
    assert json.loads(ran(place.folder, environment.python, "-c", IN_A_TEST)) == ada
    server = place.start("start")
    origin = server.wait_for(r"listening on http(://[\w.]+:\d+)")[1]
    socket = ran(place.folder, environment.python, "-c", OVER_A_SOCKET, f"ws{origin}/api")
    assert json.loads(socket) == ada
    job = place.run("enqueue", "warm_greeter:greet", "--name", "Ada")
    assert job.code == 0, job.stderr
    result = place.run("job", "result", job.stdout.strip(), "--wait", "30")
    assert (result.code, json.loads(result.stdout)) == (0, ada), result.stderr
    assert server.stop().code == 0
    word = {"ACTIONHERO_WARM_GREETER__GREETING": "Ahoy"}
    assert asked(place, "/api/warm-greeter/greet?name=Ada", "/api/greet?name=Bo", **word) == [
        (200, {"greeting": "Ahoy, Ada!"}),
        (200, {"greeting": "Hello, Bo!"}),
    ]
