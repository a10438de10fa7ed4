"""Plugins that do not import, or whose hooks are not what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Place
    from tests.plugins.conftest import Meet

OWNER = "plugin 'guest' (guest-one 1.0)"
WAY_OUT = "or put its name into plugins.disabled"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        pytest.param(
            "import a_library_that_is_not_there\n",
            "ModuleNotFoundError: No module named 'a_library_that_is_not_there'",
            id="import error",
        ),
        pytest.param("1 +\n", "SyntaxError: invalid syntax", id="syntax error"),
        pytest.param("raise SystemExit(3)\n", "SystemExit: 3", id="exit"),
        pytest.param("raise RuntimeError\n", "RuntimeError", id="error without words"),
    ],
)
def test_a_plugin_that_does_not_import_is_told_with_its_place(
    place: Place, meet: Meet, source: str, told: str
) -> None:
    """Whoever installed it learns which distribution it is, why, and how to do without it."""
    module = place.install("guest-one", source, plugin="guest")

    meet(f"{OWNER} does not import: guest_one.plugin: {told}", f"({module}:1)", WAY_OUT)


def test_a_plugin_that_wants_another_core_is_not_even_imported(place: Place, meet: Meet) -> None:
    """What it would say of a core that it does not know would only confuse."""
    place.install(
        "guest-one",
        "from actionhero import something_of_version_9\n",
        plugin="guest",
        requires="actionhero>=9,<10",
    )

    meet(
        f"{OWNER} wants actionhero<10,>=9, and 0.1.0 is installed",
        "upgrade one of the two, or put the plugin's name into plugins.disabled",
    )


@pytest.mark.parametrize(
    ("requires", "told"),
    [
        ("actionhero >= 9 ; python_version < '3'", None),
        ("actionhero [yaml] ~= 0.1", None),
        ("actionhero-nobody >= 9", None),
        ("ActionHero < 0.1", "wants actionhero<0.1, and 0.1.0 is installed"),
    ],
)
def test_what_a_plugin_wants_of_core_is_read_as_pip_reads_it(
    place: Place,
    plugin_rows: Callable[[], dict[str, dict[str, str]]],
    requires: str,
    told: str | None,
) -> None:
    """Markers, extras and the spelling of names count."""
    place.install("guest-one", "", plugin="guest", requires=requires)

    row = plugin_rows()["guest"]

    assert row["state"] == ("active" if told is None else "failed")
    assert (told or "listed in plugins.enabled") in row["reason"]


HOOKS = "from __future__ import annotations\nfrom actionhero import hookimpl\n\n"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        pytest.param(
            "@hookimpl\ndef actionhero_actoins(): ...\n",
            "implements 'actionhero_actoins' (PLACE:4), which is no hook; there are: "
            "actionhero_actions, actionhero_validate, ",
            id="unknown hook",
        ),
        pytest.param(
            "@hookimpl\ndef actionhero_actions(application): ...\n",
            "implements 'actionhero_actions' (PLACE:4) with the argument 'application', which "
            "that hook does not have; it offers: app. Leave it out",
            id="unknown argument",
        ),
        pytest.param(
            "def actionhero_actions(): ...\n",
            "defines 'actionhero_actions' (PLACE:4) without @hookimpl, so it would never be "
            "called; add the decorator, or give the function another name",
            id="no mark",
        ),
        pytest.param(
            "@hookimpl\nasync def actionhero_actions(): ...\n",
            "implements 'actionhero_actions' (PLACE:4) as 'async def'; hooks are called before "
            "there is an event loop. Write 'def', and put what is asynchronous into a method of "
            "the object that it returns",
            id="async def",
        ),
        pytest.param(
            "import pluggy\n"
            "@pluggy.HookimplMarker('actionhero')(wrapper=True)\n"
            "def actionhero_actions():\n    return (yield)\n",
            "implements 'actionhero_actions' (PLACE:5) as a wrapper; hooks return objects, and "
            "there is nothing to wrap. Leave wrapper out",
            id="wrapper",
        ),
        pytest.param(
            "@hookimpl\ndef actionhero_hookspecs():\n    raise RuntimeError('rain')\n",
            "failed in 'actionhero_hookspecs': RuntimeError: rain",
            id="hooks of hooks raise",
        ),
        pytest.param(
            "@hookimpl\ndef actionhero_commands(group):\n    raise RuntimeError('rain')\n",
            "failed in 'actionhero_commands': RuntimeError: rain",
            id="commands raise",
        ),
    ],
)
def test_a_hook_that_is_not_what_it_should_be_is_told(
    place: Place, meet: Meet, source: str, told: str
) -> None:
    """It is named with its file and line, and with what to write in its place."""
    module = place.install("guest-one", HOOKS + source, plugin="guest")

    meet(f"{OWNER} {told.replace('PLACE', str(module))}")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        pytest.param(
            "@hookimpl\ndef actionhero_actions():\n    return 'hello'\n",
            "returned 'hello' from 'actionhero_actions' (PLACE:4); return a list, or None for "
            "nothing",
            id="text",
        ),
        pytest.param(
            "@hookimpl\ndef actionhero_actions():\n    return [len]\n",
            "returned <built-in function len> from 'actionhero_actions' (PLACE:4), which is not a "
            "subclass of Action",
            id="another kind of thing",
        ),
        pytest.param(
            "@hookimpl\ndef actionhero_settings():\n    raise RuntimeError('rain')\n",
            "failed in 'actionhero_settings': RuntimeError: rain (PLACE:6); mend or upgrade it, "
            "or put its name into plugins.disabled",
            id="settings raise",
        ),
        pytest.param(
            "@hookimpl\ndef actionhero_actions():\n    raise SystemExit(3)\n",
            "failed in 'actionhero_actions': SystemExit: 3 (PLACE:6)",
            id="actions exit",
        ),
    ],
)
def test_a_hook_that_gives_nonsense_or_fails_is_told(
    place: Place, meet: Meet, source: str, told: str
) -> None:
    """The listing is complete, and nothing starts."""
    module = place.install("guest-one", HOOKS + source, plugin="guest")

    meet(f"{OWNER} {told.replace('PLACE', str(module))}", help_tells=False)


def test_two_distributions_with_a_plugin_of_one_name_are_both_told(
    place: Place, meet: Meet
) -> None:
    """Neither is used: nobody could know which one was meant."""
    place.install("guest-one", "", plugin="guest")
    place.install("guest-two", "", plugin="guest", version="2.5")

    rivals = "is not the only plugin of that name: guest-one 1.0 and guest-two 2.5 both claim it"
    meet(
        f"plugin 'guest' (guest-one 1.0) {rivals}",
        f"plugin 'guest' (guest-two 2.5) {rivals}",
        "uninstall one of them, or put the name into plugins.disabled",
    )


@pytest.mark.parametrize("name", ["core", "application"])
def test_a_plugin_may_not_be_called_like_a_part_of_ours(
    place: Place, meet: Meet, name: str
) -> None:
    """Messages and settings would not tell them apart."""
    place.install("guest-one", "", plugin=name)

    meet(
        f"plugin {name!r} (guest-one 1.0) has a name that is taken: there is always one of that "
        "name",
        "give its entry point another name",
    )


def test_what_is_switched_off_does_no_harm(place: Place) -> None:
    """The way out that every message offers is one."""
    place.install("guest-one", "raise SystemExit(3)\n", plugin="guest")
    switched_off = {"ACTIONHERO_PLUGINS__DISABLED": "guest"}

    assert place.run("call", "hello", "--name", "Ada", **switched_off).code == 0
    listed = place.run("plugins", **switched_off)
    assert (listed.code, listed.stderr) == (0, "")
    assert "listed in plugins.disabled" in listed.stdout
