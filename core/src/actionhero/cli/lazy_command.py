"""`LazyCommand` is imported when it runs, and `SettingOption` is an option that sets a setting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from actionhero.cli.standard_streams import reserve_stdout

if TYPE_CHECKING:
    from collections.abc import Sequence


class LazyCommand(click.Command):
    """A command that is imported when it runs. Until then only its name and short help are known.

    Args:
        name: The name of the command.
        target: The click command: `package.module:attribute`.
        short_help: One line for the list of commands.
        topic: The heading in the list of commands: one of `TOPICS` in `help_topics`, or another;
            by default that of the plugin.
    """

    def __init__(self, name: str, target: str, short_help: str, *, topic: str = "") -> None:
        super().__init__(name, short_help=short_help)
        self.topic = topic
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
