"""The target of commands: a server, by the options `--url` and `--profile`."""

from __future__ import annotations

import click

from actionhero.cli import CommandTarget, LazyCommand


def server_target() -> CommandTarget:
    """Return the options before the command, and the commands that run on a server."""
    return CommandTarget(
        options=[
            click.Option(
                ["--url"],
                metavar="URL",
                envvar="ACTIONHERO_URL",
                help="Call the actions of this server: https://example.com",
            ),
            click.Option(
                ["--profile"],
                metavar="NAME",
                envvar="ACTIONHERO_PROFILE",
                help="Call the actions of the server of a profile; see 'login'.",
            ),
            click.Option(
                ["--token"],
                metavar="TOKEN",
                envvar="ACTIONHERO_TOKEN",
                help="The token for the server; '-' reads it from stdin. Other users can see the "
                "arguments of a process: prefer ACTIONHERO_TOKEN.",
            ),
            click.Option(
                ["--ca-file"],
                metavar="PATH",
                type=click.Path(dir_okay=False),
                help="Trust only the authorities whose certificates are in this file.",
            ),
            click.Option(
                ["--allow-http"],
                is_flag=True,
                help="Send tokens without encryption to other machines, too.",
            ),
        ],
        commands=[
            LazyCommand("call", "actionhero_remote.commands.call:call", "Call an action."),
            LazyCommand("actions", "actionhero_remote.commands.actions:actions", "List actions."),
        ],
        is_selected=lambda context: bool(
            context.params.get("url") or context.params.get("profile")
        ),
    )
