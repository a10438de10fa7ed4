"""The output of commands: results on stdout, logs and errors on stderr, and exit codes."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from actionhero import json, logs
from actionhero.logs.formatters import escape
from actionhero.settings import LoggerSettings
from actionhero.streams import Chunk, Item

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

    from actionhero.application import Application

# The exit codes of sysexits.h.
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_DATA = 65
EXIT_UNAVAILABLE = 69
EXIT_OUTPUT = 74
EXIT_CONFIGURATION = 78

# Controls and direction marks that JSON does not escape by itself.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

#: The longest text in a column that is not wrapped on a narrow terminal.
MAX_NAME_LENGTH = 40

#: `--format table|json`, the same for every listing.
format_option = click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for people, or JSON for programs.",
)


def write_rows(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], format_: str) -> None:
    """Write `rows` to stdout.

    Args:
        rows: The rows; JSON contains all of their keys.
        columns: The heading of each column of the table, by key.
        format_: `table` or `json`.
    """
    if format_ == "json":
        write_json(rows)
        return
    # Imported here, so that programs that read JSON do not wait for it.
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    # A pipe has no width: nothing is truncated.
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 10_000)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    lines = [[_cell(row.get(key)) for key in columns] for row in rows]
    for number, heading in enumerate(columns.values()):
        # Names are not wrapped, sentences are.
        cells = [line[number] for line in lines]
        is_name = not any(" " in cell or len(cell) > MAX_NAME_LENGTH for cell in cells)
        table.add_column(heading, overflow="fold", no_wrap=is_name)
    for line in lines:
        # As `Text`, so that brackets in a value are not parsed as markup.
        table.add_row(*map(Text, line))
    with console.capture() as capture:
        console.print(table)
    # Without the spaces that fill the last column.
    for text in capture.get().splitlines():
        click.echo(text.rstrip())


def refuse_lone_surrogates(value: Any) -> None:
    """Exit with 65 if a value contains a text that cannot be written, instead of changing it."""
    if json.has_lone_surrogate(value):
        click.echo("Error: the result contains a lone surrogate, which is not Unicode", err=True)
        raise SystemExit(EXIT_DATA)


def write_json(value: Any) -> None:
    """Write `value` to stdout as JSON: indented on a terminal, one line in a pipe.

    Raises:
        SystemExit: It contains a lone surrogate, which cannot be written: with 65.
    """
    refuse_lone_surrogates(value)
    if sys.stdout.isatty():
        text = json.dumps_pretty(value).decode().replace("\r\n", "\n").rstrip("\n")
    else:
        text = json.dumps(value).decode()
    click.echo(printable(text))


def write_value(value: Any, format_: str) -> None:
    """Write the result of an action to stdout.

    Args:
        value: The value, in JSON types.
        format_: `json`, or `table`: a row for each object of a list, else for each member.
    """
    if format_ == "json":
        write_json(value)
    elif isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        write_rows(value, {key: key for row in value for key in row}, "table")
    else:
        pairs = value.items() if isinstance(value, dict) else [("value", value)]
        write_rows(
            [{"name": key, "value": item} for key, item in pairs],
            {"name": "Name", "value": "Value"},
            "table",
        )


def print_problems(problems: Sequence[str]) -> None:
    """Print the problems of an application to stderr; programs read the listing on stdout."""
    for problem in problems:
        for number, line in enumerate(problem.splitlines()):
            prefix = click.style("problem:", fg="red") if number == 0 else "        "
            click.echo(f"{prefix} {line}", err=True)


class StreamWriter:
    """Writes the items of a streaming action to a stream, one line each.

    Args:
        stdout: The stream.
        collect: Whether to collect the items instead, for a table.
    """

    def __init__(self, stdout: TextIO, *, collect: bool = False) -> None:
        self._stdout = stdout
        #: The collected items; `None` if they are written.
        self.items: list[Any] | None = [] if collect else None
        #: The error that ended the output: the reader has closed the pipe, or the disk is full.
        self.error: OSError | None = None

    async def __call__(self, item: Chunk | Item) -> bool:
        """Write or collect an item, and return whether more can be written."""
        if isinstance(item, Chunk):
            # Unchanged: `actionhero call export > file` writes the file.
            return self._write(item.content, newline=False)
        if self.items is not None:
            from actionhero.outputs import decode  # noqa: PLC0415 - imports pydantic

            self.items.append(decode(item.body))
            return True
        return self._write(printable(bytes(item.body).decode()), newline=True)

    def _write(self, content: bytes | str, *, newline: bool) -> bool:
        try:
            # It flushes, so that the reader gets each item immediately.
            click.echo(content, file=self._stdout, nl=newline)
        except OSError as error:
            self.error = error
            return False
        return True


def configure_logs(app: Application, *, level: str | None = None) -> None:
    """Configure logging to stderr from the settings.

    Args:
        app: The loaded application.
        level: Another default level; the setting overrides it.
    """
    settings = app.get(LoggerSettings)
    if level is None or app.settings.was_set(LoggerSettings, "level"):
        level = settings.level
    logs.configure(
        level=level,
        format=settings.resolve_format(app.environment, is_terminal=sys.stderr.isatty()),
        colors=None if settings.colors == "auto" else settings.colors == "always",
        root=app.settings.root if settings.has_short_tracebacks(app.environment) else None,
    )
    app.pipeline.call_log = logs.call_log


def printable(text: str) -> str:
    """Return JSON with escapes in place of characters that a terminal would interpret."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _cell(value: Any) -> str:
    """Return the text of a cell; control characters other than line breaks are escaped."""
    return "\n".join(map(escape, _text(value).split("\n")))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value).decode()
