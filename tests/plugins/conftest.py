"""What is asked of every plugin that misbehaves: the commands that refuse, and those that tell."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Ended, Place

#: `call` and `start` refuse, the others work and tell what is wrong.
COMMANDS = {
    "help": ("--help",),
    "plugins": ("plugins",),
    "doctor": ("doctor", "--format", "json"),
    "config": ("config", "--format", "json"),
    "call": ("call", "status"),
    "start": ("start",),
}


class Meet(Protocol):
    """Runs every command, and looks at what each makes of what is wrong."""

    def __call__(
        self,
        *told: str,
        help_tells: bool = True,
        settings_are_wrong: bool = False,
        call_works: bool = False,
    ) -> dict[str, Ended]:
        """Run every command, and return what came of each.

        Args:
            told: What is told of it, a piece each; spacing is free, as where help is folded.
            help_tells: Whether it is seen without loading the whole application.
            settings_are_wrong: Whether `config` is to fail too.
            call_works: Whether a call from the shell has nothing to do with it.
        """


@pytest.fixture
def meet(place: Place) -> Meet:
    """Give the one check that every kind of misbehaviour goes through."""

    def check(
        *told: str,
        help_tells: bool = True,
        settings_are_wrong: bool = False,
        call_works: bool = False,
    ) -> dict[str, Ended]:
        running = {name: place.start(*arguments) for name, arguments in COMMANDS.items()}
        ended = {name: command.wait() for name, command in running.items()}

        wanted = {
            "help": 0,
            "plugins": 0,
            "doctor": 1,
            "config": 78 if settings_are_wrong else 0,
            "call": 0 if call_works else 78,
            "start": 78,
        }
        assert {name: end.code for name, end in ended.items()} == wanted, told_by(ended)
        # They still do what they are for.
        assert "Commands:" in ended["help"].stdout
        assert "actionhero_actions" in ended["plugins"].stdout or "core" in ended["plugins"].stdout
        assert any(row["section"] == "app" for row in json.loads(ended["config"].stdout))
        if not call_works:
            assert ended["call"].stdout == ""
        assert ended["start"].stdout == ""
        assert "listening" not in ended["start"].stderr

        tells = {
            "plugins": ended["plugins"].stderr,
            "doctor": "\n".join(row["message"] for row in json.loads(ended["doctor"].stdout)),
            "config": ended["config"].stderr,
            "start": ended["start"].stderr,
        }
        if not call_works:
            tells["call"] = ended["call"].stderr
        if help_tells:
            tells["help"] = ended["help"].stdout
        for name, text in tells.items():
            for piece in told:
                assert squeezed(piece) in squeezed(text), f"{name} does not tell {piece!r}:\n{text}"
        for name, end in ended.items():
            assert "Traceback" not in end.stdout + end.stderr, f"{name}:\n{end.stderr}"
            assert not end.left_processes, f"{name} left a process"
        for name in ("start", "call"):
            if ended[name].code:
                assert ended[name].stderr.startswith("Error: "), ended[name].stderr
        return ended

    return check


def squeezed(text: str) -> str:
    """Return `text` without spacing: help pages are folded at 80 columns."""
    return re.sub(r"\s+", "", text)


def told_by(ended: dict[str, Ended]) -> str:
    """Return all that was written, for whoever reads why a test failed."""
    return "\n".join(
        f"--- {name} → {end.code}\n{end.stdout}{end.stderr}" for name, end in ended.items()
    )


@pytest.fixture
def plugin_rows(place: Place) -> Callable[[], dict[str, dict[str, str]]]:
    """Give a function that returns what `actionhero plugins` lists, by the name of the plugin."""

    def listed() -> dict[str, dict[str, str]]:
        rows = json.loads(place.run("plugins", "--format", "json").stdout)
        return {row["name"]: row for row in rows}

    return listed
