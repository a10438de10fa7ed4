"""`actionhero openapi`: writes the document, or checks it for breaking changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actionhero import RunMode
from actionhero.cli import format_option, reserve_stdout
from actionhero_openapi.breaking import breaking_changes
from actionhero_openapi.document import openapi_document
from actionhero_openapi.document_files import DocumentFile, write_changes, write_document

if TYPE_CHECKING:
    from actionhero.cli import CommandContext


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
    type=DocumentFile("openapi", "OpenAPI 3"),
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
    with reserve_stdout():
        document = openapi_document(app).to_dict()
    if output is not None or old is None:
        write_document(document, output)
    if old is not None:
        write_changes(breaking_changes(old, document), format_)
