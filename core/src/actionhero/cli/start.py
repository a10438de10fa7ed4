"""`actionhero start`: the servers, until told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from actionhero import process
from actionhero.application import RunMode
from actionhero.cli.logging import configure_logs
from actionhero.errors import ConfigurationError
from actionhero.server import Supervisor

if TYPE_CHECKING:
    from actionhero.application import Application
    from actionhero.cli.group import CommandContext


@click.command(short_help="Start the servers, and serve until told to stop.")
@click.pass_obj
def start(context: CommandContext) -> None:
    """Start the servers, and serve until told to stop.

    SIGTERM or SIGINT stops: no new call is taken, open calls finish within
    process.shutdown_timeout, then everything is closed. A second signal ends at once.
    """
    app = context.load(RunMode.SERVER)
    configure_logs(app)
    supervisor = None
    if not app.settings_are_wrong:
        supervisor = app.plugins.first("actionhero_supervisor", Supervisor, app=app)
    if supervisor is None or not supervisor.tolerates_load_errors:
        app.refuse_problems()
    if not app.servers:
        raise ConfigurationError(
            "there is no server to start; install one, such as actionhero-web, or take its "
            "name out of plugins.disabled"
        )
    if supervisor is not None:
        process.exit_soon(supervisor.run())
    process.exit_soon(process.serve(app, lambda: announce(app)))


def announce(app: Application) -> None:
    """Tell a person how to reach the servers that have started."""
    for server in app.servers:
        for line in server.announcement():
            click.echo(line, err=True)
