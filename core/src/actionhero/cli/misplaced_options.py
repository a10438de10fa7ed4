"""The errors about options at the wrong place: before a command, or after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


def error_of_place(error: click.NoSuchOption, context: click.Context) -> click.UsageError:
    """Return an error that shows the right place of an option, if the program has it.

    Args:
        error: The error of the parser of the command.
        context: The context of the program.
    """
    option = error.option_name
    if not any(option in parameter.opts for parameter in context.command.params):
        return error
    return click.UsageError(
        f"No such option {option!r} of this command; write it before the command, as in: "
        f"{context.command_path} {option} … {context.invoked_subcommand}",
        error.ctx,
    )


def error_of_early_option(
    error: click.NoSuchOption, group: click.Group, context: click.Context, arguments: Sequence[str]
) -> click.UsageError:
    """Return an error that shows the right place of an option, if the command after it has it.

    Args:
        error: The error of the parser of the group.
        group: The group of the commands.
        context: The context of the group.
        arguments: The arguments of the group.
    """
    option = error.option_name
    for name in arguments:
        command = None if name.startswith("-") else group.get_command(context, name)
        if command is None:
            continue
        load = getattr(command, "load", None)
        command = command if load is None else load()
        if any(option in parameter.opts for parameter in command.params):
            return click.UsageError(
                f"No such option {option!r} before the command; write it after the command: "
                f"{context.command_path} {name} {option} …",
                context,
            )
        break
    return error
