"""Plugins that cannot be imported, and invalid hook implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Place
    from tests.plugins.conftest import CheckCommands

OWNER = "plugin 'guest' (guest-one 1.0)"
REMEDY = "or add its name to plugins.disabled"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(
            "import missing_library\n",
            "ModuleNotFoundError: No module named 'missing_library'",
            id="import error",
        ),
        pytest.param("1 +\n", "SyntaxError: invalid syntax", id="syntax error"),
        pytest.param("raise SystemExit(3)\n", "SystemExit: 3", id="exit"),
        pytest.param("raise RuntimeError\n", "RuntimeError", id="error without text"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_an_error(
    place: Place, check_commands: CheckCommands, source: str, message: str
) -> None:
    """The message has the distribution, the reason, the location and the remedy."""
    module = place.install("guest-one", source, plugin="guest")

    check_commands(
        f"{OWNER} cannot be imported: guest_one.plugin: {message}", f"({module}:1)", REMEDY
    )


@pytest.mark.parametrize(
    "fault",
    [
        "raise RuntimeError('rain')\n",
        "from actionhero import hookimpl\n"
        "@hookimpl\ndef actionhero_hookspecs():\n    raise RuntimeError('rain')\n",
    ],
    ids=["import", "hookspecs"],
)
def test_a_failed_plugin_is_the_only_error(place: Place, fault: str) -> None:
    """Without those of plugins that need its hooks, its settings or its initializer."""
    place.install("guest-one", fault, plugin="weather")
    place.install(
        "guest-two",
        "from actionhero import Initializer, hookimpl\n"
        "class Rain(Initializer):\n    name = 'rain'\n    requires = ('weather',)\n"
        "@hookimpl\ndef actionhero_initializers():\n    return [Rain()]\n"
        "@hookimpl\ndef actionhero_weather():\n    return []\n",
        plugin="rain",
    )

    command = place.run("start", ACTIONHERO_WEATHER__CITY="Lisbon")

    assert command.code == 78
    assert "plugin 'weather' (guest-one 1.0) " in command.stderr
    assert "plugin 'rain'" not in command.stderr
    assert "WEATHER" not in command.stderr


def test_a_distribution_with_invalid_entry_points_is_an_error(
    place: Place, check_commands: CheckCommands
) -> None:
    """Also if it has no plugin: no library can read the entry points then."""
    place.install("guest-one", "", plugin="guest")
    metadata = place.site / "guest_one-1.0.dist-info" / "entry_points.txt"
    metadata.write_text(metadata.read_text() + "[other]\nguest\n")
    place.enabled.remove("guest")

    check_commands(
        "distribution 'guest-one' 1.0 is invalid: its entry_points.txt has no '=' in line 4",
        "upgrade or reinstall it",
    )


def test_a_plugin_for_another_core_is_not_imported(
    place: Place, check_commands: CheckCommands
) -> None:
    """Its import errors would be misleading."""
    place.install(
        "guest-one",
        "from actionhero import something_of_version_9\n",
        plugin="guest",
        requires="actionhero>=9,<10",
    )

    check_commands(
        f"{OWNER} requires actionhero<10,>=9, but 0.1.0 is installed",
        "upgrade one of the two, or add the plugin's name to plugins.disabled",
    )


@pytest.mark.parametrize(
    ("requires", "reason"),
    [
        ("actionhero >= 9 ; python_version < '3'", None),
        ("actionhero [yaml] ~= 0.1", None),
        ("actionhero-other >= 9", None),
        ("ActionHero < 0.1", "requires actionhero<0.1, but 0.1.0 is installed"),
    ],
)
def test_requirements_of_core_are_parsed_like_those_of_pip(
    place: Place,
    plugin_rows: Callable[[], dict[str, dict[str, str]]],
    requires: str,
    reason: str | None,
) -> None:
    """Markers, extras and normalized names are supported."""
    place.install("guest-one", "", plugin="guest", requires=requires)

    row = plugin_rows()["guest"]

    assert row["state"] == ("active" if reason is None else "failed")
    assert (reason or "listed in plugins.enabled") in row["reason"]


HOOKS = "from __future__ import annotations\nfrom actionhero import hookimpl\n\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(
            "@hookimpl\ndef actionhero_actoins(): ...\n",
            "implements the unknown hook 'actionhero_actoins' (PATH:4); fix the name, or install "
            "and enable the plugin that specifies it; did you mean 'actionhero_actions'?",
            id="unknown hook",
        ),
        pytest.param(
            "@hookimpl\ndef actionhero_actions(application): ...\n",
            "implements 'actionhero_actions' (PATH:4) with the unknown argument 'application'; "
            "remove it; available: app",
            id="unknown argument",
        ),
        pytest.param(
            "def actionhero_actions(): ...\n",
            "defines 'actionhero_actions' (PATH:4) without @hookimpl, so it would not be "
            "called; add the decorator, or rename the function",
            id="no decorator",
        ),
        pytest.param(
            "@hookimpl\nasync def actionhero_actions(): ...\n",
            "implements 'actionhero_actions' (PATH:4) as 'async def', but hooks are called "
            "before the event loop exists; use 'def', and move asynchronous code to a method of "
            "the returned object",
            id="async def",
        ),
        pytest.param(
            "import pluggy\n"
            "@pluggy.HookimplMarker('actionhero')(wrapper=True)\n"
            "def actionhero_actions():\n    return (yield)\n",
            "implements 'actionhero_actions' (PATH:5) as a wrapper, which is not supported; "
            "remove the option",
            id="wrapper",
        ),
        pytest.param(
            "@hookimpl\ndef actionhero_hookspecs():\n    raise RuntimeError('rain')\n",
            "failed in 'actionhero_hookspecs': RuntimeError: rain",
            id="hookspecs raise",
        ),
        pytest.param(
            "@hookimpl\ndef actionhero_commands(group):\n    raise RuntimeError('rain')\n",
            "failed in 'actionhero_commands': RuntimeError: rain",
            id="commands raise",
        ),
    ],
)
def test_an_invalid_hook_implementation_is_an_error(
    place: Place, check_commands: CheckCommands, source: str, message: str
) -> None:
    """The message has the file, the line and the remedy."""
    module = place.install("guest-one", HOOKS + source, plugin="guest")

    check_commands(f"{OWNER} {message.replace('PATH', str(module))}")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(
            "@hookimpl\ndef actionhero_actions():\n    return 'hello'\n",
            "returned 'hello' from 'actionhero_actions' (PATH:4); return a list of subclasses "
            "of Action, or None",
            id="text",
        ),
        pytest.param(
            "@hookimpl\ndef actionhero_actions():\n    return [len]\n",
            "returned <built-in function len> from 'actionhero_actions' (PATH:4), which is not a "
            "subclass of Action",
            id="another type",
        ),
        pytest.param(
            "@hookimpl\ndef actionhero_settings():\n    raise RuntimeError('rain')\n",
            "failed in 'actionhero_settings': RuntimeError: rain (PATH:6); fix or upgrade it, "
            "or add its name to plugins.disabled",
            id="settings raise",
        ),
        pytest.param(
            "@hookimpl\ndef actionhero_actions():\n    raise SystemExit(3)\n",
            "failed in 'actionhero_actions': SystemExit: 3 (PATH:6)",
            id="actions exit",
        ),
    ],
)
def test_an_invalid_result_of_a_hook_is_an_error(
    place: Place, check_commands: CheckCommands, source: str, message: str
) -> None:
    """The listing is complete, and nothing starts."""
    module = place.install("guest-one", HOOKS + source, plugin="guest")

    check_commands(f"{OWNER} {message.replace('PATH', str(module))}", help_reports=False)


def test_duplicate_plugin_names_are_an_error(place: Place, check_commands: CheckCommands) -> None:
    """Neither plugin is used."""
    place.install("guest-one", "", plugin="guest")
    place.install("guest-two", "", plugin="guest", version="2.5")

    reason = "does not have a unique name: it is defined by guest-one 1.0 and by guest-two 2.5"
    check_commands(
        f"plugin 'guest' (guest-one 1.0) {reason}",
        f"plugin 'guest' (guest-two 2.5) {reason}",
        "uninstall one of them, or add the name to plugins.disabled",
    )


@pytest.mark.parametrize("name", ["core", "application"])
def test_plugin_names_of_core_are_reserved(
    place: Place, check_commands: CheckCommands, name: str
) -> None:
    """Messages and settings refer to them."""
    place.install("guest-one", "", plugin=name)

    check_commands(
        f"plugin {name!r} (guest-one 1.0) has a reserved name; rename its entry point, or "
        "uninstall it",
    )


def test_disabled_plugins_have_no_effect(place: Place) -> None:
    """The remedy in all of the messages works."""
    place.install("guest-one", "raise SystemExit(3)\n", plugin="guest")
    disabled = {"ACTIONHERO_PLUGINS__DISABLED": "guest"}

    assert place.run("call", "hello", "--name", "Ada", **disabled).code == 0
    listing = place.run("plugins", **disabled)
    assert (listing.code, listing.stderr) == (0, "")
    assert "listed in plugins.disabled" in listing.stdout
