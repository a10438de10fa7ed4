"""`actionhero channels`: what can be joined."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

from actionhero import RunMode
from actionhero.cli import format_option, write_rows
from actionhero_channels.names import names_of

if TYPE_CHECKING:
    from actionhero.cli import CommandContext


@click.command()
@format_option
@click.pass_obj
def channels(context: CommandContext, format_: str) -> None:
    """List the channels that can be joined."""
    app = context.load(RunMode.CLI)
    app.refuse_problems()
    names, _ = names_of(app)
    write_rows(
        [
            {
                "name": known.name,
                "history": known.channel.history,
                "description": (inspect.getdoc(known.channel) or "").partition("\n")[0],
                "owner": known.owner,
            }
            for known in sorted(names.known, key=lambda known: known.name)
        ],
        {"name": "Channel", "history": "Keeps", "description": "Description", "owner": "From"},
        format_,
    )
