"""The `actionhero` command group.

`--version` and `--help` import click, this module and the `plugin.py` modules only. Each command is
imported when it runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actionhero.cli.command_context import CommandContext
from actionhero.cli.help_topics import write_commands, write_examples
from actionhero.cli.lazy_command import LazyCommand
from actionhero.cli.misplaced_options import (
    error_of_argument,
    error_of_early_option,
    error_of_place,
)
from actionhero.cli.standard_streams import open_closed_streams, reserve_stdout
from actionhero.plugins import VERSION

if TYPE_CHECKING:
    from actionhero.errors import BootError
    from actionhero.plugins.command_targets import CommandTarget
    from actionhero.plugins.host import PluginHost

#: Set by the completion scripts of shells.
COMPLETE_VARIABLE = "_ACTIONHERO_COMPLETE"
#: Variables that select a target of commands, such as a server.
TARGET_VARIABLES = ("ACTIONHERO_URL", "ACTIONHERO_PROFILE")
#: The commands of core that run there.
TARGET_COMMANDS = ("call", "actions")
#: The owner of the commands of core.
CORE_OWNER = "actionhero"


class CommandGroup(click.Group):
    """The group `actionhero`, with the commands of every active plugin.

    Plugins are loaded for the list of commands, and for a command that core does not have.
    """

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self._has_plugin_commands = False
        #: The errors of plugins and their commands, as far as the application is not loaded.
        self.problems: list[str] = []
        #: Why no plugin could be loaded.
        self._settings_error: BootError | None = None
        self._owners: dict[str, str] = {}
        self._current_owner = CORE_OWNER
        #: The places other than this process where commands run; `None`: not loaded.
        self._targets: list[CommandTarget] | None = None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command; plugins have those that core does not have."""
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption:
            if self._targets is None:
                self._load_targets()
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption as error:
            raise error_of_early_option(error, self, ctx, args) from None

    def add_options(self, command: str, target: str) -> None:
        """Add the options that the function at `target` returns to `command`."""
        lazy = self.commands.get(command)
        if isinstance(lazy, LazyCommand):
            lazy.option_targets.append(target)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command.

        Raises:
            PluginError: Core or another plugin has a command with this name.
        """
        name = name or cmd.name or ""
        if name in self._owners:
            from actionhero.errors import PluginError  # noqa: PLC0415

            if self._owners[name] == CORE_OWNER:
                raise PluginError(
                    f"{self._current_owner} has the command {name!r}, which is a command of "
                    f"{CORE_OWNER}; rename it, or add the plugin's name to plugins.disabled"
                )
            raise PluginError(
                f"two plugins have the command {name!r}: {self._owners[name]} and "
                f"{self._current_owner}; add the name of one of them to plugins.disabled"
            )
        self._owners[name] = self._current_owner
        super().add_command(cmd, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._load_plugins(ctx)
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        # `start` is a command of core with options of plugins.
        if command is None or cmd_name == "start":
            self._load_plugins(ctx)
            command = super().get_command(ctx, cmd_name)
        variable = next((name for name in TARGET_VARIABLES if os.environ.get(name)), None)
        if variable is not None:
            self._load_targets()
            if not self._targets and cmd_name in TARGET_COMMANDS and not ctx.resilient_parsing:
                from actionhero.errors import ConfigurationError  # noqa: PLC0415

                # Otherwise the action would run here, and not on the server.
                raise ConfigurationError(
                    f"{variable} is set, but no plugin calls servers; install actionhero-remote, "
                    "or unset the variable"
                )
        for target in self._targets or ():
            target.complete(ctx)
            if (other := target.command(ctx, cmd_name)) is not None:
                return other
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; the error of an unknown one has a suggestion."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            from actionhero.cli.suggestions import unknown_command_error  # noqa: PLC0415

            commands = self.list_commands(ctx)
            if self._settings_error is not None and not ctx.resilient_parsing:
                # Perhaps of a plugin, which cannot be known.
                raise self._settings_error from None
            raise unknown_command_error(error, commands, self.problems) from None

    def owner_of(self, name: str) -> str:
        """Return the owner of a command: core, or a plugin."""
        return self._owners.get(name, CORE_OWNER)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by topic."""
        write_commands(self, ctx, formatter, self.owner_of)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, also those of plugins, and the commands."""
        self._load_plugins(ctx)
        super().format_options(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors name the place of an option or argument at a wrong one."""
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            raise error_of_place(error, ctx) from None
        except click.UsageError as error:
            raise error_of_argument(error, ctx) from None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples, and the errors of plugins, whose commands are missing from the help."""
        write_examples(formatter)
        if self.problems:
            with formatter.section("Problems"):
                for problem in self.problems:
                    formatter.write_text(f"- {problem}")

    def _load_plugins(self, ctx: click.Context) -> None:
        if self._has_plugin_commands:
            return
        from actionhero.errors import ConfigurationError  # noqa: PLC0415
        from actionhero.plugins.host import load_plugins  # noqa: PLC0415

        context = ctx.obj if ctx.obj is not None else CommandContext(ctx.params)
        try:
            sources = context.sources()
            with reserve_stdout():
                host = load_plugins(sources)
        except ConfigurationError as error:
            self._has_plugin_commands = True
            self.problems.append(str(error))
            self._settings_error = error
            return
        self.problems += host.problems
        self.add_plugin_commands(host)

    def add_plugin_commands(self, host: PluginHost) -> None:
        """Add the commands of the plugins of `host`, unless that was done before."""
        if self._has_plugin_commands:
            return
        self._has_plugin_commands = True
        known = len(host.problems)
        self._add_targets(host)
        for plugin, function in host.functions("actionhero_commands"):
            self._current_owner = plugin.owner
            with reserve_stdout():
                host.call_for_effect(plugin, "actionhero_commands", function, {"group": self})
        self.problems += host.problems[known:]

    def _load_targets(self) -> None:
        """Load the targets of installed plugins.

        No settings file is read: a command that runs elsewhere does not depend on the folder.
        """
        if self._targets is not None:
            return
        from actionhero.plugins.host import load_plugins  # noqa: PLC0415
        from actionhero.settings.sources import read_variables  # noqa: PLC0415

        with reserve_stdout():
            self._add_targets(load_plugins(read_variables()))

    def _add_targets(self, host: PluginHost) -> None:
        if self._targets is not None:
            return
        from actionhero.plugins.command_targets import CommandTarget  # noqa: PLC0415

        self._targets = []
        for _, target in host.collect("actionhero_command_targets", CommandTarget):
            self._targets.append(target)
            self.params.extend(target.options)


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Write an action once, and call it over every transport.",
)
@click.version_option(VERSION, "-V", "--version", message="%(version)s")
@click.option("--app", metavar="PACKAGE", help="The application package.")
@click.option(
    "--settings",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="The settings file, or its folder.  [default: the current folder]",
)
@click.option(
    "--set",
    "set",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Set a setting for this run. Can be repeated.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warn", "error", "fatal"]),
    help="The lowest level that is logged.",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Whether to color the output. auto: on a terminal, unless NO_COLOR is set, or if "
    "FORCE_COLOR is.",
)
@click.option(
    "--as-user",
    metavar="USER",
    help="Call actions as this user: a JSON value such as 7, or else a text.",
)
@click.pass_context
def group(context: click.Context, /, **params: Any) -> None:
    """Store the options for the command."""
    is_set = any(os.environ.get(name) for name in ("NO_COLOR", "FORCE_COLOR"))
    if is_set or params["color"] != "auto":
        from actionhero.logs.colors import select_colors, uses_colors  # noqa: PLC0415

        select_colors(params["color"])
        # Otherwise click asks whether each stream is a terminal.
        context.color = uses_colors()
    context.obj = CommandContext(params)


for _name, _target, _help, _topic in (
    ("start", "start:start", "Start the servers.", "Run"),
    ("call", "call:call", "Call an action: call NAME --field value …", "Call"),
    ("shell", "shell:shell", "Open a Python shell with the application.", "Call"),
    ("actions", "listings:actions", "List the actions.", "Call"),
    ("plugins", "plugins:plugins", "List, show and check plugins.", "Inspect"),
    ("config", "listings:config", "List the settings and their sources.", "Inspect"),
    ("doctor", "doctor:doctor", "Check that the application can start.", "Inspect"),
    ("version", "listings:version", "List the versions of installed packages.", "Inspect"),
    ("completion", "completion:completion", "Print the completion script.", "Inspect"),
):
    group.add_command(LazyCommand(_name, f"actionhero.cli.{_target}", _help, topic=_topic))


def run() -> None:
    """Run the command line, and exit: with 78 for invalid settings or plugins."""
    from actionhero.errors import BootError  # noqa: PLC0415

    open_closed_streams()
    if COMPLETE_VARIABLE in os.environ:
        from pkgutil import resolve_name  # noqa: PLC0415

        resolve_name("actionhero.cli.completion:install")()
    try:
        group(prog_name="actionhero")
    except BootError as error:
        from actionhero.logs.colors import uses_colors  # noqa: PLC0415

        first, *others = str(error).splitlines() or [type(error).__name__]
        error_lines = [f"{click.style('Error:', fg='red')} {first}", *others, *error.causes()]
        text = "\n       ".join(error_lines)
        click.echo(text, err=True, color=uses_colors())
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        from actionhero.cli.output_failure import exit_after, is_output_failure  # noqa: PLC0415

        if not is_output_failure(error):
            raise
        exit_after(error)
