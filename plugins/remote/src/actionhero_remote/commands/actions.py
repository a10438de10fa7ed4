"""`actionhero --url URL actions`: lists the actions of a server."""

from __future__ import annotations

import click

from actionhero.cli import format_option, write_rows
from actionhero_remote.commands.server import api_document


@click.command()
@format_option
@click.pass_context
def actions(context: click.Context, format_: str) -> None:
    """List the actions of a server, sorted by name."""
    write_rows(
        [
            {
                "name": action.name,
                "description": action.summary,
                "inputs": [
                    each.name if each.required else f"[{each.name}]" for each in action.descriptions
                ],
                "route": f"{action.method} {action.path}",
            }
            for action in api_document(context).actions
        ],
        {"name": "Name", "inputs": "Inputs", "description": "Description", "route": "Route"},
        format_,
    )
