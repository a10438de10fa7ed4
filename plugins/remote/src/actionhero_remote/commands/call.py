"""`actionhero --url URL call NAME --field value …`: calls an action of a server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from actionhero import ActionNotFound, BootError, ConfigurationError, TypedError
from actionhero.cli import (
    ActionGroup,
    StreamWriter,
    action_command,
    described_options,
    reserve_stdout,
    unknown_action_command,
    write_error,
    write_value,
)
from actionhero.transport import new_identifier, run_interruptible
from actionhero_remote.commands.server import api_document, exit_with
from actionhero_remote.errors import ErrorResponse
from actionhero_remote.requests import ActionRequest
from actionhero_remote.responses import read_result
from actionhero_remote.selection import selected_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero_remote.client import RemoteServer
    from actionhero_remote.document import ApiDocument, RemoteAction
    from actionhero_remote.selection import ServerSelection


class RemoteActionGroup(ActionGroup):
    """A group with a command for each action of a server."""

    def completed_actions(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Return the names of the actions, without summaries."""
        return [(name, "") for name in self.list_commands(ctx)]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the actions."""
        try:
            return api_document(ctx).names
        except (BootError, SystemExit):
            if ctx.resilient_parsing:
                # Shell completion cannot show errors.
                return []
            raise

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of an action, also of one that does not exist."""
        if ctx.resilient_parsing and cmd_name not in self.list_commands(ctx):
            return None
        action = api_document(ctx).find(cmd_name)
        if action is None:
            return unknown_action_command(cmd_name, self.handle_action)
        return action_command(
            action.name,
            described_options(action.descriptions, is_open=action.is_open),
            self.handle_action,
            description=action.description,
            is_open=action.is_open,
        )

    def handle_action(
        self, context: click.Context, name: str, text: Mapping[str, list[Any]]
    ) -> None:
        """Call an action."""
        document = api_document(context)
        action = document.find(name)
        try:
            if action is None:
                raise ActionNotFound(document.unknown_message(name))
            request = ActionRequest(action, text, context.meta["idempotency_key"])
        except TypedError as error:
            write_error(error, new_identifier())
        _run(context, document, action, request)


@click.group(cls=RemoteActionGroup, subcommand_metavar="NAME [--FIELD VALUE]...")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["json", "table"]),
    default="json",
    show_default=True,
    help="JSON for programs, or a table for people.",
)
@click.option(
    "--idempotency-key",
    metavar="KEY",
    help="Identifies the call, so that an action with Idempotent runs once for all repetitions.",
)
@click.pass_context
def call(context: click.Context, format_: str, idempotency_key: str | None) -> None:
    """Call the action NAME of a server. Write its result to stdout as JSON, or its error to stderr.

    The options of this command precede NAME, the inputs of the action follow it.
    `call NAME --help` lists them.

    Exit codes: 0 success; 1 the action failed; 2 invalid usage; 65 invalid inputs;
    69 the server or a service is unavailable; 78 an invalid URL, profile or certificate.
    """
    context.meta["format"] = format_
    context.meta["idempotency_key"] = idempotency_key


def _run(
    context: click.Context, document: ApiDocument, action: RemoteAction, request: ActionRequest
) -> None:
    selection = selected_server(context)
    server = selection.connect()
    try:
        _call(context, server, document, action, request)
    finally:
        # After the result, which must not be lost.
        _store_session(selection, server)


def _call(
    context: click.Context,
    server: RemoteServer,
    document: ApiDocument,
    action: RemoteAction,
    request: ActionRequest,
) -> None:
    format_ = context.meta["format"]
    with reserve_stdout() as stdout:
        stream = StreamWriter(stdout, collect=format_ != "json")
        try:
            result = run_interruptible(_execute(server, document, action, request, stream))
            failure = None
        except ErrorResponse as error:
            result, failure = None, error
        except TypedError as error:
            write_error(error, new_identifier())
    if stream.error is not None:
        # The reader of stdout has closed the pipe: there is nothing to write.
        raise stream.error
    if failure is not None:
        exit_with(failure, selected_server(context))
    if result is not None:
        write_value(result.value, format_)
    elif stream.items:
        write_value(stream.items, format_)
    sys.exit(0)


async def _execute(
    server: RemoteServer,
    document: ApiDocument,
    action: RemoteAction,
    request: ActionRequest,
    stream: StreamWriter,
) -> Any:
    async with server, server.call(document, request) as response:
        return await read_result(response, action, stream)


def _store_session(selection: ServerSelection, server: RemoteServer) -> None:
    """Store the session by which the server has replaced that of the profile."""
    if server.renewed is None or server.renewed is server.credential:
        return
    try:
        selection.store(server.renewed)
    except ConfigurationError as error:
        click.echo(f"warning: the new session is not stored: {error}", err=True)
        click.echo(f"hint: {selection.login_hint}", err=True)
