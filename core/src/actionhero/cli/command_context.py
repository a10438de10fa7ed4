"""`CommandContext`: the options before the command, by which the application is loaded."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import click

from actionhero.cli.standard_streams import reserve_stdout

if TYPE_CHECKING:
    from pathlib import Path

    from actionhero.app import App
    from actionhero.application import RunMode
    from actionhero.connection import Connection
    from actionhero.settings.sources import Sources


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
        from actionhero.cli.user_type import UserType  # noqa: PLC0415
        from actionhero.identity.principal import Principal  # noqa: PLC0415

        connection = CommandConnection("cli")
        if self._user is not None:
            try:
                user = UserType().convert(self._user, None, None)
            except click.BadParameter as error:
                error.param_hint = "'--as-user'"
                raise
            connection.principal = Principal(user, method="operator")
        return connection

    def sources(self) -> Sources:
        """Read the sources of settings."""
        from actionhero.settings.sources import read_sources  # noqa: PLC0415

        return read_sources(self._location, command_line=self._overrides)

    def load(self, mode: RunMode) -> App:
        """Load the application. Its errors are in `problems`; see `load_app`."""
        from actionhero.app import App  # noqa: PLC0415

        sources = self.sources()
        # A collection would examine all modules and schemas again and again: they are no garbage.
        gc.disable()
        try:
            with reserve_stdout():
                app = App.load(sources, mode)
        finally:
            gc.freeze()
            gc.enable()
        context = click.get_current_context(silent=True)
        root: Any = context.find_root().command if context else None
        # The group `actionhero`, in which plugins have commands.
        if hasattr(root, "add_plugin_commands"):
            root.add_plugin_commands(app.plugins)
            app.problems.extend(error for error in root.problems if error not in app.problems)
        return app

    def load_app(self) -> App:
        """Load the application of a command that ends by itself, with warnings on stderr.

        The setting `logs.level` overrides the level of the log.

        Raises:
            PluginError: The application has problems.
        """
        from actionhero.application import RunMode  # noqa: PLC0415
        from actionhero.cli.output import configure_logs  # noqa: PLC0415

        app = self.load(RunMode.CLI)
        configure_logs(app, level="warn")
        app.raise_for_problems()
        return app
