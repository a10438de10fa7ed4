"""Plugins that are sound each by itself, and do not fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place
    from tests.plugins.conftest import Meet

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

    group.add_command(LazyCommand({command!r}, "nowhere:at_all", "Greet a guest."))
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
    """Install two distributions, each with a plugin made from the template."""
    place.install("guest-one", template.format(**one), plugin="one")
    place.install("guest-two", template.format(**two), plugin="two", version="2.5")


def test_two_actions_of_one_name_are_both_told(place: Place, meet: Meet) -> None:
    """With their owners and their files."""
    install(place, ACTION, {"name": "greet", "web": None}, {"name": "greet", "web": None})

    meet(
        "two actions are called 'greet': ",
        ONE,
        TWO,
        f"{place.site}/guest_one/plugin.py:",
        f"{place.site}/guest_two/plugin.py:",
        "rename one",
        help_tells=False,
    )


def test_an_action_called_like_one_of_ours_is_told(place: Place, meet: Meet) -> None:
    """`status` is ours."""
    place.install("guest-one", ACTION.format(name="status", web=None), plugin="one")

    meet("two actions are called 'status': ", ONE, "plugin 'core'", help_tells=False)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("GET /guests", "GET /guests"),
        ("GET /guests/{name}", "GET /guests/{id}"),
        ("GET /guest%73", "GET /guests"),
    ],
)
def test_two_routes_that_match_the_same_request_are_both_told(
    place: Place, meet: Meet, one: str, two: str
) -> None:
    """However they are spelt."""
    install(place, ACTION, {"name": "one", "web": one}, {"name": "two", "web": two})

    meet("match the same requests", ONE, TWO, one, two, help_tells=False)


@pytest.mark.parametrize(
    ("web", "told"),
    [
        ("guests", "the route 'guests' is not a method, a space and a path; write 'PUT /user'"),
        ({"path": "/guests", "color": "red"}, "a route has no 'color'; there are: method, path, "),
    ],
)
def test_a_malformed_route_is_told_with_the_action_and_its_file(
    place: Place, meet: Meet, web: object, told: str
) -> None:
    """By the plugin that owns the attribute, and named after who wrote it."""
    module = place.install("guest-one", ACTION.format(name="greet", web=web), plugin="one")

    meet(f"action 'greet' ({module}:15, {ONE}) has a wrong web: ", told, help_tells=False)


def test_two_plugins_with_one_section_of_settings_are_both_told(place: Place, meet: Meet) -> None:
    """Nobody could say whose setting is meant."""
    install(place, SETTINGS, {"section": "guest"}, {"section": "guest"})

    meet(
        f"two plugins have the settings section 'guest': {ONE} and {TWO}; rename one, or put the "
        "name of one plugin into plugins.disabled",
        help_tells=False,
    )


def test_two_plugins_with_one_command_are_both_told(place: Place, meet: Meet) -> None:
    """The first keeps it, and nothing starts."""
    install(place, COMMAND, {"command": "greet"}, {"command": "greet"})

    ended = meet(
        f"two plugins have the command 'greet': {ONE} and {TWO}; put the name of one of them into "
        "plugins.disabled"
    )

    assert ended["help"].stdout.count("Greet a guest.") == 1


def test_a_command_called_like_one_of_ours_is_told(place: Place, meet: Meet) -> None:
    """Ours stays what it is."""
    place.install("guest-one", COMMAND.format(command="call"), plugin="one")

    meet(
        f"{ONE} has the command 'call', which is actionhero's own; give it another name, or put "
        "the plugin's name into plugins.disabled"
    )


def test_initializers_that_wait_for_each_other_are_told(place: Place, meet: Meet) -> None:
    """The circle is shown, and who is in it."""
    install(
        place,
        INITIALIZER,
        {"name": "egg", "requires": ["hen"]},
        {"name": "hen", "requires": ["egg"]},
    )

    meet(
        "initializers wait for each other in a circle: egg → hen → egg; ",
        "; remove one of them from requires or after",
        f"'egg' is guest_one.plugin.actionhero_initializers.<locals>.Guest, {ONE}",
        f"'hen' is guest_two.plugin.actionhero_initializers.<locals>.Guest, {TWO}",
        help_tells=False,
    )


def test_an_initializer_that_requires_what_is_not_there_is_told(place: Place, meet: Meet) -> None:
    """Both names, and what there is."""
    install(
        place, INITIALIZER, {"name": "egg", "requires": ["cock"]}, {"name": "hen", "requires": []}
    )

    meet(
        f"initializer 'egg' (guest_one.plugin.actionhero_initializers.<locals>.Guest, {ONE}) "
        "requires 'cock', which no plugin provides; there are: egg, hen. Install the plugin that "
        "provides it, or remove it from requires",
        help_tells=False,
    )


def test_two_initializers_of_one_name_are_both_told(place: Place, meet: Meet) -> None:
    """With the distribution of each."""
    install(place, INITIALIZER, {"name": "hen", "requires": []}, {"name": "hen", "requires": []})

    meet(
        "two initializers are called 'hen': ",
        ONE,
        TWO,
        "rename one, or disable one of the plugins",
        help_tells=False,
    )
