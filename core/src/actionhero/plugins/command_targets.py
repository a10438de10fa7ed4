"""`CommandTarget`: where commands of core run instead of here, such as on a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, kw_only=True)
class CommandTarget:
    """Options before the command, and other implementations of commands of core.

    Args:
        options: The options.
        commands: The commands that replace those of core with the same names, if the target is
            selected.
        is_selected: Whether the options, and the variables of the environment, select the target.
            It receives the context of `actionhero`, whose `params` contain the options.
    """

    options: Sequence[click.Option]
    commands: Sequence[click.Command]
    is_selected: Callable[[click.Context], bool]

    def command(self, context: click.Context, name: str) -> click.Command | None:
        """Return the command of this target; `None` if it runs here.

        Args:
            context: The context of `actionhero`.
            name: The name of the command.

        Raises:
            click.UsageError: An option on the command line selects the target, which does not
                have this command.
        """
        options = _options_on_command_line(context, self.options)
        if not options and not self.is_selected(context):
            return None
        for command in self.commands:
            if command.name == name:
                return command
        # A variable of the environment may be set for another command.
        if not options or context.resilient_parsing:
            return None
        available = ", ".join(str(command.name) for command in self.commands)
        raise click.UsageError(
            f"option {options[0]} is not supported by the command {name!r}; available: {available}",
            context,
        )

    def complete(self, context: click.Context) -> None:
        """Add the values of variables to a context that was parsed without the options."""
        for option in self.options:
            name = option.name
            if name in context.params:
                continue
            value = option.value_from_envvar(context)
            if value is not None:
                value = option.type_cast_value(context, value)
                context.set_parameter_source(name, ParameterSource.ENVIRONMENT)
            context.params[name] = value


def _options_on_command_line(context: click.Context, options: Sequence[click.Option]) -> list[str]:
    return [
        option.opts[0]
        for option in options
        if context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    ]
