"""Settings that are wrong, and applications that do not import."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place
    from tests.plugins.conftest import Meet


@pytest.mark.parametrize(
    ("settings", "told"),
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
def test_a_wrong_setting_is_told_with_its_file_and_line(
    place: Place, meet: Meet, settings: str, told: tuple[str, ...]
) -> None:
    """Nothing starts; `config` shows what the defaults would be, and fails."""
    place.write("actionhero.toml", settings)

    meet(*told, help_tells=False, settings_are_wrong=True)


def test_all_wrong_settings_are_told_at_once(place: Place, meet: Meet) -> None:
    """Whoever mends them need not start again and again."""
    place.write("actionhero.toml", "[web]\nworkers = -1\n[logs]\nlevel = 'loud'\n")

    meet("web.workers", "-1", "logs.level", "'loud'", help_tells=False, settings_are_wrong=True)


@pytest.mark.parametrize("setting", ["plugins.disabled", "plugins.enabled"])
def test_a_plugin_that_is_switched_and_not_installed_is_told(
    place: Place, meet: Meet, setting: str
) -> None:
    """It is a slip of the pen, or a package that was forgotten in a deployment."""
    if setting == "plugins.enabled":
        place.enabled.append("guesst")
    else:
        place.write("actionhero.toml", 'plugins.disabled = ["guesst"]\n')
    place.install("guest-one", "", plugin="guest")

    meet(
        f"{setting} names 'guesst', which is not installed; there are: ",
        "guest, hello",
        "Install it, or mend the setting",
    )


def test_an_application_that_is_not_there_is_told(place: Place, meet: Meet) -> None:
    """With the folder that was looked in."""
    place.write("actionhero.toml", 'app.package = "guestbook"\n')

    meet(
        f"application 'guestbook' was not found: there is no package 'guestbook' in {place.folder} "
        "or its 'src'; mend app.package, or start in the folder of the application"
    )


@pytest.mark.parametrize(
    ("module", "help_tells"), [("__init__", True), ("plugin", True), ("actions", False)]
)
def test_an_application_with_a_syntax_error_is_told(
    place: Place, meet: Meet, module: str, help_tells: bool
) -> None:
    """With the file and the line."""
    place.write("actionhero.toml", 'app.package = "guestbook"\n')
    place.write("guestbook/__init__.py", "")
    path = place.write(f"guestbook/{module}.py", "def run(:\n")

    meet(
        "application 'guestbook' does not import: ",
        "SyntaxError: ",
        f"({path}:1); mend the module",
        help_tells=help_tells,
    )


def test_an_application_that_ends_the_process_when_imported_is_told(
    place: Place, meet: Meet
) -> None:
    """Such as a script that was taken for a package."""
    place.write("actionhero.toml", 'app.package = "guestbook"\n')
    place.write("guestbook/__init__.py", "raise SystemExit('usage: guestbook FILE')\n")

    meet("application 'guestbook' does not import: ", "SystemExit: usage: guestbook FILE")


@pytest.mark.parametrize(
    "arguments", [("plugins",), ("doctor",), ("config",), ("call", "status"), ("start",)]
)
def test_a_settings_file_that_cannot_be_read_ends_every_command(
    place: Place, arguments: tuple[str, ...]
) -> None:
    """Which plugins there are to list stands in it."""
    place.write("actionhero.toml", "[web\n")

    ended = place.run(*arguments)

    assert ended.code == 78, ended
    assert ended.stdout == ""
    assert ended.stderr.startswith("Error: ")
    [line] = ended.stderr.splitlines()
    assert "settings file 'actionhero.toml' is not valid TOML: " in line
    assert "line 1" in line
    assert "Traceback" not in ended.stderr


def test_help_works_without_settings_that_can_be_read(place: Place) -> None:
    """And says why commands are missing."""
    place.write("actionhero.toml", "[web\n")

    ended = place.run("--help")

    assert ended.code == 0
    assert "settings file 'actionhero.toml' is not valid TOML: " in ended.stdout


def test_hooks_of_an_application_may_add_commands(place: Place) -> None:
    """As those of any plugin: seen in `--help`, and run."""
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
