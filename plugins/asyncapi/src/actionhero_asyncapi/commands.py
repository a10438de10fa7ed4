"""`actionhero asyncapi`: writes the document, or checks it for breaking changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actionhero import RunMode
from actionhero.cli import format_option
from actionhero_asyncapi.breaking import breaking_changes
from actionhero_asyncapi.document import AsyncApiDocument
from actionhero_openapi import DocumentFile, write_changes, write_document

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
    type=DocumentFile("asyncapi", "AsyncAPI 3"),
    help="List the changes that break clients of this earlier document; exit 1 if there are any.",
)
@format_option
@click.pass_obj
def asyncapi(
    context: CommandContext, output: Path | None, old: dict[str, Any] | None, format_: str
) -> None:
    """Write the AsyncAPI document of channels and actions, or check it for breaking changes."""
    app = context.load(RunMode.CLI)
    app.raise_for_problems()
    document = AsyncApiDocument(app).to_dict()
    if output is not None or old is None:
        write_document(document, output)
    if old is not None:
        write_changes(breaking_changes(old, document), format_)
