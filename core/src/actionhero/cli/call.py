"""`actionhero call NAME --field value …`: calls an action from the shell."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actionhero.cli.action_names import ActionNameCache
from actionhero.cli.command_context import CommandContext
from actionhero.cli.error_output import write_error
from actionhero.cli.input_options import input_options
from actionhero.cli.operations import record_call
from actionhero.cli.output import (
    StreamWriter,
    refuse_lone_surrogates,
    write_value,
)
from actionhero.cli.standard_streams import reserve_stdout
from actionhero.cli.suggestions import settings_elsewhere
from actionhero.errors import ActionNotFound, BootError, ConnectionTypeNotFound, TypedError
from actionhero.identifier import new_identifier
from actionhero.inputs.payloads import TextPayload
from actionhero.logs import request_id as current_request_id
from actionhero.outputs import outcome_value
from actionhero.process import run_interruptible
from actionhero.settings import AppSettings
from actionhero.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from click.shell_completion import CompletionItem

    from actionhero.app import App
    from actionhero.call import Outcome
    from actionhero.connection import Connection

    Handler = Callable[[click.Context, str, Mapping[str, list[Any]]], None]


class ActionGroup(click.Group):
    """A group with a command for each action, whose options are the inputs of the action.

    Other commands with an action as argument subclass it, and override `handle_action`.
    """

    def handle_action(
        self, context: click.Context, name: str, text: Mapping[str, list[Any]]
    ) -> None:
        """Handle an action. This implementation calls it.

        Args:
            context: The context of the command.
            name: The name of the action; perhaps it does not exist.
            text: The values of the options, by input.
        """
        _run(context, name, text)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options of the command, which precede the name of the action."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            # The program reports its own options with their place.
            program = ctx.find_root().command
            is_of_program = any(error.option_name in item.opts for item in program.params)
            if error.possibilities or is_of_program:
                raise
            raise click.UsageError(
                f"No such option {error.option_name!r} of {ctx.command_path!r}; the inputs of an "
                f"action follow its name: {ctx.command_path} NAME {error.option_name} …",
                ctx,
            ) from None

    def completed_actions(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        """Return name and summary of each action, for shell completion."""
        command_context = ctx.obj or CommandContext(ctx.find_root().params)
        return ActionNameCache(command_context.sources()).actions(
            lambda: [(action.name, action.summary) for action in loaded_app(ctx).actions]
        )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """Complete the name of an action, or an option of the command."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415

        items: list[CompletionItem[Any]] = []
        # Shells cannot show errors.
        with contextlib.suppress(BootError):
            items = [
                CompletionItem(name, help=summary)
                for name, summary in self.completed_actions(ctx)
                if name.startswith(incomplete)
            ]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def list_commands(self, ctx: click.Context) -> list[str]:
        try:
            return [action.name for action in loaded_app(ctx).actions]
        except BootError:
            if ctx.resilient_parsing:
                # Shell completion cannot show errors.
                return []
            raise

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if ctx.resilient_parsing and cmd_name not in self.list_commands(ctx):
            return None
        app = loaded_app(ctx)
        if cmd_name in app.actions:
            action = app.actions.find(cmd_name)
            return action_command(
                action.name,
                input_options(action.inputs),
                self.handle_action,
                description=action.description,
                is_open=action.inputs.is_open,
            )
        # The pipeline reports an unknown action, with the same message over every transport.
        return unknown_action_command(cmd_name, self.handle_action)


@click.group(cls=ActionGroup, subcommand_metavar="NAME [--FIELD VALUE]...")
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
    """Call the action NAME. Write its result to stdout as JSON, or its error to stderr.

    The options of this command precede NAME, the inputs of the action follow it.
    `actionhero call NAME --help` lists them.

    Exit codes: 0 success; 1 the action failed; 2 invalid usage; 65 invalid inputs;
    69 a service is unavailable; 70 an initializer failed to start or to stop; 78 invalid settings
    or plugins.
    """
    context.meta["format"] = format_
    context.meta["idempotency_key"] = idempotency_key


def loaded_app(context: click.Context) -> App:
    """Return the application of a command, which is loaded once.

    Raises:
        PluginError: The application has problems.
    """
    app: App | None = context.meta.get("app")
    if app is None:
        # Shell completion parses the options before the command without running the group.
        command_context = context.obj or CommandContext(context.find_root().params)
        app = context.meta["app"] = command_context.load_app()
    return app


def action_command(
    name: str,
    options: list[click.Parameter],
    handler: Handler,
    *,
    description: str = "",
    is_open: bool = False,
) -> click.Command:
    """Return the command of an action.

    Args:
        name: The name of the action.
        options: The options of its inputs, from `described_options`.
        handler: Receives the context of the command, the name of the action, and the values of
            the options by input.
        description: The description of the action.
        is_open: Whether the action accepts inputs of any name.
    """

    @click.pass_context
    def callback(context: click.Context, /, **values: Any) -> None:
        text = {
            name.partition(":")[2]: list(value) if isinstance(value, tuple) else [value]
            for name, value in values.items()
            if value is not None and value != () and name != "others"
        }
        text.update(values.get("others") or {})
        handler(context, name, text)

    return click.Command(
        name,
        callback=callback,
        params=options,
        help=description,
        short_help=description.strip().partition("\n")[0],
        context_settings={"ignore_unknown_options": is_open},
    )


def unknown_action_command(name: str, handler: Handler) -> click.Command:
    """Return the command of an action that does not exist, with any arguments.

    Args:
        name: The name of the action.
        handler: See `action_command`; it reports the error.
    """

    @click.pass_context
    def callback(context: click.Context, /, rest: tuple[str, ...]) -> None:
        handler(context, name, {})

    return click.Command(
        name,
        callback=callback,
        params=[click.Argument(["rest"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
        add_help_option=False,
    )


def _run(context: click.Context, name: str, text: Mapping[str, list[Any]]) -> None:
    app = loaded_app(context)
    request_id = new_identifier()
    format_ = context.meta["format"]
    idempotency_key = context.meta["idempotency_key"]
    stream: StreamWriter | None = None
    with reserve_stdout() as stdout:
        if name in app.actions and app.actions.find(name).streams:
            stream = StreamWriter(stdout, collect=format_ != "json")
        connection = context.obj.connection()
        outcome, stop_error = run_interruptible(
            _execute(app, connection, name, text, request_id, stream, idempotency_key)
        )
    if stream is not None and stream.error is not None:
        # The reader of stdout has closed the pipe, or the disk is full: there is nothing to write.
        raise stream.error
    if outcome.error is not None:
        write_error(outcome.error, request_id, outcome.stack, note=_note(app, outcome.error))
    if stream is not None and (outcome.value is None or isinstance(outcome.value, Stream)):
        if stream.items:
            write_value(stream.items, format_)
    else:
        # Before it is encoded, which replaces them.
        refuse_lone_surrogates(outcome.value)
        try:
            value = outcome_value(outcome)
        except ConnectionTypeNotFound:
            # For example a file, or a redirect of the HTTP transport.
            unsupported = (
                "This response type is not supported on the command line: "
                f"{type(outcome.value).__name__} of action {name!r}"
            )
            write_error(ConnectionTypeNotFound(unsupported), request_id)
        except TypeError as error:
            message = f"The result of {name!r} cannot be encoded: {error}"
            write_error(TypedError(message), request_id)
        write_value(value, format_)
    if stop_error is not None:
        raise stop_error


def _note(app: App, error: TypedError) -> str | None:
    """Return a remedy for an unknown action; perhaps the application is in another folder."""
    if not isinstance(error, ActionNotFound):
        return None
    hint = settings_elsewhere(Path.cwd()) if app.get(AppSettings).package is None else None
    return hint or "actionhero actions lists all actions"


async def _execute(
    app: App,
    connection: Connection,
    name: str,
    text: Mapping[str, list[Any]],
    request_id: str,
    sink: StreamWriter | None,
    idempotency_key: str | None,
) -> tuple[Outcome, BootError | None]:
    """Start the application, execute a call, and return its outcome and the error of the stop."""
    await app.start()
    stop_error: BootError | None = None
    current_request_id.set(request_id)
    try:
        payload = TextPayload(text)
        outcome = await app.pipeline.execute(
            connection,
            name,
            payload,
            request_id=request_id,
            sink=sink,
            idempotency_key=idempotency_key,
        )
        if connection.principal is not None and name in app.actions:
            record_call(app, connection, app.actions.find(name), payload, outcome)
    finally:
        # The outcome is written even if the stop fails.
        try:
            await app.stop()
        except BootError as error:
            stop_error = error
    return outcome, stop_error
