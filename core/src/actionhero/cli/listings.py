"""The listings `actionhero actions`, `plugins`, `config` and `version`."""

from __future__ import annotations

import dataclasses
import platform
import sys
from importlib.metadata import PackageNotFoundError, requires
from importlib.metadata import version as version_of

import click

from actionhero.application import RunMode
from actionhero.cli.group import CommandContext, red
from actionhero.cli.output import EXIT_CONFIGURATION, format_option, write_rows
from actionhero.cli.standard_streams import reserve_stdout
from actionhero.plugins import VERSION


@click.command()
@format_option
@click.pass_obj
def actions(context: CommandContext, format_: str) -> None:
    """List the actions, sorted by name."""
    app = context.load(RunMode.CLI)
    app.raise_for_problems()
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
@format_option
@click.pass_obj
def plugins(context: CommandContext, format_: str) -> None:
    """List the plugins, their states and the reasons."""
    app = context.load(RunMode.SERVER)
    write_rows(
        [
            {
                "name": plugin.name,
                "state": plugin.state,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "module": plugin.module_name,
                "reason": plugin.reason,
                "hooks": [
                    # The table omits the common prefix.
                    hook if format_ == "json" else hook.removeprefix("actionhero_")
                    for hook in app.plugins.hooks
                    if plugin in app.plugins.implementers(hook)
                ],
            }
            for plugin in app.plugins.plugins
        ],
        {
            "name": "Name",
            "state": "State",
            "distribution": "Distribution",
            "version": "Version",
            "reason": "Why",
            "hooks": "Adds",
        },
        format_,
    )
    _print_problems(app.problems)


@click.command()
@click.argument("section", required=False)
@format_option
@click.pass_obj
def config(context: CommandContext, section: str | None, format_: str) -> None:
    """List all settings, their values and the sources of these. Secrets are masked.

    With SECTION, list the settings of that section only. The variable of a setting is
    ACTIONHERO_<SECTION>__<KEY>; `--format json` contains it.
    """
    app = context.load(RunMode.SERVER)
    rows = [dataclasses.asdict(row) for row in app.settings.rows()]
    if section is not None:
        rows = [row for row in rows if row["section"] == section]
        if not rows:
            known = ", ".join(dict.fromkeys(row.section for row in app.settings.rows()))
            raise click.BadParameter(
                f"unknown section {section!r}; available: {known}", param_hint="'SECTION'"
            )
    for row in rows:
        row["setting"] = f"{row['section']}.{row['key']}"
    write_rows(
        rows,
        {"setting": "Setting", "value": "Value", "origin": "From"},
        format_,
    )
    _print_problems(app.problems)
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


def _print_problems(problems: list[str]) -> None:
    """Print `problems` to stderr; programs read the listing on stdout."""
    for problem in problems:
        for number, line in enumerate(problem.splitlines()):
            prefix = red("problem:") if number == 0 else "        "
            click.echo(f"{prefix} {line}", err=True)
