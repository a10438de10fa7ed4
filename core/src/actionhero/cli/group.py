"""The `actionhero` command group.

`--version` and `--help` import click, this module and the `plugin.py` modules only. Each command is
imported when it runs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actionhero.cli.misplaced_options import error_of_place
from actionhero.cli.standard_streams import open_closed_streams, reserve_stdout
from actionhero.plugins import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.app import App
    from actionhero.application import RunMode
    from actionhero.connection import Connection
    from actionhero.plugins.command_targets import CommandTarget
    from actionhero.plugins.host import PluginHost
    from actionhero.settings.sources import Sources

#: Set by the completion scripts of shells.
COMPLETE_VARIABLE = "_ACTIONHERO_COMPLETE"
#: Variables that select a target of commands, such as a server.
TARGET_VARIABLES = ("ACTIONHERO_URL", "ACTIONHERO_PROFILE")
#: The commands of core that run there.
TARGET_COMMANDS = ("call", "actions")
#: The owner of the commands of core.
CORE_OWNER = "actionhero"


class LazyCommand(click.Command):
    """A command that is imported when it runs. Until then only its name and short help are known.

    Args:
        name: The name of the command.
        target: The click command: `package.module:attribute`.
        short_help: One line for the list of commands.
    """

    def __init__(self, name: str, target: str, short_help: str) -> None:
        super().__init__(name, short_help=short_help)
        self._target = target
        self._command: click.Command | None = None
        #: Functions that return further options, as `package.module:attribute`.
        self.option_targets: list[str] = []

    def load(self) -> click.Command:
        """Import the command, and add the options of plugins to it."""
        if self._command is None:
            from pkgutil import resolve_name  # noqa: PLC0415

            from actionhero.plugins.entry_points import invalid_entry_points  # noqa: PLC0415

            # Before the import of pydantic, which they would prevent.
            invalid_entry_points()
            with reserve_stdout():
                command: click.Command = resolve_name(self._target)
                for target in self.option_targets:
                    command.params.extend(resolve_name(target)())
            self._command = command
        return self._command

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Parse the arguments with the imported command, which then runs."""
        return self.load().make_context(*args, **options)


class SettingOption(click.Option):
    """An option that sets a setting for this run: `--port 9000` is `web.port`.

    Args:
        declarations: The declarations of click: `["--port", "-p"]`.
        setting: Section and key: `web.port`.
    """

    def __init__(self, declarations: Sequence[str], setting: str, **attributes: Any) -> None:
        section, _, key = setting.partition(".")

        def override(context: click.Context, _: click.Parameter, value: Any) -> None:
            if value is not None and context.obj is not None:
                context.obj.override(section, key, value)

        attributes.setdefault("callback", override)
        attributes.setdefault("default", None)
        super().__init__(declarations, expose_value=False, **attributes)


class CommandGroup(click.Group):
    """The group `actionhero`, with the commands of every active plugin.

    Plugins are loaded for the list of commands, and for a command that core does not have.
    """

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self._has_plugin_commands = False
        #: The errors of plugins and their commands, as far as the application is not loaded.
        self.problems: list[str] = []
        self._owners: dict[str, str] = {}
        self._current_owner = CORE_OWNER
        #: The places other than this process where commands run; `None`: not loaded.
        self._targets: list[CommandTarget] | None = None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command; plugins have those that core does not have."""
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption:
            if self._targets is not None:
                raise
            self._load_targets()
            return super().parse_args(ctx, args)

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

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, also those of plugins, and the commands."""
        self._load_plugins(ctx)
        super().format_options(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an option of this group that follows it is reported with its place."""
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            raise error_of_place(error, ctx) from None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the errors of plugins, whose commands are missing from the help."""
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


class CommandContext:
    """The options before the command: the location of the settings, and overrides.

    Args:
        params: The parsed options of the group.
    """

    def __init__(self, params: dict[str, Any]) -> None:
        self._location: Path | None = params.get("settings")
        self._user: str | None = params.get("as_user")
        self._overrides: dict[str, dict[str, Any]] = {}
        if params.get("app") is not None:
            self.override("app", "package", params["app"])
        if params.get("log_level"):
            self.override("logs", "level", params["log_level"])
        for assignment in params.get("set") or ():
            name, equals, value = assignment.partition("=")
            section, dot, key = name.partition(".")
            if not (equals and dot and key):
                raise click.BadParameter(
                    f"{assignment!r} is not SECTION.KEY=VALUE", param_hint="'--set'"
                )
            self.override(section, key, value)

    def override(self, section: str, key: str, value: Any) -> None:
        """Set a setting for this run. It overrides every other source."""
        self._overrides.setdefault(section, {})[key] = value

    def connection(self) -> Connection:
        """Return the connection of a call: of the operator, or of the user of `--as-user`."""
        from actionhero.cli.connection import CommandConnection  # noqa: PLC0415
        from actionhero.identity.principal import Principal  # noqa: PLC0415

        connection = CommandConnection("cli")
        if self._user is not None:
            try:
                user = json.loads(self._user)
            except ValueError:
                user = self._user
            if user is None or user == "":
                raise click.BadParameter("it names no user", param_hint="'--as-user'")
            connection.principal = Principal(user, method="operator")
        return connection

    def sources(self) -> Sources:
        """Read the sources of settings."""
        from actionhero.settings.sources import read_sources  # noqa: PLC0415

        return read_sources(self._location, command_line=self._overrides)

    def load(self, mode: RunMode) -> App:
        """Load the application. Its errors are in `problems`."""
        from actionhero.app import App  # noqa: PLC0415

        sources = self.sources()
        with reserve_stdout():
            app = App.load(sources, mode)
        context = click.get_current_context(silent=True)
        root = context.find_root().command if context else None
        if isinstance(root, CommandGroup):
            root.add_plugin_commands(app.plugins)
            app.problems.extend(error for error in root.problems if error not in app.problems)
        return app


def red(text: str) -> str:
    """Return `text` in red for a terminal, unless `NO_COLOR` is set."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg="red")


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
    "--as-user",
    metavar="USER",
    help="Call actions as this user: a JSON value such as 7, or else a text.",
)
@click.pass_context
def group(context: click.Context, /, **params: Any) -> None:
    """Store the options for the command."""
    context.obj = CommandContext(params)


for _name, _target, _help in (
    ("start", "actionhero.cli.start:start", "Start the servers."),
    ("call", "actionhero.cli.call:call", "Call an action: call NAME --field value …"),
    ("actions", "actionhero.cli.listings:actions", "List the actions."),
    ("plugins", "actionhero.cli.listings:plugins", "List the plugins and their states."),
    ("config", "actionhero.cli.listings:config", "List the settings and their sources."),
    ("doctor", "actionhero.cli.doctor:doctor", "Check that the application can start."),
    ("version", "actionhero.cli.listings:version", "List the versions of installed packages."),
    ("completion", "actionhero.cli.completion:completion", "Print the completion script."),
):
    group.add_command(LazyCommand(_name, _target, _help))


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
        first, *others = str(error).splitlines() or [type(error).__name__]
        cause = error.__cause__
        while cause is not None:
            # Most messages end with their cause.
            if str(cause) not in str(error):
                others.append(f"caused by {type(cause).__name__}: {cause}")
            cause = cause.__cause__
        click.echo("\n       ".join([f"{red('Error:')} {first}", *others]), err=True)
        raise SystemExit(error.exit_code) from None
