"""`actionhero doctor`: checks that the application can start."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING, Final

import click

from actionhero.application import RunMode
from actionhero.cli.output import configure_logs, format_option, write_rows
from actionhero.cli.standard_streams import reserve_stdout
from actionhero.errors import BootError, PluginError
from actionhero.health import Diagnosis, Finding, Health
from actionhero.process.orphans import find_orphans

if TYPE_CHECKING:
    from actionhero.app import App
    from actionhero.cli.command_context import CommandContext

#: A secret key that is shorter, or has fewer distinct characters, can be guessed.
MIN_KEY_LENGTH: Final = 32
MIN_KEY_DISTINCT: Final = 10

_INVALID_SETTINGS = re.compile(r"\d+ invalid settings?:")


@click.command()
@click.option("--deploy", is_flag=True, help="Check for production, too.")
@format_option
@click.pass_obj
def doctor(context: CommandContext, deploy: bool, format_: str) -> None:
    """Check the plugins, the settings, the actions, and the health of all initializers.

    Exits with 1 if a check fails. Warnings are not failures.
    """
    app = context.load(RunMode.SERVER)
    configure_logs(app, level="warn")
    with reserve_stdout():
        diagnoses = examine(app, deploy=deploy)
    write_rows(
        [
            {"check": item.check, "finding": item.finding, "message": item.message}
            for item in diagnoses
        ],
        {"check": "Check", "finding": "Finding", "message": "Message"},
        format_,
    )
    if any(item.finding is Finding.FAILED for item in diagnoses):
        sys.exit(1)


def examine(app: App, *, deploy: bool) -> list[Diagnosis]:
    """Run all checks, and return their results."""
    diagnoses = [Diagnosis(_subject(problem), Finding.FAILED, problem) for problem in app.problems]
    if not app.problems:
        active = [plugin for plugin in app.plugins.plugins if plugin.state == "active"]
        diagnoses += [
            Diagnosis("plugins", Finding.OK, f"{len(active)} active"),
            Diagnosis("settings", Finding.OK, f"environment {app.environment}"),
            Diagnosis("actions", Finding.OK, f"{len(app.actions)} registered"),
            *_check_results(app),
        ]
    diagnoses += [Diagnosis("attributes", Finding.WARNING, warning) for warning in app.warnings]
    if deploy:
        diagnoses += _check_deployment(app)
    collected = app.plugins.collect("actionhero_doctor_checks", Diagnosis, app=app, deploy=deploy)
    diagnoses += [item for _, item in collected]
    if not app.problems:
        diagnoses += asyncio.run(_check_initializers(app))
    return diagnoses


def _subject(problem: str) -> str:
    """Return the name of the check that an error while loading belongs to."""
    first = problem.partition(" ")[0]
    if first in {"action", "application", "distribution"}:
        return first
    return "settings" if _INVALID_SETTINGS.match(problem) else "plugin"


def _check_results(app: App) -> list[Diagnosis]:
    """Compile all return annotations, which a process does on the first call of each action."""
    diagnoses = []
    for action in app.actions:
        try:
            action.outputs.prepare()
        except PluginError as error:
            diagnoses.append(Diagnosis("results", Finding.FAILED, str(error)))
    return diagnoses


def _check_deployment(app: App) -> list[Diagnosis]:
    diagnoses = []
    if app.environment != "production":
        diagnoses.append(
            Diagnosis(
                "environment",
                Finding.WARNING,
                f"is {app.environment}; set ACTIONHERO_ENV=production",
            )
        )
    if app.pipeline.show_tracebacks:
        diagnoses.append(
            Diagnosis(
                "errors.show_tracebacks",
                Finding.WARNING,
                "responses contain tracebacks; set ACTIONHERO_ERRORS__SHOW_TRACEBACKS=false",
            )
        )
    diagnoses += _check_secret_key(app)
    diagnoses += [
        Diagnosis(
            "processes",
            Finding.WARNING,
            f"process {orphan.id} ({orphan.command}) has outlived its supervisor "
            f"{orphan.supervisor_id}, and may still hold jobs and connections; end it: "
            f"kill -KILL {orphan.id}",
        )
        for orphan in find_orphans()
    ]
    return diagnoses


def _check_secret_key(app: App) -> list[Diagnosis]:
    try:
        key = app.secret_key()
    except BootError as error:
        return [Diagnosis("app.secret_key", Finding.FAILED, str(error))]
    if len(key) >= MIN_KEY_LENGTH and len(set(key)) >= MIN_KEY_DISTINCT:
        return []
    message = (
        "is weak, and with it others could sign sessions and tokens; use the output of: "
        'python -c "import secrets; print(secrets.token_hex(32))"'
    )
    return [Diagnosis("app.secret_key", Finding.WARNING, message)]


async def _check_initializers(app: App) -> list[Diagnosis]:
    # Without the servers, whose addresses may be in use by the running application.
    app.lifecycle.disable_servers()
    try:
        await app.start()
        try:
            checks = await app.get(Health).check()
        finally:
            await app.stop()
    except BootError as error:
        causes = "".join(f" ({cause})" for cause in error.causes())
        return [Diagnosis("initializers", Finding.FAILED, f"{error}{causes}")]
    return [
        Diagnosis(
            check.name, Finding.OK if check.healthy else Finding.FAILED, check.problem or "usable"
        )
        for check in checks
    ]
