"""The command of a document: it writes the document, and reports breaking changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actionhero import MalformedRequest, RunMode
from actionhero.cli import EXIT_FAILED, format_option, reserve_stdout, write_rows
from actionhero.transport import dumps_pretty, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero import Application
    from actionhero.cli import CommandContext
    from actionhero_openapi.breaking import Change


def document_command(
    key: str,
    title: str,
    help: str,
    create: Callable[[Application], dict[str, Any]],
    compare: Callable[[dict[str, Any], dict[str, Any]], Sequence[Change]],
) -> click.Command:
    """Return the command that writes a document, or checks it for breaking changes.

    Args:
        key: The key with the version of the format: `openapi` or `asyncapi`, as the command.
        title: The name of the format, with its first version number: `OpenAPI 3`.
        help: The description of the command.
        create: Returns the document of an application.
        compare: Returns the breaking changes from a document to a later one.
    """

    @click.command(key, help=help)
    @click.option(
        "--output",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the document to this file instead of the standard output.",
    )
    @click.option(
        "--check",
        "old",
        metavar="OLD.json",
        type=_DocumentFile(key, title),
        help="List the changes that break clients of this earlier document; exit 1 if there are "
        "any.",
    )
    @format_option
    @click.pass_obj
    def command(
        context: CommandContext, output: Path | None, old: dict[str, Any] | None, format_: str
    ) -> None:
        app = context.load(RunMode.CLI)
        app.raise_for_problems()
        # The code of the application may print.
        with reserve_stdout():
            document = create(app)
        if output is not None or old is None:
            _write_document(document, output)
        if old is not None:
            _write_changes(compare(old, document), format_)

    return command


class _DocumentFile(click.ParamType[dict[str, Any]]):
    """The path of a document; its value is the document.

    Args:
        key: The key with the version of the format: `openapi` or `asyncapi`, as the command.
        title: The name of the format, with its first version number: `OpenAPI 3`.
    """

    name = "file"
    _path = click.Path(exists=True, dir_okay=False, path_type=Path)

    def __init__(self, key: str, title: str) -> None:
        self._key = key
        self._title = title

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Read the document."""
        path = Path(self._path.convert(value, param, ctx))
        try:
            document = loads(path.read_bytes())
        except MalformedRequest as error:
            self.fail(f"{str(path)!r} is not JSON: {error.message}", param, ctx)
        if not isinstance(document, dict) or not str(document.get(self._key)).startswith("3."):
            self.fail(
                f"{str(path)!r} is not an {self._title} document; use one written by "
                f"'actionhero {self._key} --output'",
                param,
                ctx,
            )
        return document


def _write_document(document: dict[str, Any], path: Path | None) -> None:
    """Write a document to a file, or to the standard output, with one value on a line.

    Raises:
        click.FileError: The file cannot be written.
    """
    text = dumps_pretty(document).decode().replace("\r\n", "\n").rstrip("\n") + "\n"
    if path is None:
        click.echo(text, nl=False)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(path), error.strerror or str(error)) from error


def _write_changes(changes: Sequence[Change], format_: str) -> None:
    """List the breaking changes.

    Args:
        changes: The changes.
        format_: `table` or `json`.

    Raises:
        SystemExit: There are changes; the exit code is 1.
    """
    if changes or format_ == "json":
        write_rows(
            [change._asdict() for change in changes],
            {"operation": "Operation", "place": "Place", "change": "Breaking change"},
            format_,
        )
    if changes:
        count = "1 breaking change" if len(changes) == 1 else f"{len(changes)} breaking changes"
        click.echo(count, err=True)
        raise SystemExit(EXIT_FAILED)
    click.echo("no breaking changes", err=True)
