"""Conflicts between valid plugins."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place
    from tests.plugins.conftest import CheckCommands

ONE = "plugin 'one' (guest-one 1.0)"
TWO = "plugin 'two' (guest-two 2.5)"

ACTION = """
from __future__ import annotations

from actionhero import hookimpl


@hookimpl
def actionhero_actions():
    from actionhero import Action, Call

    class Guest(Action):
        name = {name!r}
        web = {web!r}

        async def run(self, call: Call) -> str:
            return "guest"

    return [Guest]
"""

SETTINGS = """
from __future__ import annotations

from actionhero import hookimpl


@hookimpl
def actionhero_settings():
    from actionhero import Settings

    class GuestSettings(Settings):
        section = {section!r}

    return [GuestSettings]
"""

COMMAND = """
from __future__ import annotations

from actionhero import hookimpl


@hookimpl
def actionhero_commands(group):
    from actionhero.cli import LazyCommand

    group.add_command(LazyCommand({command!r}, "missing:command", "Greet a guest."))
"""

INITIALIZER = """
from __future__ import annotations

from actionhero import hookimpl


@hookimpl
def actionhero_initializers():
    from actionhero import Initializer

    class Guest(Initializer):
        name = {name!r}
        requires = {requires!r}

    return [Guest()]
"""


def install(place: Place, template: str, one: dict[str, object], two: dict[str, object]) -> None:
    """Install two distributions with plugins from a template."""
    place.install("guest-one", template.format(**one), plugin="one")
    place.install("guest-two", template.format(**two), plugin="two", version="2.5")


def test_duplicate_actions_are_an_error(place: Place, check_commands: CheckCommands) -> None:
    """The message names the owners and the files of both."""
    install(place, ACTION, {"name": "greet", "web": None}, {"name": "greet", "web": None})

    check_commands(
        "two actions are called 'greet': ",
        ONE,
        TWO,
        f"{place.site}/guest_one/plugin.py:",
        f"{place.site}/guest_two/plugin.py:",
        "rename one",
        help_reports=False,
    )


def test_actions_of_core_are_reserved(place: Place, check_commands: CheckCommands) -> None:
    """`status` is an action of core."""
    place.install("guest-one", ACTION.format(name="status", web=None), plugin="one")

    check_commands("two actions are called 'status': ", ONE, "plugin 'core'", help_reports=False)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("GET /guests", "GET /guests"),
        ("GET /guests/{name}", "GET /guests/{id}"),
        ("GET /guest%73", "GET /guests"),
    ],
)
def test_duplicate_routes_are_an_error(
    place: Place, check_commands: CheckCommands, one: str, two: str
) -> None:
    """In all notations."""
    install(place, ACTION, {"name": "one", "web": one}, {"name": "two", "web": two})

    check_commands("match the same requests", ONE, TWO, one, two, help_reports=False)


@pytest.mark.parametrize(
    ("web", "message"),
    [
        ("guests", "the route 'guests' is not a method, a space and a path; write 'PUT /user'"),
        (
            {"path": "/guests", "color": "red"},
            "a route has the unknown key 'color'; available: method, path, status, "
            "body_limit_bytes, parsed_body_limit_bytes, cache",
        ),
    ],
)
def test_an_invalid_route_is_an_error(
    place: Place, check_commands: CheckCommands, web: object, message: str
) -> None:
    """The message names the action, its file and its owner."""
    module = place.install("guest-one", ACTION.format(name="greet", web=web), plugin="one")

    # From Python 3.13 on, a class knows its first line; before, `run` does.
    line = 11 if sys.version_info >= (3, 13) else 15
    check_commands(
        f"action 'greet' ({module}:{line}, {ONE}) has an invalid web: ", message, help_reports=False
    )


def test_duplicate_settings_sections_are_an_error(
    place: Place, check_commands: CheckCommands
) -> None:
    """The message names both plugins."""
    install(place, SETTINGS, {"section": "guest"}, {"section": "guest"})

    check_commands(
        f"two plugins have the settings section 'guest': {ONE} and {TWO}; rename one, or add the "
        "name of one plugin to plugins.disabled",
        help_reports=False,
    )


def test_duplicate_commands_are_an_error(place: Place, check_commands: CheckCommands) -> None:
    """The first one is listed, and nothing starts."""
    install(place, COMMAND, {"command": "greet"}, {"command": "greet"})

    commands = check_commands(
        f"two plugins have the command 'greet': {ONE} and {TWO}; add the name of one of them to "
        "plugins.disabled"
    )

    assert commands["help"].stdout.count("Greet a guest.") == 1


def test_commands_of_core_are_reserved(place: Place, check_commands: CheckCommands) -> None:
    """They cannot be replaced."""
    place.install("guest-one", COMMAND.format(command="call"), plugin="one")

    check_commands(
        f"{ONE} has the command 'call', which is a command of actionhero; rename it, or add the "
        "plugin's name to plugins.disabled"
    )


def test_cycles_of_initializers_are_an_error(place: Place, check_commands: CheckCommands) -> None:
    """The message lists the cycle and its plugins."""
    install(
        place,
        INITIALIZER,
        {"name": "egg", "requires": ["hen"]},
        {"name": "hen", "requires": ["egg"]},
    )

    check_commands(
        "initializers form a cycle: egg → hen → egg; ",
        "; remove one of them from requires or after",
        f"'egg' is guest_one.plugin.actionhero_initializers.<locals>.Guest, {ONE}",
        f"'hen' is guest_two.plugin.actionhero_initializers.<locals>.Guest, {TWO}",
        help_reports=False,
    )


def test_a_missing_requirement_of_an_initializer_is_an_error(
    place: Place, check_commands: CheckCommands
) -> None:
    """The message has both names, and the known ones."""
    install(
        place, INITIALIZER, {"name": "egg", "requires": ["cock"]}, {"name": "hen", "requires": []}
    )

    check_commands(
        f"initializer 'egg' (guest_one.plugin.actionhero_initializers.<locals>.Guest, {ONE}) "
        "requires 'cock', which no plugin provides; available: egg, hen. Install the plugin that "
        "provides it, or remove it from requires",
        help_reports=False,
    )


def test_duplicate_initializers_are_an_error(place: Place, check_commands: CheckCommands) -> None:
    """The message names both plugins."""
    install(place, INITIALIZER, {"name": "hen", "requires": []}, {"name": "hen", "requires": []})

    check_commands(
        "two initializers are called 'hen': ",
        ONE,
        TWO,
        "rename one, or disable one of the plugins",
        help_reports=False,
    )
