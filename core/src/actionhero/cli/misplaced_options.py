"""The error about an option of the program that follows a command."""

from __future__ import annotations

import click


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
