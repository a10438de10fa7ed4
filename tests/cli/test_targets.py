"""The hook `actionhero_command_targets`: commands of core that run elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place

PLUGIN = """
import click

from actionhero import hookimpl
from actionhero.cli import CommandTarget, LazyCommand


@hookimpl
def actionhero_command_targets():
    return [
        CommandTarget(
            options=[click.Option(["--moon"], envvar="ACTIONHERO_URL", help="Run on the moon.")],
            commands=[LazyCommand("call", "guest_moon.plugin:call", "Call from the moon.")],
            is_selected=lambda context: context.params["moon"] is not None,
        )
    ]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def call(context, words):
    click.echo(f"{context.find_root().params['moon']}: {' '.join(words)}")
"""


@pytest.fixture
def moon(place: Place) -> Place:
    """A folder with a plugin whose target has the command `call`."""
    place.install("guest-moon", PLUGIN)
    return place


def test_an_option_of_a_plugin_selects_its_target(moon: Place) -> None:
    """Also after an option of core, and with a folder whose settings are invalid."""
    moon.write("actionhero.toml", "no TOML")

    command = moon.run("--log-level", "warn", "--moon", "crater", "call", "hello", "--name", "Ada")

    assert (command.code, command.stdout) == (0, "crater: hello --name Ada\n"), command


def test_a_variable_selects_a_target(moon: Place) -> None:
    """Without an option."""
    command = moon.run("call", "hello", ACTIONHERO_URL="crater")

    assert (command.code, command.stdout) == (0, "crater: hello\n"), command


def test_without_its_option_commands_run_here(moon: Place) -> None:
    """The plugin replaces nothing."""
    command = moon.run("call", "hello", "--name", "Ada")

    assert command.code == 0, command
    assert "Ada" in command.stdout


def test_other_commands_refuse_the_option(moon: Place) -> None:
    """Otherwise they would run here; a variable may be set for other commands."""
    by_option = moon.run("--moon", "crater", "plugins")
    by_variable = moon.run("plugins", ACTIONHERO_URL="crater")

    assert by_option.code == 2
    assert "option --moon is not supported by the command 'plugins'; available: call" in (
        by_option.stderr
    )
    assert by_variable.code == 0


def test_help_lists_the_option(moon: Place) -> None:
    """And the commands of core."""
    command = moon.run("--help")

    assert command.code == 0
    assert "Run on the moon." in command.stdout
    assert "Call an action: call NAME" in command.stdout


def test_an_unknown_option_is_still_invalid_usage(moon: Place) -> None:
    """With a suggestion, of an option of a plugin too."""
    command = moon.run("--moo", "crater", "call", "hello")

    assert command.code == 2
    assert "No such option '--moo'" in command.stderr
    assert "--moon" in command.stderr
