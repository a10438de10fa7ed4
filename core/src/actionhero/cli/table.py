"""Listings: a table for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from actionhero import json

Function = TypeVar("Function", bound=Callable[..., Any])

#: How many letters of a name are not folded on a narrow terminal.
LONGEST_NAME = 40

#: `--format table|json`, the same on every listing.
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
        rows: What is listed; JSON has every key.
        columns: The heading of each column of the table, by key.
        format_: `table` or `json`.
    """
    if format_ == "json":
        write_json(rows)
        return
    # Tables are for people, who wait; programs that ask for JSON do not pay for this import.
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    # In a pipe nothing is as wide as a terminal: cut nothing off.
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 10_000)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    lines = [[_cell(row.get(key)) for key in columns] for row in rows]
    for number, heading in enumerate(columns.values()):
        # Names stay in one piece, sentences are folded.
        cells = [line[number] for line in lines]
        is_name = not any(" " in cell or len(cell) > LONGEST_NAME for cell in cells)
        table.add_column(heading, overflow="fold", no_wrap=is_name)
    for line in lines:
        # As text, so that brackets in a value are not taken for markup.
        table.add_row(*map(Text, line))
    with console.capture() as capture:
        console.print(table)
    # Cells are filled up with spaces, the last of a line for nobody.
    for text in capture.get().splitlines():
        click.echo(text.rstrip())


def write_json(value: Any) -> None:
    """Write `value` to stdout as JSON: indented on a terminal, one line in a pipe."""
    if sys.stdout.isatty():
        text = json.dumps_pretty(value).decode().replace("\r\n", "\n").rstrip("\n")
    else:
        text = json.dumps(value).decode()
    click.echo(text)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value).decode()
