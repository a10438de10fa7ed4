"""The plugin `remote`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    import click

    from actionhero.cli import CommandTarget


@hookimpl
def actionhero_command_targets() -> list[CommandTarget]:
    from actionhero_remote.target import server_target

    return [server_target()]


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    for name, short_help in (
        ("login", "Store the URL and the token of a server as a profile."),
        ("logout", "Remove a profile and its token."),
        ("profiles", "List the profiles of servers."),
    ):
        group.add_command(
            LazyCommand(
                name, f"actionhero_remote.commands.profiles:{name}", short_help, topic="Servers"
            )
        )
