"""`actionhero doctor`: everything that a start would lean on, checked."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from actionhero.application import RunMode
from actionhero.cli.logging import configure_logs
from actionhero.cli.table import format_option, write_rows
from actionhero.errors import BootError
from actionhero.health import Diagnosis, Finding, Health
from actionhero.settings import AppSettings

if TYPE_CHECKING:
    from actionhero.app import App
    from actionhero.cli.group import CommandContext


@click.command()
@click.option("--deploy", is_flag=True, help="Also look at what only matters in production.")
@format_option
@click.pass_obj
def doctor(context: CommandContext, deploy: bool, format_: str) -> None:
    """Check plugins, settings, actions, and everything that an initializer provides.

    Exits 1 if a check fails. Warnings do not fail.
    """
    app = context.load(RunMode.SERVER)
    configure_logs(app, level="warn")
    found = examine(app, deploy=deploy)
    write_rows(
        [{"check": item.check, "finding": item.finding, "message": item.message} for item in found],
        {"check": "Check", "finding": "Finding", "message": "Message"},
        format_,
    )
    if any(item.finding is Finding.FAILED for item in found):
        sys.exit(1)


def examine(app: App, *, deploy: bool) -> list[Diagnosis]:
    """Return what was found, one line for each check."""
    found = [Diagnosis("plugin", Finding.FAILED, problem) for problem in app.problems]
    if not app.problems:
        active = [plugin for plugin in app.plugins.plugins if plugin.state == "active"]
        found.append(Diagnosis("plugins", Finding.OK, f"{len(active)} active"))
        found.append(Diagnosis("settings", Finding.OK, f"environment {app.environment}"))
        found.append(Diagnosis("actions", Finding.OK, f"{len(app.actions)} actions"))
    if deploy:
        found += _deploy(app)
    found += [
        item
        for _, item in app.plugins.collect(
            "actionhero_doctor_checks", Diagnosis, app=app, deploy=deploy
        )
    ]
    if not app.problems:
        found += asyncio.run(_check_initializers(app))
    return found


def _deploy(app: App) -> list[Diagnosis]:
    found = []
    if app.environment != "production":
        found.append(
            Diagnosis(
                "environment",
                Finding.WARNING,
                f"is {app.environment}; set ACTIONHERO_ENV=production",
            )
        )
    if app.pipeline.show_tracebacks:
        found.append(
            Diagnosis(
                "errors.show_tracebacks",
                Finding.WARNING,
                "callers are shown tracebacks; set ACTIONHERO_ERRORS__SHOW_TRACEBACKS=false",
            )
        )
    try:
        app.get(AppSettings).get_secret_key(app.environment)
    except BootError as error:
        found.append(Diagnosis("app.secret_key", Finding.FAILED, str(error)))
    return found


async def _check_initializers(app: App) -> list[Diagnosis]:
    # Without the servers: a doctor must be able to look at a machine that serves already.
    app.lifecycle.without_servers()
    try:
        await app.start()
    except BootError as error:
        return [Diagnosis("initializers", Finding.FAILED, _told(error))]
    try:
        checks = await app.get(Health).check()
    finally:
        try:
            await app.stop()
        except BootError as error:
            return [Diagnosis("initializers", Finding.FAILED, _told(error))]
    return [
        Diagnosis(
            check.name, Finding.OK if check.healthy else Finding.FAILED, check.problem or "usable"
        )
        for check in checks
    ]


def _told(error: BootError) -> str:
    return f"{error}" + (f" (caused by {error.__cause__})" if error.__cause__ else "")
