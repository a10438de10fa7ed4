"""`actionhero start`: runs the servers until the shutdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from actionhero import process
from actionhero.application import RunMode
from actionhero.cli.banner import announce
from actionhero.cli.output import configure_logs
from actionhero.cli.suggestions import settings_elsewhere
from actionhero.errors import ConfigurationError
from actionhero.server import Supervisor
from actionhero.settings import AppSettings

if TYPE_CHECKING:
    from actionhero.cli.command_context import CommandContext


@click.command()
@click.pass_obj
def start(context: CommandContext) -> None:
    """Start the servers, and run until SIGTERM or SIGINT.

    The signal begins the shutdown: no new calls are accepted, open calls finish within
    process.shutdown_timeout, then everything is closed. A second signal exits immediately.
    """
    run_servers(context)


def run_servers(context: CommandContext) -> NoReturn:
    """Load the application, start its servers, run until the shutdown, and exit.

    Raises:
        BootError: The application has problems, or cannot start.
    """
    app = context.load(RunMode.SERVER)
    configure_logs(app)
    if app.get(AppSettings).package is None and (hint := settings_elsewhere(Path.cwd())):
        click.echo(f"note: {hint}", err=True)
    supervisor = None
    if not app.has_invalid_settings:
        supervisor = app.plugins.first("actionhero_supervisor", Supervisor, app=app)
    if supervisor is None or not supervisor.tolerates_load_errors:
        app.raise_for_problems()
    if not app.servers:
        raise ConfigurationError(
            "there is no server to start; install one, such as actionhero-web, or remove its "
            "name from plugins.disabled"
        )
    if supervisor is not None:
        process.exit_soon(supervisor.run())
    process.exit_soon(process.serve(app, lambda: announce(app)))
