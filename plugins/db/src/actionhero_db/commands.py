"""`actionhero db …`: migrations, and the deletion of rows."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, TypeVar

import click

from actionhero import ConfigurationError
from actionhero.cli import audited, format_option, write_rows
from actionhero.settings import AppSettings
from actionhero_db.configuration import database_url
from actionhero_db.database import Database
from actionhero_db.migrations.decisions import Decisions
from actionhero_db.migrations.factory import create_engine
from actionhero_db.migrations.status import read_status
from actionhero_db.models import models_of
from actionhero_db.settings import DbSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import Application
    from actionhero.cli import CommandContext
    from actionhero_db.migrations.engine import Engine

Result = TypeVar("Result")


@click.group(short_help="Manage the database: create and run migrations.")
def db() -> None:
    """Manage the tables of the database.

    A migration is a file that describes a change of the tables. Each label has its own migrations.
    The setting db.migrations selects the engine that creates and runs them:

    \b
    tortoise  the engine of Tortoise, with guards: it loses no row or index.
    aerich    for projects with aerich's migrations (actionhero-db[aerich]). On
              SQLite it cannot change a column, or drop a unique one. A new
              column that is not nullable needs default=…, not db_default=….
    """  # noqa: D301 - click's mark is the character itself


@db.command()
@format_option
@click.pass_obj
def status(context: CommandContext, format_: str) -> None:
    """List the migrations, applied and pending, and what pending ones delete.

    Exits 1 if any are pending, if models have changed since their newest migration, or if the
    database has migrations that this release does not know; 78 if a file cannot be loaded.
    """
    app = context.load_app()
    result = _with_engine(app, read_status)
    rows = [
        {"label": item.label, "name": item.name, "applied": item.applied, "file": item.known}
        for item in result.states
    ]
    columns = {"label": "Label", "name": "Migration", "applied": "Applied", "file": "File"}
    write_rows(rows, columns, format_)
    for line in [*result.faults, *result.destructive]:
        click.echo(line, err=True)
    if result.error is not None:
        raise result.error
    if not result.is_current:
        sys.exit(1)


@db.command()
@click.argument("name")
@click.option("--label", help="The label of the models. [default: the application's]")
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="MODEL.OLD:NEW",
    help="A field, or as OLD:NEW a model, that has a new name. Can be repeated.",
)
@click.option(
    "--drop",
    "drops",
    multiple=True,
    metavar="MODEL[.FIELD]",
    help="A field or model whose values are deleted. Can be repeated.",
)
@click.pass_obj
def make(
    context: CommandContext,
    name: str,
    label: str | None,
    renames: tuple[str, ...],
    drops: tuple[str, ...],
) -> None:
    """Write a migration called NAME for the changes of the models.

    Whether a missing field was renamed or removed is asked. Without a terminal, it has to be
    stated with --rename or --drop.

    The migration is run on empty tables first, forward and backward. A change that fails, or that
    existing rows cannot satisfy, is rejected: a new field that is not nullable needs db_default=….
    """
    app = context.load_app()
    selected = label or _application_label(app)
    decisions = Decisions.parse(renames, drops)
    if sys.stdin is not None and sys.stdin.isatty():
        decisions.ask = lambda question: click.confirm(question, err=True)
        decisions.confirm = _confirm

    def note(line: str) -> None:
        click.echo(line, err=True)

    path = _with_engine(app, lambda engine: engine.make(selected, name, decisions, note))
    if path is None:
        click.echo(f"the models of {selected!r} have not changed", err=True)
    else:
        click.echo(str(path))


def _confirm(phrases: list[str]) -> bool:
    for phrase in phrases:
        click.echo(f"The migration {phrase}.", err=True)
    return click.confirm("Write it?", err=True)


@db.command()
@click.argument("label", required=False)
@click.argument("name", required=False)
@click.pass_obj
def migrate(context: CommandContext, label: str | None, name: str | None) -> None:
    """Run the pending migrations: all, those of LABEL, or those up to NAME.

    What they delete is listed first. It is not asked: their files were confirmed when they were
    written, and a deployment has no one to answer.
    """
    app = context.load_app()
    with audited(app, context, "db.migrate", {"label": label, "name": name}):
        steps: list[str] = []

        def report(step: str) -> None:
            steps.append(step)
            click.echo(step)

        _with_engine(app, lambda engine: engine.migrate(label, name, report))
        if not steps:
            click.echo("there are no pending migrations", err=True)


@db.command()
@click.argument("label")
@click.argument("name", required=False)
@click.pass_obj
def rollback(context: CommandContext, label: str, name: str | None) -> None:
    """Undo the newest migration of LABEL, or all after NAME. The NAME zero undoes all.

    Tables and columns that the migration created are dropped, with their data. They are listed
    first, and a SQLite file is copied; db migrate does not restore the data.
    """
    app = context.load_app()
    with audited(app, context, "db.rollback", {"label": label, "name": name}):
        _with_engine(app, lambda engine: engine.rollback(label, name, click.echo))


@db.command()
@click.argument("label")
@click.argument("name")
@click.option("--backward", is_flag=True, help="Print the statements of its rollback.")
@click.pass_obj
def sql(context: CommandContext, label: str, name: str, backward: bool) -> None:
    """Print the SQL statements of a migration, without running them."""
    app = context.load_app()
    lines = _with_engine(app, lambda engine: engine.sql(label, name, backward=backward))
    for line in lines:
        is_comment = line.startswith("--") and "\n" not in line
        click.echo(line if is_comment or line.endswith(";") else f"{line};")


@db.command()
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def clear(context: CommandContext, yes: bool) -> None:
    """Delete every row of every model. Tables and migrations stay. Refused in production."""
    app = context.load_app()
    if app.environment == "production":
        raise ConfigurationError(
            "'db clear' would delete every row, and is refused in production; if you mean it, "
            "drop the database with its own tools"
        )
    database = _database(app)
    if not yes:
        click.confirm(f"Delete every row in {database.url}?", abort=True, err=True)

    async def run(engine: Engine) -> list[str]:
        from actionhero_db.clearing import clear_tables  # noqa: PLC0415 - only here

        return await clear_tables(engine.database)

    with audited(app, context, "db.clear", {}) as facts:
        tables = facts["tables"] = _with_engine(app, run)
    click.echo(f"cleared {', '.join(tables) or 'nothing'}")


def _database(app: Application) -> Database:
    return Database(database_url(app), models_of(app), app.get(DbSettings))


def _application_label(app: Application) -> str:
    package = app.get(AppSettings).package
    if package is None:
        labels = ", ".join(models.label for models in models_of(app)) or "none"
        raise click.UsageError(f"no application is set; select models with --label ({labels})")
    return package.rpartition(".")[2]


def _with_engine(app: Application, use: Callable[[Engine], Awaitable[Result]]) -> Result:
    database = _database(app)
    if not database.has_models:
        raise ConfigurationError(
            "no plugin has models; write some in a module 'models' of the application, or name "
            "them in the hook actionhero_db_models"
        )
    settings = app.get(DbSettings)
    if settings.url is None:
        app.get(AppSettings).make_data_dir()

    async def run() -> Result:
        try:
            return await use(create_engine(database, settings))
        finally:
            await database.close()

    from tortoise.exceptions import (  # noqa: PLC0415 - slow, and not for --help
        DBConnectionError,
        OperationalError,
    )

    from actionhero_db.migrations.errors import MigrationFailed  # noqa: PLC0415 - as above

    try:
        return asyncio.run(run())
    except DBConnectionError as error:
        raise database.unavailable_error(error) from error
    except OperationalError as error:
        raise MigrationFailed(
            f"the database at {database.url} has refused a statement: {error}"
        ) from error
    except OSError as error:
        raise MigrationFailed(f"a file cannot be used: {error}") from error
