"""`actionhero plugins`: lists the plugins, shows one, and checks them for their authors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from actionhero.application import RunMode
from actionhero.cli.output import format_option, print_problems, write_rows, write_value
from actionhero.cli.plugin_checks import check_plugin
from actionhero.errors import name_hint
from actionhero.health import Finding

if TYPE_CHECKING:
    from actionhero.app import App
    from actionhero.cli.command_context import CommandContext
    from actionhero.plugins.discovery import Plugin
    from actionhero.settings import Settings


class PluginGroup(click.Group):
    """The group `plugins`: the command `check`, and a command for each plugin."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of commands."""
        # The names of plugins are listed by the command itself.
        return ["check"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, also for a plugin that does not exist."""
        return super().get_command(ctx, cmd_name) or _plugin_command(cmd_name)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Complete the names of plugins, and the commands."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415

        names = [plugin.name for plugin in ctx.obj.load(RunMode.CLI).plugins.plugins]
        items = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return [*items, *super().shell_complete(ctx, incomplete)]


@click.group(
    cls=PluginGroup, invoke_without_command=True, subcommand_metavar="[NAME | check [NAME]...]"
)
@format_option
@click.pass_context
def plugins(context: click.Context, format_: str) -> None:
    """List the plugins, their states and the reasons.

    With NAME, show the version, the files, the hooks, the settings, the commands and the actions
    of one plugin. With `check`, check plugins for their authors.

    \b
    Examples:
      actionhero plugins
      actionhero plugins web
      actionhero plugins check my_plugin
    """  # noqa: D301 - click's mark is the character itself
    if context.invoked_subcommand is not None:
        return
    app = context.obj.load(RunMode.SERVER)
    write_rows(
        [
            {
                "name": plugin.name,
                "state": plugin.state,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "module": plugin.module_name,
                "reason": plugin.reason,
                "hooks": _hooks(app, plugin),
            }
            for plugin in app.plugins.plugins
        ],
        {
            "name": "Name",
            "state": "State",
            "distribution": "Distribution",
            "version": "Version",
            "reason": "Why",
        },
        format_,
    )
    print_problems(app.problems)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@format_option
@click.pass_obj
def check(context: CommandContext, names: tuple[str, ...], format_: str) -> None:
    """Check plugins for their authors: all, or those called NAME.

    It checks the entry point, the requirements, the import of `plugin.py`, the names, the arguments
    and the results of hooks, the settings and the commands.

    Exits with 1 if a check fails, and without NAME also for other problems of the application, such
    as a plugin that is enabled and not installed. Warnings are not failures.
    """
    app = context.load(RunMode.SERVER)
    selected = [_find(app, name) for name in names] or app.plugins.plugins[1:]
    diagnoses = [(plugin, item) for plugin in selected for item in check_plugin(app, plugin)]
    write_rows(
        [
            {
                "plugin": plugin.name,
                "check": item.check,
                "finding": item.finding,
                "message": item.message,
            }
            for plugin, item in diagnoses
        ],
        {"plugin": "Plugin", "check": "Check", "finding": "Finding", "message": "Message"},
        format_,
    )
    reported = {item.message for _, item in diagnoses}
    others = [] if names else [problem for problem in app.problems if problem not in reported]
    print_problems(others)
    if others or any(item.finding is Finding.FAILED for _, item in diagnoses):
        sys.exit(1)


plugins.add_command(check)


def _plugin_command(name: str) -> click.Command:
    @click.command(name, help=f"Show the plugin {name!r}.", hidden=True)
    @format_option
    @click.pass_obj
    def show(context: CommandContext, format_: str) -> None:
        app = context.load(RunMode.SERVER)
        plugin = _find(app, name)
        details = _details(app, plugin)
        if format_ == "table":
            # A list has a line for each item.
            details = {
                key.capitalize(): "\n".join(value) if isinstance(value, list) else value
                for key, value in details.items()
                if value
            }
        write_value(details, format_)
        print_problems([problem for problem in app.problems if plugin.owner in problem])

    return show


def _find(app: App, name: str) -> Plugin:
    """Return the plugin called `name`, or of the distribution `name`.

    Raises:
        click.BadParameter: There is none.
    """
    for plugin in app.plugins.plugins:
        if name in (plugin.name, plugin.distribution):
            return plugin
    known = [plugin.name for plugin in app.plugins.plugins]
    hint = name_hint(name, known)
    context = click.get_current_context()
    if context.info_name == name:
        # The usage of `plugins`, as there is no command with this name.
        context = context.parent or context
    raise click.BadParameter(f"unknown plugin {name!r}; {hint}", context, param_hint="'NAME'")


def _details(app: App, plugin: Plugin) -> dict[str, Any]:
    module = sys.modules.get(plugin.module_name)
    settings: list[str] = []
    for owner, function in app.plugins.functions("actionhero_settings"):
        if owner is plugin:
            sections = app.plugins.call_one(plugin, "actionhero_settings", function, {}) or ()
            settings = [f"{section.section}: {_summary(section)}" for section in sections]
    return {
        "name": plugin.name,
        "state": f"{plugin.state}, {plugin.reason}",
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module_name,
        "file": getattr(module, "__file__", None),
        "requires": list(plugin.requires),
        "hooks": _hooks(app, plugin),
        "settings": settings,
        "commands": _commands(plugin),
        "actions": [
            f"{action.name}: {action.summary}"
            for action in app.actions
            if action.owner == plugin.owner
        ],
    }


def _hooks(app: App, plugin: Plugin) -> list[str]:
    return [hook for hook in app.plugins.hooks if plugin in app.plugins.implementers(hook)]


def _commands(plugin: Plugin) -> list[str]:
    context = click.get_current_context().find_root()
    root: Any = context.command
    return [
        f"{name}: {root.get_command(context, name).get_short_help_str(200)}"
        for name in root.list_commands(context)
        if root.owner_of(name) == plugin.owner
    ]


def _summary(section: type[Settings]) -> str:
    return (section.__doc__ or "").strip().partition("\n")[0]
