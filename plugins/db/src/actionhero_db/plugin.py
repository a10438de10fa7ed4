"""The plugin `db`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import hookimpl

if TYPE_CHECKING:
    import click

    from actionhero import Application, Initializer, Instrument, Middleware, Settings
    from actionhero_console import Panel


@hookimpl
def actionhero_hookspecs() -> list[object]:
    from actionhero_db import hookspecs

    return [hookspecs]


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_db.settings import DbSettings

    return [DbSettings]


@hookimpl
def actionhero_initializers() -> list[Initializer]:
    from actionhero_db.initializer import DatabaseInitializer

    return [DatabaseInitializer()]


@hookimpl(tryfirst=True)
def actionhero_middleware(app: Application) -> list[Middleware]:
    from actionhero_db.context import DatabaseContext
    from actionhero_db.integers import IntegerRange

    return [IntegerRange(), DatabaseContext(app)]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_db.configuration import configuration_errors

    return configuration_errors(app)


@hookimpl
def actionhero_doctor_checks(app: Application, deploy: bool) -> list[Any]:
    from actionhero_db.doctor_checks import diagnose

    return diagnose(app, deploy=deploy)


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    group.add_command(
        LazyCommand(
            "db",
            "actionhero_db.commands:db",
            "Manage the database: create and run migrations.",
            topic="Data",
        )
    )


@hookimpl
def actionhero_instruments(app: Application) -> list[Instrument]:
    from actionhero_db.instruments import instruments

    return instruments(app)


@hookimpl(optionalhook=True)
def actionhero_console_panels(app: Application) -> list[Panel]:
    from actionhero_db.configuration import has_models

    if not has_models(app):
        return []
    from actionhero_db.console_panel import database_panel

    return [database_panel(app)]
