"""The errors about options and arguments at the wrong place: before a command, or after it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


#: The options of other programs, with their replacements.
_OTHER_NAMES: Final = {
    **dict.fromkeys(
        ("--env", "--environment"),
        "set the variable ACTIONHERO_ENV, as in ACTIONHERO_ENV=production",
    ),
    **dict.fromkeys(
        ("--config", "--config-file"), "the folder of actionhero.toml is --settings FOLDER"
    ),
}
_EXTRA: Final = re.compile(r"Got unexpected extra argument \((.+)\)", re.DOTALL)
#: The commands after which other programs take the name of an application.
_OF_APPLICATION: Final = frozenset({"actions", "dev", "doctor", "routes", "shell", "start"})


def error_of_place(error: click.NoSuchOption, context: click.Context) -> click.UsageError:
    """Return an error that shows the right place of an option, if the program has it.

    Args:
        error: The error of the parser of the command.
        context: The context of the program.
    """
    option = error.option_name
    if any(option in parameter.opts for parameter in context.command.params):
        return click.UsageError(
            f"No such option {option!r} of this command; write it before the command, as in: "
            f"{context.command_path} {option} … {context.invoked_subcommand}",
            error.ctx,
        )
    group = None if error.ctx is None else error.ctx.parent
    if group is not None and any(option in parameter.opts for parameter in group.command.params):
        name = group.invoked_subcommand
        return click.UsageError(
            f"No such option {option!r} of {name!r}; options of {group.info_name!r} are written "
            f"before it, as in: {group.command_path} {option} … {name}",
            error.ctx,
        )
    return error


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
    if remedy := _OTHER_NAMES.get(option):
        return click.UsageError(f"No such option {option!r}; {remedy}", context)
    return error


def error_of_argument(error: click.UsageError, context: click.Context) -> click.UsageError:
    """Return an error with the place of an argument that a command does not take.

    Args:
        error: The error of the parser of the command.
        context: The context of the program.
    """
    match = _EXTRA.fullmatch(error.message)
    if match is None:
        return error
    command, argument = context.invoked_subcommand, match[1]
    name, equals, _ = argument.partition("=")
    if command == "call" and (equals or argument.startswith("{")):
        remedy = f"inputs are options: --{name} …" if equals else "inputs are options: --NAME …"
    elif command in _OF_APPLICATION:
        place = f"--app {argument.partition(':')[0]} {command}"
        remedy = f"the application is an option: {context.command_path} {place}"
    else:
        return error
    return click.UsageError(f"{error.message}; {remedy}", error.ctx)
