"""Invalid settings, and applications that cannot be imported."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place
    from tests.plugins.conftest import CheckCommands


@pytest.mark.parametrize(
    ("settings", "messages"),
    [
        pytest.param(
            '[web]\nworkers = "many"\n',
            ("actionhero.toml:2 web.workers", "'many'"),
            id="value",
        ),
        pytest.param("[webb]\nport = 8080\n", ("actionhero.toml:", "webb", "web"), id="section"),
        pytest.param("[web]\nprot = 8080\n", ("actionhero.toml:2 web.prot", "port"), id="key"),
    ],
)
def test_an_invalid_setting_is_reported_with_file_and_line(
    place: Place, check_commands: CheckCommands, settings: str, messages: tuple[str, ...]
) -> None:
    """Nothing starts; `config` lists the defaults, and fails."""
    place.write("actionhero.toml", settings)

    check_commands(*messages, help_reports=False, has_invalid_settings=True)


def test_all_invalid_settings_are_reported_at_once(
    place: Place, check_commands: CheckCommands
) -> None:
    """Users fix them in one go."""
    place.write("actionhero.toml", "[web]\nworkers = -1\n[logs]\nlevel = 'loud'\n")

    check_commands(
        "web.workers", "-1", "logs.level", "'loud'", help_reports=False, has_invalid_settings=True
    )


@pytest.mark.parametrize("setting", ["plugins.disabled", "plugins.enabled"])
def test_unknown_plugin_names_in_settings_are_an_error(
    place: Place, check_commands: CheckCommands, setting: str
) -> None:
    """A typing error, or a package that is missing in a deployment."""
    if setting == "plugins.enabled":
        place.enabled.append("guesst")
    else:
        place.write("actionhero.toml", 'plugins.disabled = ["guesst"]\n')
    place.install("guest-one", "", plugin="guest")

    check_commands(
        f"{setting} contains 'guesst', which is not installed; install it, or fix the setting; ",
        "did you mean 'guest'?",
    )


def test_a_missing_application_is_an_error(place: Place, check_commands: CheckCommands) -> None:
    """The message contains the folder."""
    place.write("actionhero.toml", 'app.package = "guestbook"\n')

    check_commands(
        f"application 'guestbook' was not found: there is no package 'guestbook' in {place.folder} "
        "or its 'src'; fix app.package, or start in the folder of the application"
    )


@pytest.mark.parametrize(
    ("module", "help_reports"), [("__init__", True), ("plugin", True), ("actions", False)]
)
def test_an_application_with_a_syntax_error_is_an_error(
    place: Place, check_commands: CheckCommands, module: str, help_reports: bool
) -> None:
    """The message contains the file and the line."""
    place.write("actionhero.toml", 'app.package = "guestbook"\n')
    place.write("guestbook/__init__.py", "")
    path = place.write(f"guestbook/{module}.py", "def run(:\n")

    check_commands(
        "application 'guestbook' cannot be imported: ",
        "SyntaxError: ",
        f"({path}:1); fix the module",
        help_reports=help_reports,
    )


def test_an_application_that_exits_during_its_import_is_an_error(
    place: Place, check_commands: CheckCommands
) -> None:
    """Such as a script in place of a package."""
    place.write("actionhero.toml", 'app.package = "guestbook"\n')
    place.write("guestbook/__init__.py", "raise SystemExit('usage: guestbook FILE')\n")

    check_commands(
        "application 'guestbook' cannot be imported: ", "SystemExit: usage: guestbook FILE"
    )


@pytest.mark.parametrize(
    "arguments", [("plugins",), ("doctor",), ("config",), ("call", "status"), ("start",)]
)
def test_an_invalid_settings_file_ends_every_command(
    place: Place, arguments: tuple[str, ...]
) -> None:
    """It determines the plugins."""
    place.write("actionhero.toml", "[web\n")

    command = place.run(*arguments)

    assert command.code == 78, command
    assert command.stdout == ""
    assert command.stderr.startswith("Error: ")
    [line] = command.stderr.splitlines()
    assert "settings file 'actionhero.toml' is not valid TOML: " in line
    assert "line 1" in line
    assert "Traceback" not in command.stderr


def test_help_works_with_an_invalid_settings_file(place: Place) -> None:
    """It reports the error."""
    place.write("actionhero.toml", "[web\n")

    command = place.run("--help")

    assert command.code == 0
    assert "settings file 'actionhero.toml' is not valid TOML: " in command.stdout


def test_hooks_of_an_application_can_add_commands(place: Place) -> None:
    """They are listed by `--help`, and run."""
    place.write("actionhero.toml", 'app.package = "guestbook"\n')
    place.write("guestbook/__init__.py", "")
    place.write(
        "guestbook/plugin.py",
        """
        from actionhero import hookimpl
        from actionhero.cli import LazyCommand

        @hookimpl
        def actionhero_commands(group):
            group.add_command(LazyCommand("sign", "guestbook.sign:sign", "Sign the book."))
        """,
    )
    place.write(
        "guestbook/sign.py",
        """
        import click

        @click.command()
        def sign():
            click.echo("signed")
        """,
    )

    assert "Sign the book." in place.run("--help").stdout
    assert place.run("sign").stdout == "signed\n"
    assert json.loads(place.run("call", "status").stdout)["name"] == "guestbook"
