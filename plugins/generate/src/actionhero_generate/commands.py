"""The commands `actionhero new` and `actionhero generate`."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from actionhero import ConfigurationError, PluginError
from actionhero.cli import EXIT_FAILED, load_plugins
from actionhero_generate.component_types import distribution_of
from actionhero_generate.files import (
    FileConflict,
    render_files,
    render_note,
    select_files,
    write_files,
)
from actionhero_generate.generator import Generator
from actionhero_generate.names import ComponentName, InvalidName, component_name, package_name
from actionhero_generate.projects import APPLICATION, PLUGIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.cli import CommandContext
    from actionhero_generate.files import RenderedFile

_dry_run = click.option("--dry-run", is_flag=True, help="List the files without writing them.")
_force = click.option("--force", is_flag=True, help="Overwrite existing files.")


@click.command(short_help="Create an application or a plugin.")
@click.argument("name")
@click.option("--plugin", is_flag=True, help="Create a plugin for distribution.")
@_dry_run
@_force
def new(name: str, plugin: bool, dry_run: bool, force: bool) -> None:
    """Create a project in the new folder NAME: an application, or with --plugin a plugin.

    The paths of the files are written to stdout. Existing files are not overwritten.
    """
    try:
        package = package_name(name)
    except InvalidName as error:
        raise click.BadParameter(str(error), param_hint="'NAME'") from None
    if plugin and (installed := list(entry_points(group="actionhero", name=package))):
        distribution = installed[0].dist
        raise click.BadParameter(
            f"a plugin {package!r} is installed already"
            f"{f', from {distribution.name}' if distribution else ''}; use another name",
            param_hint="'NAME'",
        )
    title = name.replace("-", " ").replace("_", " ")
    variables = {
        "name": name,
        "package": package,
        "title": title,
        "class_name": "".join(word.capitalize() for word in title.split()),
    }
    templates = PLUGIN if plugin else APPLICATION
    files = render_files(templates, variables, Path(name), "actionhero_generate")
    _write(files, dry_run=dry_run, force=force)
    if not dry_run:
        click.echo(f"next: cd {name}, and read README.md", err=True)


@click.command(short_help="Add a component to the application: generate COMPONENT NAME.")
@click.argument("component", required=False)
@click.argument("name", required=False)
@_dry_run
@_force
@click.pass_context
def generate(
    context: click.Context, component: str | None, name: str | None, dry_run: bool, force: bool
) -> None:
    """Add a COMPONENT to the application, with a test; without arguments, list the types.

    The paths of the files are written to stdout. Existing files are not overwritten.
    """
    command_context: CommandContext = context.obj
    generators = _generators(command_context)
    if component is None:
        for generator in generators.values():
            click.echo(f"{generator.component:<12} {generator.summary}")
        return
    generator = generators.get(component) or _refuse(component, generators)
    if name is None:
        raise click.UsageError(f"missing NAME: actionhero generate {component} NAME")
    try:
        names = component_name(name)
    except InvalidName as error:
        raise click.BadParameter(str(error), param_hint="'NAME'") from None
    if generator.command:
        _delegate(context, generator, names, dry_run=dry_run)
        return
    root, variables = _template_context(command_context, names)
    files = render_files(generator.templates, variables, root, generator.package)
    _write(files, dry_run=dry_run, force=force)
    if generator.note and not dry_run:
        click.echo(render_note(generator.note, variables), err=True)


def _generators(context: CommandContext) -> dict[str, Generator]:
    """Return the generators of all plugins, by component type.

    Errors of the application are ignored: a component can be added in spite of them.
    """
    host = load_plugins(context.sources())
    earlier_problems = len(host.problems)
    generators: dict[str, Generator] = {}
    owners: dict[str, str] = {}
    for plugin, generator in host.collect("actionhero_generators", Generator):
        component = generator.component
        if component in generators:
            raise PluginError(
                f"two plugins generate {component!r}: {owners[component]} and {plugin.owner}; "
                "put the name of one of them into plugins.disabled"
            )
        generators[component], owners[component] = generator, plugin.owner
    if problems := host.problems[earlier_problems:]:
        raise PluginError("\n".join(problems))
    return generators


def _refuse(component: str, generators: dict[str, Generator]) -> NoReturn:
    message = f"unknown component {component!r}; available: {', '.join(generators)}"
    if distribution := distribution_of(component):
        message += f". Install {distribution} for it"
    raise click.BadParameter(message, param_hint="'COMPONENT'")


def _delegate(
    context: click.Context, generator: Generator, names: ComponentName, *, dry_run: bool
) -> None:
    """Run the command that writes the files."""
    arguments = [*generator.command, names.module]
    if dry_run:
        click.echo(f"would run: actionhero {' '.join(arguments)}", err=True)
        return
    root = context.find_root()
    command = root.command
    if not isinstance(command, click.Group):
        raise TypeError("the root command is not a group")
    with command.make_context("actionhero", arguments, parent=root, obj=context.obj) as inner:
        command.invoke(inner)


def _template_context(context: CommandContext, names: ComponentName) -> tuple[Path, dict[str, Any]]:
    """Return the folder for the files, and the variables of the templates."""
    boot = context.sources().boot_settings()
    package = boot.package
    if package is None:
        raise ConfigurationError(
            "no application found: no settings file in this folder sets app.package; change to the "
            "folder of the application, pass --app PACKAGE, or create one with "
            "'actionhero new NAME'"
        )
    relative = Path(*package.split("."))
    folder = next(
        (at for at in (Path("src"), Path()) if (boot.root / at / relative).is_dir()), None
    )
    if folder is None:
        raise ConfigurationError(
            f"app.package is {package!r}, but there is no folder {relative} in {boot.root} or its "
            "folder src; change to the folder of the application, or pass --app PACKAGE"
        )
    root = Path() if boot.root == Path.cwd() else boot.root
    return root, {
        "name": names.name,
        "title": names.title,
        "module": names.module,
        "class_name": names.class_name,
        "package": package,
        "package_folder": (folder / relative).as_posix(),
    }


def _write(files: Sequence[RenderedFile], *, dry_run: bool, force: bool) -> None:
    """Write the files and print their paths, or exit with an error."""
    try:
        selected = select_files(files, force=force)
        if not dry_run:
            write_files(selected)
    except FileConflict as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_FAILED)
    for file in selected:
        click.echo(file.path.as_posix())
    if dry_run:
        click.echo("nothing was written", err=True)
