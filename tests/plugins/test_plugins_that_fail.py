"""Plugins whose initializers or servers fail while an application starts or stops."""

from __future__ import annotations

import json
import re
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from actionhero.testing import free_port

if TYPE_CHECKING:
    from tests.conftest import Place

#: Three initializers that write down what becomes of them, and a server after that of `web`.
PLUGIN = """
from __future__ import annotations

from actionhero import hookimpl


@hookimpl
def actionhero_settings():
    from actionhero import Settings

    class GuestSettings(Settings):
        section = "guest"
        fails: str = ""

    return [GuestSettings]


@hookimpl
def actionhero_initializers(app):
    from actionhero import Initializer

    [settings] = [section for section in app.settings if section.section == "guest"]

    def note(name, step):
        with open("journal", "a") as journal:
            journal.write(f"{name} {step}\\n")
        if f"{name} {step}" == settings.fails:
            raise RuntimeError("rain")

    class Noted(Initializer):
        async def initialize(self, app):
            note(self.name, "initialize")

        async def start(self, app):
            note(self.name, "start")

        async def stop(self, app):
            note(self.name, "stop")

        async def check(self):
            if f"{self.name} check" == settings.fails:
                raise RuntimeError("drought")

    class First(Noted):
        name = "first"

    class Second(Noted):
        name = "second"
        requires = ("first",)

    class Third(Noted):
        name = "third"
        requires = ("second",)

    return [Third(), Second(), First()]


@hookimpl
def actionhero_servers(app):
    from actionhero import Server

    [settings] = [section for section in app.settings if section.section == "guest"]

    class Door(Server):
        name = "door"

        async def start(self, app):
            with open("journal", "a") as journal:
                journal.write("door start\\n")
            if settings.fails == "door start":
                raise OSError("the lock is jammed")

        async def close(self):
            with open("journal", "a") as journal:
                journal.write("door close\\n")
            if settings.fails == "door close":
                raise OSError("the lock is jammed")

    return [Door()]
"""

OWNER = "plugin 'guest' (guest-one 1.0)"
INITIALIZED = ["first initialize", "second initialize", "third initialize"]
STARTED = [*INITIALIZED, "first start", "second start", "third start"]
STOPPED = ["third stop", "second stop", "first stop"]


@pytest.fixture
def failing(place: Place) -> Place:
    """Give a place where the plugin is installed."""
    place.install("guest-one", PLUGIN, plugin="guest")
    return place


def journal_of(place: Place) -> list[str]:
    """Return what was written down, and begin a new page."""
    path = place.folder / "journal"
    written = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return written


FAILURES = [
    (
        "second initialize",
        ["first initialize", "second initialize", "second stop", "first stop"],
    ),
    ("second start", [*INITIALIZED, "first start", "second start", *STOPPED]),
]


@pytest.mark.parametrize(("fails", "journal"), FAILURES)
@pytest.mark.parametrize("arguments", [("start",), ("call", "status")], ids=" ".join)
def test_what_had_begun_is_stopped_in_reverse_when_an_initializer_fails(
    failing: Place, arguments: tuple[str, ...], fails: str, journal: list[str]
) -> None:
    """One line says which, whose and why; the process exits with 70 and leaves nothing."""
    ended = failing.run("--set", f"guest.fails={fails}", *arguments)

    assert ended.code == 70, ended
    assert not ended.left_processes
    assert ended.stdout == ""
    assert "listening" not in ended.stderr
    place = f"guest_one.plugin.actionhero_initializers.<locals>.Second, {OWNER}"
    assert ended.stderr.splitlines() == [
        f"Error: initializer 'second' ({place}) failed to {fails.split()[1]}: RuntimeError: rain"
    ]
    assert journal_of(failing) == journal


@pytest.mark.parametrize("fails", [fails for fails, _ in FAILURES])
def test_listings_work_while_an_initializer_fails(failing: Place, fails: str) -> None:
    """They start nothing."""
    failing.write("actionhero.toml", f'guest.fails = "{fails}"\n')
    commands = [("--help",), ("plugins",), ("config",), ("actions",), ("routes",)]

    for running in [failing.start(*arguments) for arguments in commands]:
        ended = running.wait()
        assert (ended.code, ended.stderr) == (0, ""), ended
    assert journal_of(failing) == []


@pytest.mark.parametrize(("fails", "journal"), FAILURES)
def test_doctor_tells_an_initializer_that_fails(
    failing: Place, fails: str, journal: list[str]
) -> None:
    """And what had begun is stopped."""
    ended = failing.run("--set", f"guest.fails={fails}", "doctor", "--format", "json")

    assert ended.code == 1, ended
    [failed] = [row for row in json.loads(ended.stdout) if row["finding"] == "failed"]
    assert failed["check"] == "initializers"
    assert OWNER in failed["message"]
    assert f"failed to {fails.split()[1]}: RuntimeError: rain" in failed["message"]
    assert journal_of(failing) == journal


def test_a_check_that_fails_is_seen_by_doctor_and_status(failing: Place) -> None:
    """What depends on it may still work: nothing is refused."""
    failing.write("actionhero.toml", 'guest.fails = "second check"\n')

    doctor = failing.run("doctor")
    status = failing.run("call", "status")

    assert doctor.code == 1
    assert re.search(r"second +failed +.*drought", doctor.stdout), doctor
    assert status.code == 0
    assert json.loads(status.stdout)["healthy"] is False
    assert json.loads(status.stdout)["checks"] == {"first": True, "second": False, "third": True}


def test_a_server_that_does_not_open_closes_what_was_opened_before(failing: Place) -> None:
    """The other doors, then the initializers in reverse; the port is free again."""
    port = free_port()

    ended = failing.run("--set", "guest.fails=door start", "start", "--port", str(port))

    assert ended.code == 70, ended
    assert not ended.left_processes
    place = f"guest_one.plugin.actionhero_servers.<locals>.Door, {OWNER}"
    assert (
        f"Error: server 'door' ({place}) failed to start: OSError: the lock is jammed"
        in ended.stderr.splitlines()
    )
    assert "Traceback" not in ended.stderr
    assert journal_of(failing) == [*STARTED, "door start", "door close", *STOPPED]
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_call_has_nothing_to_do_with_a_server_that_fails(failing: Place) -> None:
    """Nor has `doctor`, who may look at a machine that serves already."""
    failing.write("actionhero.toml", 'guest.fails = "door start"\n')

    assert failing.run("call", "status").code == 0
    assert journal_of(failing) == [*STARTED, *STOPPED]
    assert failing.run("doctor").code == 0
    assert journal_of(failing) == [*STARTED, *STOPPED]


@pytest.mark.parametrize(
    ("fails", "what"),
    [("second stop", "initializer 'second'"), ("door close", "server 'door'")],
)
def test_all_the_rest_is_stopped_when_something_fails_to_stop(
    failing: Place, fails: str, what: str
) -> None:
    """It was served and told to end: what failed is told, and the exit code is 70."""
    running = failing.start("--set", f"guest.fails={fails}", "start")
    running.wait_for("listening on")

    ended = running.stop(signal.SIGTERM)

    assert ended.code == 70, ended
    assert not ended.left_processes
    assert f"Error: {what}" in ended.stderr
    assert OWNER in ended.stderr
    assert " failed to stop: " in ended.stderr
    assert journal_of(failing) == [*STARTED, "door start", "door close", *STOPPED]


def test_a_call_that_succeeded_and_could_not_tidy_up_tells_both(failing: Place) -> None:
    """The value is on stdout, the failure on stderr."""
    ended = failing.run("--set", "guest.fails=second stop", "call", "hello", "--name", "Ada")

    assert ended.code == 70, ended
    assert json.loads(ended.stdout) == {"greeting": "Hello, Ada!"}
    assert "Error: initializer 'second'" in ended.stderr
    assert journal_of(failing) == [*STARTED, *STOPPED]
