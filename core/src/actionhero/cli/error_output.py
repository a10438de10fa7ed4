"""Errors on stderr: sentences on a terminal, documents of JSON in pipes, and their exit codes."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click
from click.core import ParameterSource

from actionhero import json
from actionhero.cli.output import (
    EXIT_CONFIGURATION,
    EXIT_DATA,
    EXIT_FAILED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    printable,
)
from actionhero.errors import ErrorType
from actionhero.logs.formatters import escape
from actionhero.transport.error_documents import error_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from actionhero.errors import TypedError

_CODES: Final = {
    ErrorType.ACTION_NOT_FOUND: EXIT_USAGE,
    ErrorType.PARAM_REQUIRED: EXIT_DATA,
    ErrorType.PARAM_DEFAULT: EXIT_DATA,
    ErrorType.PARAM_VALIDATION: EXIT_DATA,
    ErrorType.PARAM_FORMATTING: EXIT_DATA,
    ErrorType.CHANNEL_VALIDATION: EXIT_DATA,
    ErrorType.REQUEST_MALFORMED: EXIT_DATA,
    ErrorType.SERVICE_UNAVAILABLE: EXIT_UNAVAILABLE,
    ErrorType.CONFIG_ERROR: EXIT_CONFIGURATION,
}


def write_error(
    error: TypedError, request_id: str, stack: str | None = None, *, note: str | None = None
) -> NoReturn:
    """Write an error to stderr, and exit with the code of its type.

    Args:
        error: The error.
        request_id: The identifier of the call.
        stack: The traceback, for the document.
        note: A remedy to show on a terminal.
    """
    document = error_document(
        error,
        timestamp_ms=time.time_ns() // 1_000_000,
        request_id=request_id,
        stack=stack,
    )
    write_error_document(document, note=note)
    sys.exit(exit_code(error.type))


def write_error_document(document: Mapping[str, Any], *, note: str | None = None) -> None:
    """Write an error document to stderr: sentences on a terminal, otherwise a line of JSON.

    The option `--format json` of a command selects JSON on a terminal, too.
    """
    context = click.get_current_context(silent=True)
    if not sys.stderr.isatty() or _is_json_requested(context):
        click.echo(printable(json.dumps(document).decode()), err=True)
        return
    for line in _sentences(document["error"]):
        click.echo(f"{click.style('Error:', fg='red')} {escape(line)}", err=True)
    if context is not None and (usage := _usage(document["error"], context)):
        click.echo(usage, err=True)
    if note:
        click.echo(f"note: {note}", err=True)


def exit_code(type_: ErrorType) -> int:
    """Return the exit code of an error type."""
    return _CODES.get(type_, EXIT_FAILED)


def _is_json_requested(context: click.Context | None) -> bool:
    """Return whether the command line has `--format json`."""
    while context is not None:
        if context.params.get("format_") == "json":
            return context.get_parameter_source("format_") is ParameterSource.COMMANDLINE
        context = context.parent
    return False


def _sentences(error: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each invalid input, or that of the whole error."""
    problems = error.get("errors")
    if not problems:
        yield error["message"]
        return
    for problem in problems:
        name = input_name(problem["pointer"])
        message = "required" if problem["type"] == "missing" else problem["message"]
        yield f"{name}: {message}" if name else message


def input_name(pointer: str) -> str:
    """Return the name of an input from its pointer: `/people/0/city` is `people.0.city`."""
    parts = pointer.split("/")[1:]
    return ".".join(part.replace("~1", "/").replace("~0", "~") for part in parts)


def _usage(error: Mapping[str, Any], context: click.Context) -> str | None:
    """Return the usage of the action if its inputs are invalid."""
    if not error.get("errors"):
        return None
    words = [context.command_path]
    options = [item for item in context.command.params if isinstance(item, click.Option)]
    required = [item for item in options if getattr(item, "is_required_input", False)]
    words += [f"{item.opts[0]} {item.metavar}" for item in required]
    if len(required) < len(options):
        words.append("[OPTIONS]")
    return f"Usage: {' '.join(words)}\n       {context.command_path} --help lists the inputs"
