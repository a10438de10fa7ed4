"""The command `actionhero routes`, and the options of HTTP for `actionhero start`."""

from __future__ import annotations

import click

from actionhero import RunMode
from actionhero.cli import CommandContext, SettingOption, format_option, write_rows
from actionhero_web.routes.action_routes import routes_of
from actionhero_web.settings import WebSettings


@click.command()
@format_option
@click.pass_obj
def routes(context: CommandContext, format_: str) -> None:
    """List the HTTP routes of the actions."""
    app = context.load(RunMode.CLI)
    app.raise_for_problems()
    prefix = app.get(WebSettings).prefix
    write_rows(
        [
            {
                "method": route.method,
                "path": prefix + route.path,
                "action": action.name,
                "description": action.summary,
                "source": action.source,
            }
            for action in app.actions
            for route in routes_of(action)
        ],
        {"method": "Method", "path": "Path", "action": "Action", "description": "Description"},
        format_,
    )


def start_options() -> list[click.Option]:
    """Return the options of `start` for the address and the number of workers."""
    return [
        SettingOption(["--host"], "web.host", help="The address to listen on."),
        SettingOption(
            ["--port"], "web.port", metavar="PORT", help="The TCP port; 0 for any free port."
        ),
        SettingOption(
            ["--unix-socket"],
            "web.unix_socket",
            metavar="PATH",
            help="The Unix socket to listen on, instead of host and port.",
        ),
        SettingOption(
            ["--workers"], "web.workers", metavar="N", help="The number of worker processes."
        ),
        SettingOption(
            ["--reload"],
            "web.reload",
            is_flag=True,
            help="Restart when the application's code changes.",
        ),
    ]
