"""What is generated works where only wheels are installed: from an empty folder to an answer."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.wheels.test_wheels import asked, build, called
from tests.wheels.test_wheels import environment as environment  # a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Place
    from tests.wheels.test_wheels import Environment


def begin(environment: Environment, place: Place, *arguments: str) -> Path:
    """Begin a project, install it as its README says, and let its own tests pass."""
    begun = place.run("new", *arguments)
    assert begun.code == 0, begun.stderr
    project = place.folder / arguments[-1]
    environment.install_from(project.with_name(f"{project.name}[dev]"))
    tested = subprocess.run(
        [environment.python, "-m", "pytest", "-q", "-W", "error"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    return project


def test_a_new_application_is_tested_started_and_asked_without_an_edit(
    environment: Environment, place: Place
) -> None:
    """From nothing to an answer over HTTP, with four commands; a part is added with a fifth."""
    environment.install("actionhero-generate")

    place.folder = begin(environment, place, "guestbook")
    added = place.run("generate", "action", "entry:create")

    assert added.code == 0, added.stderr
    assert called(place, "greet", "--name", "Ada") == {"greeting": "Hello, Ada!"}
    assert called(place, "entry:create", "--text", "Hi") == {"text": "Hi"}
    assert asked(place, "/api/greet?name=Ada") == [(200, {"greeting": "Hello, Ada!"})]


def test_a_new_plugin_is_built_and_answers_in_another_application(
    environment: Environment, place: Place
) -> None:
    """Its wheel is all that the other application needs."""
    environment.install("actionhero-generate", "actionhero-web")
    plugin = begin(environment, place, "--plugin", "warm-greeter")
    environment.uninstall("warm-greeter")
    place.run("new", "guestbook")
    place.folder = place.folder / "guestbook"

    environment.install(str(build(plugin)))

    assert called(place, "warm_greeter:greet", "--name", "Ada") == {"greeting": "Hello, Ada!"}
    word = {"ACTIONHERO_WARM_GREETER__GREETING": "Ahoy"}
    assert asked(place, "/api/warm-greeter/greet?name=Ada", "/api/greet?name=Bo", **word) == [
        (200, {"greeting": "Ahoy, Ada!"}),
        (200, {"greeting": "Hello, Bo!"}),
    ]
