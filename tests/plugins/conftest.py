"""The commands in the presence of an invalid plugin: some fail, others report its errors."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import CompletedCommand, Place

#: `call` and `start` fail; the others work and report the errors.
COMMANDS = {
    "help": ("--help",),
    "plugins": ("plugins",),
    "doctor": ("doctor", "--format", "json"),
    "config": ("config", "--format", "json"),
    "call": ("call", "status"),
    "start": ("start",),
}


class CheckCommands(Protocol):
    """Runs every command, and checks its exit code and its messages."""

    def __call__(
        self,
        *messages: str,
        help_reports: bool = True,
        has_invalid_settings: bool = False,
        call_works: bool = False,
    ) -> dict[str, CompletedCommand]:
        """Run every command, and return the completed commands.

        Args:
            messages: Parts of the error message. White space is ignored, because help is wrapped.
            help_reports: Whether the error is found without loading the whole application.
            has_invalid_settings: Whether `config` fails, too.
            call_works: Whether the error does not affect `call`.
        """


@pytest.fixture
def check_commands(place: Place) -> CheckCommands:
    """The check of all commands, which is the same for all errors."""

    def check(
        *messages: str,
        help_reports: bool = True,
        has_invalid_settings: bool = False,
        call_works: bool = False,
    ) -> dict[str, CompletedCommand]:
        running = {name: place.start(*arguments) for name, arguments in COMMANDS.items()}
        commands = {name: command.wait() for name, command in running.items()}

        codes = {
            "help": 0,
            "plugins": 0,
            "doctor": 1,
            "config": 78 if has_invalid_settings else 0,
            "call": 0 if call_works else 78,
            "start": 78,
        }
        actual = {name: command.code for name, command in commands.items()}
        assert actual == codes, output_of(commands)
        # Their listings are complete.
        assert "Inspect:" in commands["help"].stdout
        plugins = commands["plugins"].stdout
        assert "actionhero_actions" in plugins or "core" in plugins
        assert any(row["section"] == "app" for row in json.loads(commands["config"].stdout))
        if not call_works:
            assert commands["call"].stdout == ""
        assert commands["start"].stdout == ""
        assert "listening" not in commands["start"].stderr

        doctor = json.loads(commands["doctor"].stdout)
        reports = {
            "plugins": commands["plugins"].stderr,
            "doctor": "\n".join(row["message"] for row in doctor),
            "config": commands["config"].stderr,
            "start": commands["start"].stderr,
        }
        if not call_works:
            reports["call"] = commands["call"].stderr
        if help_reports:
            reports["help"] = commands["help"].stdout
        for name, text in reports.items():
            for message in messages:
                is_reported = without_spaces(message) in without_spaces(text)
                assert is_reported, f"{name} does not report {message!r}:\n{text}"
        for name, command in commands.items():
            assert "Traceback" not in command.stdout + command.stderr, f"{name}:\n{command.stderr}"
            assert not command.left_processes, f"{name} left a process"
        for name in ("start", "call"):
            if commands[name].code:
                assert commands[name].stderr.startswith("Error: "), commands[name].stderr
        return commands

    return check


def without_spaces(text: str) -> str:
    """Return `text` without white space: help is wrapped at 80 columns."""
    return re.sub(r"\s+", "", text)


def output_of(commands: dict[str, CompletedCommand]) -> str:
    """Return the output of all commands, for the message of a failed assertion."""
    return "\n".join(
        f"--- {name} → {command.code}\n{command.stdout}{command.stderr}"
        for name, command in commands.items()
    )


@pytest.fixture
def plugin_rows(place: Place) -> Callable[[], dict[str, dict[str, str]]]:
    """A function that returns the rows of `actionhero plugins` by name."""

    def rows_by_name() -> dict[str, dict[str, str]]:
        rows = json.loads(place.run("plugins", "--format", "json").stdout)
        return {row["name"]: row for row in rows}

    return rows_by_name
