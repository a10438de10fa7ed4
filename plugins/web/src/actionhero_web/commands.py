"""The commands `actionhero routes` and `dev`, and the options of HTTP for `actionhero start`."""

from __future__ import annotations

from importlib.util import find_spec

import click

from actionhero import ConfigurationError, RunMode
from actionhero.cli import CommandContext, SettingOption, format_option, run_servers, write_rows
from actionhero_web.connections.inherited_sockets import has_inherited_sockets
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


def address_options() -> list[click.Option]:
    """Return the options for the address."""
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
    ]


def start_options() -> list[click.Option]:
    """Return the options of `start` for the address and the number of workers."""
    return [
        *address_options(),
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


@click.command(params=address_options())
@click.pass_obj
def dev(context: CommandContext) -> None:
    """Start the servers for development, and restart them when code or settings change.

    It is `start --reload`, refused in production. Tracebacks in the log show your own code, and
    fold the frames of libraries; `logs.tracebacks = "full"` shows all.

    \b
    Examples:
      actionhero dev
      actionhero dev --port 9000
    """  # noqa: D301 - click's mark is the character itself
    environment = context.sources().environment
    if environment == "production":
        raise ConfigurationError(
            "actionhero dev is for development, and ACTIONHERO_ENV is production; run actionhero "
            "start, or unset the variable"
        )
    has_watcher = find_spec("watchfiles") is not None
    if has_watcher:
        context.override("web", "reload", True)
    if not has_inherited_sockets():
        _print_hint(has_watcher)
    run_servers(context)


def _print_hint(has_watcher: bool) -> None:
    reloads = "It restarts when code or settings change."
    if not has_watcher:
        reloads = "It does not restart when code changes: install actionhero-web[reload] for this."
    click.echo(f"Development server. {reloads} Press Ctrl+C to stop it.", err=True)
