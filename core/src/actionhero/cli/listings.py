"""The listings `actionhero actions`, `config` and `version`."""

from __future__ import annotations

import dataclasses
import platform
import sys
from importlib.metadata import PackageNotFoundError, requires
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

import click

from actionhero.application import RunMode
from actionhero.cli.output import (
    EXIT_CONFIGURATION,
    format_option,
    print_problems,
    write_rows,
)
from actionhero.cli.standard_streams import reserve_stdout
from actionhero.cli.suggestions import settings_elsewhere
from actionhero.errors import name_hint
from actionhero.plugins import VERSION
from actionhero.settings import AppSettings

if TYPE_CHECKING:
    from actionhero.cli.command_context import CommandContext


@click.command()
@format_option
@click.pass_obj
def actions(context: CommandContext, format_: str) -> None:
    """List the actions, sorted by name."""
    app = context.load(RunMode.CLI)
    app.raise_for_problems()
    if app.get(AppSettings).package is None and (hint := settings_elsewhere(Path.cwd())):
        click.echo(f"note: {hint}", err=True)
    write_rows(
        [
            {
                "name": action.name,
                "description": action.summary,
                "inputs": [
                    field.name if field.required else f"[{field.name}]"
                    for field in action.inputs.fields
                ],
                "owner": action.owner,
                "source": action.source,
            }
            for action in app.actions
        ],
        {"name": "Name", "inputs": "Inputs", "description": "Description", "owner": "From"},
        format_,
    )


@click.command()
@click.argument("section", required=False)
@format_option
@click.pass_obj
def config(context: CommandContext, section: str | None, format_: str) -> None:
    """List all settings, their values and the sources of these. Secrets are masked.

    With SECTION, list the settings of that section only. The variable of a setting is
    ACTIONHERO_<SECTION>__<KEY>; `--format json` contains it. An invalid setting has its error in
    place of its value.
    """
    app = context.load(RunMode.SERVER)
    rows = [dataclasses.asdict(row) for row in app.settings.rows()]
    if section is not None:
        rows = [row for row in rows if row["section"] == section]
        if not rows:
            known = dict.fromkeys(row.section for row in app.settings.rows())
            raise click.BadParameter(
                f"unknown section {section!r}; {name_hint(section, known)}",
                param_hint="'SECTION'",
            )
    for row in rows:
        row["setting"] = f"{row['section']}.{row['key']}".removesuffix(".")
        row["value"] = row["error"] or row["value"]
    write_rows(
        rows,
        {"setting": "Setting", "value": "Value", "origin": "From"},
        format_,
    )
    print_problems(app.problems)
    if app.has_invalid_settings:
        sys.exit(EXIT_CONFIGURATION)


@click.command()
@format_option
@click.pass_obj
def version(context: CommandContext, format_: str) -> None:
    """List the versions of ActionHero, of Python, of plugins and of the dependencies of core."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - as slow as click

    from actionhero.plugins.discovery import find_plugins  # noqa: PLC0415 - imports all plugins

    rows: list[dict[str, str | None]] = [
        {"name": "actionhero", "version": VERSION},
        {"name": "python", "version": platform.python_version()},
    ]
    boot = context.sources().boot_settings()
    with reserve_stdout():
        installed, _ = find_plugins(boot)
    rows += [
        {"name": plugin.distribution, "version": plugin.version}
        for plugin in installed
        if plugin.distribution
    ]
    try:
        requirements = requires("actionhero") or []
    except PackageNotFoundError:
        requirements = []
    for requirement in requirements:
        name = Requirement(requirement).name
        try:
            rows.append({"name": name, "version": version_of(name)})
        except PackageNotFoundError:
            continue
    write_rows(rows, {"name": "Name", "version": "Version"}, format_)
