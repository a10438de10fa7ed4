"""`actionhero channels`: lists the channels."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

from actionhero import RunMode
from actionhero.cli import format_option, write_rows
from actionhero_channels.registry import load_registry

if TYPE_CHECKING:
    from actionhero.cli import CommandContext


@click.command()
@format_option
@click.pass_obj
def channels(context: CommandContext, format_: str) -> None:
    """List the channels."""
    app = context.load(RunMode.CLI)
    app.raise_for_problems()
    registry, _ = load_registry(app)
    write_rows(
        [
            {
                "name": registered.name,
                "history": registered.channel.history,
                "description": (inspect.getdoc(registered.channel) or "").partition("\n")[0],
                "owner": registered.owner,
            }
            for registered in sorted(registry.channels, key=lambda registered: registered.name)
        ],
        {"name": "Channel", "history": "History", "description": "Description", "owner": "From"},
        format_,
    )
