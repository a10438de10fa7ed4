"""The `actionhero` command.

Light on purpose: `--version` and `--help` import click, this module and the `plugin.py` files.
Every command is in a module of its own, imported when it is run.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actionhero.plugins import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero.app import App
    from actionhero.application import RunMode
    from actionhero.plugins.host import PluginHost
    from actionhero.settings.sources import Sources

#: Who has the commands that no plugin adds.
OURS = "actionhero"


class LazyCommand(click.Command):
    """A command that is imported when it is run, and known by its name and short help till then.

    Args:
        name: What is typed.
        target: Where the click command is: `package.module:attribute`.
        short_help: One line for the list of commands.
    """

    def __init__(self, name: str, target: str, short_help: str) -> None:
        super().__init__(name, short_help=short_help)
        self._target = target
        self._loaded: click.Command | None = None
        #: Functions that give further options, as `package.module:attribute`.
        self.extensions: list[str] = []

    def load(self) -> click.Command:
        """Import the command, with all options that others add to it."""
        if self._loaded is None:
            command = load_target(self._target)
            for target in self.extensions:
                command.params.extend(load_target(target)())
            self._loaded = command
        return self._loaded

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse with the command itself, which then is the one that runs."""
        return self.load().make_context(info_name, args, parent, **extra)


class SettingOption(click.Option):
    """An option that sets a setting for this run: `--port 9000` is `web.port`.

    Args:
        declarations: As click takes them: `["--port", "-p"]`.
        setting: Section and key, with a dot between.
    """

    def __init__(self, declarations: Sequence[str], setting: str, **attributes: Any) -> None:
        section, _, key = setting.partition(".")

        def keep(context: click.Context, _: click.Parameter, value: Any) -> None:
            if value is not None and context.obj is not None:
                context.obj.override(section, key, value)

        attributes.setdefault("callback", keep)
        attributes.setdefault("default", None)
        super().__init__(declarations, expose_value=False, **attributes)


class CommandGroup(click.Group):
    """The group `actionhero`, with the commands of every active plugin.

    Plugins are looked for when a list of commands is wanted, or a command that core has not.
    """

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self._asked = False
        #: What is wrong with plugins and their commands, as far as it shows without loading all.
        self.problems: list[str] = []
        self._owners: dict[str, str] = {}
        self._asking = OURS

    def extend(self, command: str, target: str) -> None:
        """Give `command` further options: those that the function at `target` returns."""
        lazy = self.commands.get(command)
        if isinstance(lazy, LazyCommand):
            lazy.extensions.append(target)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command.

        Raises:
            PluginError: Another plugin has one of that name.
        """
        name = name or cmd.name or ""
        if name in self._owners:
            from actionhero.errors import PluginError  # noqa: PLC0415

            if self._owners[name] == OURS:
                raise PluginError(
                    f"{self._asking} has the command {name!r}, which is {OURS}'s own; give it "
                    "another name, or put the plugin's name into plugins.disabled"
                )
            raise PluginError(
                f"two plugins have the command {name!r}: {self._owners[name]} and {self._asking}; "
                "put the name of one of them into plugins.disabled"
            )
        self._owners[name] = self._asking
        super().add_command(cmd, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._ask_plugins(ctx)
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        # `start` is core's, and plugins add to its options.
        if command is None or (isinstance(command, LazyCommand) and cmd_name == "start"):
            self._ask_plugins(ctx)
            command = super().get_command(ctx, cmd_name)
        return command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Tell what is wrong with plugins: their commands are missing from the list above."""
        if self.problems:
            with formatter.section("Problems"):
                for problem in self.problems:
                    formatter.write_text(f"- {problem}")

    def _ask_plugins(self, ctx: click.Context) -> None:
        if self._asked:
            return
        from actionhero.errors import ConfigurationError  # noqa: PLC0415

        context = ctx.obj if ctx.obj is not None else CommandContext(ctx.params)
        try:
            host = load_plugins(context.sources())
        except ConfigurationError as error:
            self._asked = True
            self.problems.append(str(error))
            return
        self.problems += host.problems
        self.ask(host)

    def ask(self, host: PluginHost) -> None:
        """Let the plugins of `host` add their commands, if they have not been asked yet."""
        if self._asked:
            return
        self._asked = True
        before = len(host.problems)
        for plugin, function in host.functions("actionhero_commands"):
            self._asking = plugin.owner
            host.ask(plugin, "actionhero_commands", function, {"group": self})
        self.problems += host.problems[before:]


class CommandContext:
    """What the options before the command say: where settings are, and which of them to override.

    Args:
        params: The parsed options of the group.
    """

    def __init__(self, params: dict[str, Any]) -> None:
        self._location: Path | None = params.get("settings")
        self._overrides: dict[str, dict[str, Any]] = {}
        if params.get("app"):
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
        """Set a setting for this run, above every other source."""
        self._overrides.setdefault(section, {})[key] = value

    def sources(self) -> Sources:
        """Read the sources of settings."""
        from actionhero.settings.sources import read_sources  # noqa: PLC0415

        return read_sources(self._location, command_line=self._overrides)

    def load(self, mode: RunMode) -> App:
        """Load the application, with whatever is wrong in `problems`."""
        from actionhero.app import App  # noqa: PLC0415

        app = App.load(self.sources(), mode)
        context = click.get_current_context(silent=True)
        root = context.find_root().command if context else None
        if isinstance(root, CommandGroup):
            root.ask(app.plugins)
            # What was found while the command line was built has been found again, or here alone.
            app.problems.extend(fault for fault in root.problems if fault not in app.problems)
        return app


def red(text: str) -> str:
    """Return `text` in red for a terminal, unless somebody asked for no colors."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg="red")


def load_plugins(sources: Sources) -> PluginHost:
    """Import the active plugins and the plugin module of the application, and register their hooks.

    Nothing else of the application is imported. Errors are in `problems` of the host.

    Raises:
        ConfigurationError: A settings file is invalid.
    """
    from actionhero.plugins.discovery import find_plugins, load_application_plugin  # noqa: PLC0415
    from actionhero.plugins.host import PluginHost  # noqa: PLC0415

    boot = sources.boot()
    plugins, problems = find_plugins(boot)
    application, application_problems = load_application_plugin(boot)
    host = PluginHost()
    host.problems += [*problems, *application_problems]
    host.register([*plugins, *([application] if application else [])])
    return host


def load_target(target: str) -> Any:
    """Return what is at `package.module:attribute`."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Write an action once; call it over every door.",
)
@click.version_option(VERSION, "-V", "--version", message="%(version)s")
@click.option("--app", metavar="PACKAGE", help="The package of the application.")
@click.option(
    "--settings",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="The settings file, or the folder that it lies in.  [default: this folder]",
)
@click.option(
    "--set",
    "set",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Set a setting for this run. May be repeated.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warn", "error", "fatal"]),
    help="The least important messages that are logged.",
)
@click.pass_context
def group(context: click.Context, /, **params: Any) -> None:
    """Keep what the options before the command say."""
    context.obj = CommandContext(params)


for _name, _target, _help in (
    ("start", "actionhero.cli.start:start", "Start the servers, and serve until told to stop."),
    ("call", "actionhero.cli.call:call", "Call an action: call NAME --field value …"),
    ("actions", "actionhero.cli.listings:actions", "List the actions."),
    ("plugins", "actionhero.cli.listings:plugins", "List the plugins, and why each is loaded."),
    ("config", "actionhero.cli.listings:config", "List every setting and where it came from."),
    ("doctor", "actionhero.cli.doctor:doctor", "Check everything that a start would lean on."),
    ("version", "actionhero.cli.listings:version", "List the versions of what is installed."),
    ("completion", "actionhero.cli.completion:completion", "Print the completion for a shell."),
):
    group.add_command(LazyCommand(_name, _target, _help))


def main(run: Callable[..., Any] = group) -> None:
    """Run the command line, and exit: 78 for what is wrong with settings or plugins."""
    # Loading this class costs nothing that the errors themselves do not.
    from actionhero.errors import BootError  # noqa: PLC0415

    try:
        run(prog_name="actionhero")
    except BootError as error:
        _tell(error)
        raise SystemExit(error.exit_code) from None


def _tell(error: Exception) -> None:
    lines = str(error).splitlines() or [type(error).__name__]
    click.echo(f"{red('Error:')} {lines[0]}", err=True)
    for line in lines[1:]:
        click.echo(f"       {line}", err=True)
    cause = error.__cause__
    while cause is not None:
        # Most messages end with what caused them.
        if str(cause) not in str(error):
            click.echo(f"       caused by {type(cause).__name__}: {cause}", err=True)
        cause = cause.__cause__
