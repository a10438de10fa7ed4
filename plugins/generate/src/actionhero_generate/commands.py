"""`actionhero new` and `actionhero generate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from actionhero import ConfigurationError, PluginError
from actionhero.cli import EXIT_FAILED
from actionhero.plugins.discovery import find_plugins, load_application_plugin
from actionhero.plugins.entry_points import entry_points
from actionhero.plugins.host import PluginHost
from actionhero_generate.drafts import Obstacle, draw, say, wanted, write
from actionhero_generate.generator import Generator
from actionhero_generate.kinds import package_of
from actionhero_generate.names import NameFault, PartName, package_name, part_name
from actionhero_generate.projects import APPLICATION, PLUGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero.cli import CommandContext
    from actionhero_generate.drafts import Draft

_dry_run = click.option("--dry-run", is_flag=True, help="Tell the files, and write none.")
_force = click.option("--force", is_flag=True, help="Overwrite files that are there.")


@click.command(short_help="Begin an application or a plugin.")
@click.argument("name")
@click.option("--plugin", is_flag=True, help="Begin a plugin, to be published and installed.")
@_dry_run
@_force
def new(name: str, plugin: bool, dry_run: bool, force: bool) -> None:
    """Begin a project in a new folder NAME: an application, or with --plugin a plugin.

    The paths of its files are written to stdout. A file that is there is not overwritten.
    """
    try:
        package = package_name(name)
    except NameFault as fault:
        raise click.BadParameter(str(fault), param_hint="'NAME'") from None
    if plugin and (
        taken := next((p for p in entry_points("actionhero") if p.name == package), None)
    ):
        raise click.BadParameter(
            f"a plugin {package!r} is installed already, from {taken.distribution}; use another",
            param_hint="'NAME'",
        )
    title = name.replace("-", " ").replace("_", " ")
    words = {
        "name": name,
        "package": package,
        "title": title,
        "class_name": "".join(word.capitalize() for word in title.split()),
    }
    drafts = draw(PLUGIN if plugin else APPLICATION, words, Path(name), "actionhero_generate")
    _put(drafts, dry_run=dry_run, force=force)
    if not dry_run:
        click.echo(f"next: cd {name}, and read README.md", err=True)


@click.command(short_help="Add a part to the application: generate KIND NAME.")
@click.argument("kind", required=False)
@click.argument("name", required=False)
@_dry_run
@_force
@click.pass_context
def generate(
    context: click.Context, kind: str | None, name: str | None, dry_run: bool, force: bool
) -> None:
    """Add a part of a KIND to the application, with a test; without KIND, list the kinds.

    The paths of its files are written to stdout. A file that is there is not overwritten.
    """
    command_context: CommandContext = context.obj
    generators = _generators(command_context)
    if kind is None:
        for each in generators.values():
            click.echo(f"{each.kind:<12} {each.summary}")
        return
    generator = generators.get(kind) or _refuse_kind(kind, generators)
    if name is None:
        raise click.UsageError(f"what is the {kind} called? actionhero generate {kind} NAME")
    try:
        part = part_name(name)
    except NameFault as fault:
        raise click.BadParameter(str(fault), param_hint="'NAME'") from None
    if generator.command:
        _delegate(context, generator, part, dry_run=dry_run)
        return
    root, words = _surroundings(command_context, part)
    drafts = draw(generator.templates, words, root, generator.home)
    _put(drafts, dry_run=dry_run, force=force)
    if generator.note and not dry_run:
        click.echo(say(generator.note, words), err=True)


def _generators(context: CommandContext) -> dict[str, Generator]:
    """Return all kinds, by what is typed for them."""
    boot = context.sources().boot()
    plugins, _ = find_plugins(boot)
    # A fault of the application's own is no reason not to help with it.
    application, _ = load_application_plugin(boot)
    host = PluginHost()
    host.register([*plugins, *([application] if application else [])])
    before = len(host.problems)
    found: dict[str, Generator] = {}
    owners: dict[str, str] = {}
    for plugin, generator in host.collect("actionhero_generators", Generator):
        if generator.kind in found:
            raise PluginError(
                f"two plugins generate {generator.kind!r}: {owners[generator.kind]} and "
                f"{plugin.owner}; put the name of one of them into plugins.disabled"
            )
        found[generator.kind], owners[generator.kind] = generator, plugin.owner
    if problems := host.problems[before:]:
        raise PluginError("\n".join(problems))
    return found


def _refuse_kind(kind: str, generators: dict[str, Generator]) -> NoReturn:
    message = f"there is no kind {kind!r}; there are: {', '.join(generators)}"
    if package := package_of(kind):
        message += f". Install {package} for it"
    raise click.BadParameter(message, param_hint="'KIND'")


def _delegate(
    context: click.Context, generator: Generator, part: PartName, *, dry_run: bool
) -> None:
    """Let the command write that knows how."""
    path = [*generator.command, part.module]
    if dry_run:
        click.echo(f"would run: actionhero {' '.join(path)}", err=True)
        return
    root = context.find_root()
    command = root.command
    if not isinstance(command, click.Group):
        raise TypeError("actionhero is a group of commands")
    with command.make_context("actionhero", path, parent=root, obj=context.obj) as inner:
        command.invoke(inner)


def _surroundings(context: CommandContext, part: PartName) -> tuple[Path, dict[str, Any]]:
    """Return the folder below which files go, and what templates know."""
    boot = context.sources().boot()
    package = boot.package
    if package is None:
        raise ConfigurationError(
            "there is no application to add to: no settings file here has app.package; go to its "
            "folder, name it with --app PACKAGE, or begin one with 'actionhero new NAME'"
        )
    below = Path(*package.split("."))
    folder = next((at for at in (Path("src"), Path()) if (boot.root / at / below).is_dir()), None)
    if folder is None:
        raise ConfigurationError(
            f"app.package is {package!r}, and there is no folder {below} in {boot.root}, nor in "
            "its folder src; go to the folder of the application, or name another with --app"
        )
    root = Path() if boot.root == Path.cwd() else boot.root
    return root, {
        "name": part.name,
        "title": part.title,
        "module": part.module,
        "class_name": part.class_name,
        "package": package,
        "package_folder": (folder / below).as_posix(),
    }


def _put(drafts: Sequence[Draft], *, dry_run: bool, force: bool) -> None:
    """Write files, or tell what would be written."""
    left: list[Draft] = _or_exit(lambda: wanted(drafts, force=force))
    if not dry_run:
        _or_exit(lambda: write(left))
    for draft in left:
        click.echo(draft.path.as_posix())
    if dry_run:
        click.echo("nothing was written", err=True)


def _or_exit(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except Obstacle as obstacle:
        click.echo(f"Error: {obstacle}", err=True)
        sys.exit(EXIT_FAILED)
