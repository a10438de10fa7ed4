"""The server of a command: its document, and its errors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import click

from actionhero.cli import write_error_document
from actionhero.transport import run_interruptible
from actionhero_remote.errors import ErrorResponse
from actionhero_remote.selection import selected_server

if TYPE_CHECKING:
    from actionhero_remote.document import ApiDocument
    from actionhero_remote.selection import ServerSelection

_UNAUTHORIZED = 401


def api_document(context: click.Context) -> ApiDocument:
    """Return the document of the selected server, which is fetched once.

    Raises:
        BootError: There is no document.
    """
    document: ApiDocument | None = context.meta.get("api_document")
    if document is None:
        selection = selected_server(context)
        try:
            document = run_interruptible(fetch_document(selection))
        except ErrorResponse as error:
            exit_with(error, selection)
        context.meta["api_document"] = document
    return document


def exit_with(error: ErrorResponse, selection: ServerSelection | None) -> NoReturn:
    """Write an error document to stderr, with advice for a sign-in, and exit with its code."""
    write_error_document(error.document)
    if error.status == _UNAUTHORIZED and selection is not None:
        click.echo(f"hint: {selection.login_hint}", err=True)
    sys.exit(error.exit_code)


async def fetch_document(selection: ServerSelection) -> ApiDocument:
    """Return the document of a server.

    Raises:
        BootError: There is no document.
        ErrorResponse: The server refuses to serve it.
    """
    async with selection.connect() as server:
        return await server.document()
