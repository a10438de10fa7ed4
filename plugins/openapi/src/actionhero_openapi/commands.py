"""`actionhero openapi`: writes the document, or checks it for breaking changes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actionhero import MalformedRequest, RunMode
from actionhero.cli import EXIT_FAILED, format_option, write_rows
from actionhero.transport import dumps_pretty, loads
from actionhero_openapi.breaking import breaking_changes
from actionhero_openapi.document import openapi_document

if TYPE_CHECKING:
    from actionhero.cli import CommandContext


class _Document(click.ParamType[dict[str, Any]]):
    """The path of an OpenAPI document; its value is the document."""

    name = "file"
    _path = click.Path(exists=True, dir_okay=False, path_type=Path)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        path = Path(self._path.convert(value, param, ctx))
        try:
            document = loads(path.read_bytes())
        except MalformedRequest as error:
            self.fail(f"{str(path)!r} is not JSON: {error.message}", param, ctx)
        if not isinstance(document, dict) or not str(document.get("openapi")).startswith("3."):
            self.fail(
                f"{str(path)!r} is not an OpenAPI 3 document; use one written by "
                "'actionhero openapi --output'",
                param,
                ctx,
            )
        return document


@click.command()
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
    type=_Document(),
    help="List the changes that break clients of this earlier document; exit 1 if there are any.",
)
@format_option
@click.pass_obj
def openapi(
    context: CommandContext, output: Path | None, old: dict[str, Any] | None, format_: str
) -> None:
    """Write the OpenAPI document of the actions, or check it for breaking changes."""
    app = context.load(RunMode.CLI)
    app.raise_for_problems()
    document = openapi_document(app).to_dict()
    if output is not None:
        _write(output, _text(document))
    elif old is None:
        sys.stdout.write(_text(document))
    if old is None:
        return
    changes = breaking_changes(old, document)
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


def _text(document: dict[str, Any]) -> str:
    """Return the document with one value on a line, for readable diffs."""
    return dumps_pretty(document).decode().replace("\r\n", "\n").rstrip("\n") + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(path), error.strerror or str(error)) from error
