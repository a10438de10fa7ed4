"""Initializers and servers of plugins that fail during the start or the stop."""

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

#: Three initializers that write their steps to a file, and a server after that of `web`.
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

    def record(name, step):
        with open("journal", "a") as journal:
            journal.write(f"{name} {step}\\n")
        if f"{name} {step}" == settings.fails:
            raise RuntimeError("rain")

    class RecordingInitializer(Initializer):
        async def initialize(self, app):
            record(self.name, "initialize")

        async def start(self, app):
            record(self.name, "start")

        async def stop(self, app):
            record(self.name, "stop")

        async def check(self):
            if f"{self.name} check" == settings.fails:
                raise RuntimeError("drought")

    class First(RecordingInitializer):
        name = "first"

    class Second(RecordingInitializer):
        name = "second"
        requires = ("first",)

    class Third(RecordingInitializer):
        name = "third"
        requires = ("second",)

    return [Third(), Second(), First()]


@hookimpl
def actionhero_servers(app):
    from actionhero import Server

    [settings] = [section for section in app.settings if section.section == "guest"]

    class GuestServer(Server):
        name = "guest"

        async def start(self, app):
            with open("journal", "a") as journal:
                journal.write("guest start\\n")
            if settings.fails == "guest start":
                raise OSError("address in use")

        async def close(self):
            with open("journal", "a") as journal:
                journal.write("guest close\\n")
            if settings.fails == "guest close":
                raise OSError("address in use")

    return [GuestServer()]
"""

OWNER = "plugin 'guest' (guest-one 1.0)"
INITIALIZED = ["first initialize", "second initialize", "third initialize"]
STARTED = [*INITIALIZED, "first start", "second start", "third start"]
STOPPED = ["third stop", "second stop", "first stop"]


@pytest.fixture
def failing(place: Place) -> Place:
    """A place with the installed plugin."""
    place.install("guest-one", PLUGIN, plugin="guest")
    return place


def journal_of(place: Place) -> list[str]:
    """Return the recorded steps, and remove the file."""
    path = place.folder / "journal"
    steps = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return steps


FAILURES = [
    (
        "second initialize",
        ["first initialize", "second initialize", "second stop", "first stop"],
    ),
    ("second start", [*INITIALIZED, "first start", "second start", *STOPPED]),
]


@pytest.mark.parametrize(("fails", "journal"), FAILURES)
@pytest.mark.parametrize("arguments", [("start",), ("call", "status")], ids=" ".join)
def test_a_failing_initializer_stops_the_started_ones(
    failing: Place, arguments: tuple[str, ...], fails: str, journal: list[str]
) -> None:
    """One line with the name, the plugin and the reason; exit code 70."""
    command = failing.run("--set", f"guest.fails={fails}", *arguments)

    assert command.code == 70, command
    assert not command.left_processes
    assert command.stdout == ""
    assert "listening" not in command.stderr
    place = f"guest_one.plugin.actionhero_initializers.<locals>.Second, {OWNER}"
    assert command.stderr.splitlines() == [
        f"Error: initializer 'second' ({place}) failed to {fails.split()[1]}: RuntimeError: rain"
    ]
    assert journal_of(failing) == journal


@pytest.mark.parametrize("fails", [fails for fails, _ in FAILURES])
def test_listings_start_no_initializers(failing: Place, fails: str) -> None:
    """They work while an initializer fails."""
    failing.write("actionhero.toml", f'guest.fails = "{fails}"\n')
    commands = [("--help",), ("plugins",), ("config",), ("actions",), ("routes",)]

    for running in [failing.start(*arguments) for arguments in commands]:
        command = running.wait()
        assert (command.code, command.stderr) == (0, ""), command
    assert journal_of(failing) == []


@pytest.mark.parametrize(("fails", "journal"), FAILURES)
def test_doctor_reports_a_failing_initializer(
    failing: Place, fails: str, journal: list[str]
) -> None:
    """The started ones are stopped."""
    command = failing.run("--set", f"guest.fails={fails}", "doctor", "--format", "json")

    assert command.code == 1, command
    [failed] = [row for row in json.loads(command.stdout) if row["finding"] == "failed"]
    assert failed["check"] == "initializers"
    assert OWNER in failed["message"]
    assert f"failed to {fails.split()[1]}: RuntimeError: rain" in failed["message"]
    assert journal_of(failing) == journal


def test_a_failing_health_check_is_reported(failing: Place) -> None:
    """By `doctor` and `status`; the application starts nevertheless."""
    failing.write("actionhero.toml", 'guest.fails = "second check"\n')

    doctor = failing.run("doctor")
    status = failing.run("call", "status")

    assert doctor.code == 1
    assert re.search(r"second +failed +.*drought", doctor.stdout), doctor
    assert status.code == 0
    assert json.loads(status.stdout)["healthy"] is False
    assert json.loads(status.stdout)["checks"] == {"first": True, "second": False, "third": True}


def test_a_failing_server_stops_the_started_parts(failing: Place) -> None:
    """The other servers, then the initializers in reverse; the port is free again."""
    port = free_port()

    command = failing.run("--set", "guest.fails=guest start", "start", "--port", str(port))

    assert command.code == 70, command
    assert not command.left_processes
    place = f"guest_one.plugin.actionhero_servers.<locals>.GuestServer, {OWNER}"
    assert (
        f"Error: server 'guest' ({place}) failed to start: OSError: address in use"
        in command.stderr.splitlines()
    )
    assert "Traceback" not in command.stderr
    assert journal_of(failing) == [*STARTED, "guest start", "guest close", *STOPPED]
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_call_and_doctor_start_no_servers(failing: Place) -> None:
    """The addresses may be in use by the running application."""
    failing.write("actionhero.toml", 'guest.fails = "guest start"\n')

    assert failing.run("call", "status").code == 0
    assert journal_of(failing) == [*STARTED, *STOPPED]
    assert failing.run("doctor").code == 0
    assert journal_of(failing) == [*STARTED, *STOPPED]


@pytest.mark.parametrize(
    ("fails", "name"),
    [("second stop", "initializer 'second'"), ("guest close", "server 'guest'")],
)
def test_a_failed_stop_stops_the_other_parts(failing: Place, fails: str, name: str) -> None:
    """The failure is reported, and the exit code is 70."""
    running = failing.start("--set", f"guest.fails={fails}", "start")
    running.wait_for("listening on")

    command = running.stop(signal.SIGTERM)

    assert command.code == 70, command
    assert not command.left_processes
    assert f"Error: {name}" in command.stderr
    assert OWNER in command.stderr
    assert " failed to stop: " in command.stderr
    assert journal_of(failing) == [*STARTED, "guest start", "guest close", *STOPPED]


def test_a_failed_stop_after_a_call_does_not_lose_the_result(failing: Place) -> None:
    """The result is on stdout, the failure on stderr."""
    command = failing.run("--set", "guest.fails=second stop", "call", "hello", "--name", "Ada")

    assert command.code == 70, command
    assert json.loads(command.stdout) == {"greeting": "Hello, Ada!"}
    assert "Error: initializer 'second'" in command.stderr
    assert journal_of(failing) == [*STARTED, *STOPPED]
