"""`actionhero call NAME --field value …`: an action from the shell."""

from __future__ import annotations

import mimetypes
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from actionhero import json
from actionhero.application import RunMode
from actionhero.cli.exit_codes import exit_code
from actionhero.cli.group import CommandContext
from actionhero.cli.logging import configure_logs
from actionhero.cli.stream_writer import ItemWriter
from actionhero.cli.table import write_json, write_rows
from actionhero.connection import Connection
from actionhero.errors import ABSENT, BootError, ConnectionTypeNotFound
from actionhero.files import File
from actionhero.identifier import new_identifier
from actionhero.inputs.annotations import members
from actionhero.inputs.payloads import TextPayload
from actionhero.json import encode
from actionhero.process import run_interruptible
from actionhero.streams import Stream
from actionhero.transport.error_document import error_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero.action import RegisteredAction
    from actionhero.app import App
    from actionhero.call import Outcome
    from actionhero.errors import TypedError
    from actionhero.inputs.schema import InputField

    Take = Callable[[click.Context, str, Mapping[str, list[Any]]], None]


class ActionGroup(click.Group):
    """A command for each action, whose options are made from the action's inputs.

    Other commands that take an action as a word subclass it, and say what is done with it.
    """

    def take(self, context: click.Context, name: str, text: Mapping[str, list[Any]]) -> None:
        """Do what the command is for. This one calls the action.

        Args:
            context: Of the command line.
            name: What was typed; perhaps no action has that name.
            text: What was given for the inputs.
        """
        _run(context, name, text)

    def list_commands(self, ctx: click.Context) -> list[str]:
        try:
            return [action.name for action in loaded_app(ctx).actions]
        except BootError:
            if ctx.resilient_parsing:
                # A shell that completes a word has no place for what is wrong.
                return []
            raise

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if ctx.resilient_parsing and cmd_name not in self.list_commands(ctx):
            return None
        app = loaded_app(ctx)
        if cmd_name in app.actions:
            return _command(app.actions.find(cmd_name), self.take)
        # The corridor says that there is no such action, in the same words as at every door.
        return click.Command(
            cmd_name,
            callback=lambda rest: self.take(ctx, cmd_name, {}),
            params=[click.Argument(["rest"], nargs=-1, type=click.UNPROCESSED)],
            context_settings={"ignore_unknown_options": True},
            add_help_option=False,
        )


@click.group(cls=ActionGroup, subcommand_metavar="NAME [--FIELD VALUE]...")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["json", "table"]),
    default="json",
    show_default=True,
    help="JSON for programs, or a table for people.",
)
@click.pass_context
def call(context: click.Context, format_: str) -> None:
    """Call the action NAME; its value goes to stdout as JSON, an error to stderr.

    Options of this command stand before NAME, the action's own inputs after it.
    `actionhero call NAME --help` lists them.

    Exit codes: 0 a value; 1 the action failed; 2 wrong usage; 65 invalid inputs;
    69 a service is unavailable; 78 settings or plugins are wrong.
    """
    context.meta["format"] = format_


def loaded_app(context: click.Context) -> App:
    """Return the application that a command line is about, loaded once.

    Raises:
        PluginError: Something is wrong with it.
    """
    app: App | None = context.meta.get("app")
    if app is None:
        # A shell that completes a word parses the options before the command and runs nothing.
        command_context = context.obj or CommandContext(context.find_root().params)
        app = command_context.load(RunMode.CLI)
        # An operator who reads JSON from a pipe wants no line per call beside it.
        configure_logs(app, level="warn")
        app.refuse_problems()
        context.meta["app"] = app
    return app


def _command(action: RegisteredAction, take: Take) -> click.Command:
    """Return the command of one action."""

    @click.pass_context
    def callback(context: click.Context, /, **values: Any) -> None:
        text = {
            name.partition(":")[2]: list(value) if isinstance(value, tuple) else [value]
            for name, value in values.items()
            if value is not None and value != ()
        }
        take(context, action.name, text)

    return click.Command(
        action.name,
        callback=callback,
        params=[_option(number, field) for number, field in enumerate(action.inputs.fields)],
        help=action.description,
        short_help=action.summary,
    )


def _option(number: int, field: InputField) -> click.Option:
    # The name is ours, so that a field may be called anything at all.
    declarations = [f"input{number}:{field.name}"]
    spelled = field.name.replace("_", "-")
    declarations += [f"--{name}" for name in dict.fromkeys((field.name, spelled))]
    notes = [field.description or ""]
    if field.required:
        notes.append("[required]")
    elif field.default not in (ABSENT, None) and not field.secret:
        notes.append(f"[default: {_shown(field.default)}]")
    kinds = [kind for kind in members(field.annotation) if isinstance(kind, type)]
    attributes: dict[str, Any] = {"help": " ".join(filter(None, notes)), "type": click.STRING}
    option: type[click.Option] = _TextOption
    if bool in kinds:
        # Both `--verbose` and `--verbose false`; the corridor reads what was written.
        attributes |= {"is_flag": False, "flag_value": "true", "metavar": "[true|false]"}
    elif File in kinds:
        attributes |= {"type": _FilePath(), "metavar": "PATH"}
    else:
        attributes["metavar"] = _metavar(field, kinds)
    if field.is_list:
        attributes["multiple"] = True
    return option(declarations, **attributes)


class _TextOption(click.Option):
    """An option whose name inside is `input<n>:<field>`, which click would refuse."""

    def _parse_decls(self, decls: Any, expose_value: bool) -> tuple[str, list[str], list[str]]:
        first, *rest = decls
        _, options, secondary = super()._parse_decls(rest, expose_value)
        return first, options, secondary


class _FilePath(click.ParamType[File]):
    """A path of the caller's own, which the action gets as an uploaded file."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> File:
        path = Path(value)
        try:
            stream = path.open("rb")
        except OSError as error:
            self.fail(f"cannot read {value!r}: {error.strerror}", param, ctx)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return File(path.name, kind, os.fstat(stream.fileno()).st_size, stream)


def _metavar(field: InputField, kinds: list[type]) -> str:
    if field.is_structure:
        return "JSON"
    if any(issubclass(kind, int) for kind in kinds):
        return "INTEGER"
    if any(issubclass(kind, float) for kind in kinds):
        return "NUMBER"
    return "TEXT"


def _shown(default: Any) -> str:
    try:
        return default if isinstance(default, str) else json.dumps(default).decode()
    except TypeError:
        return str(default)


def _run(context: click.Context, name: str, text: Mapping[str, list[Any]]) -> None:
    app = loaded_app(context)
    request_id = new_identifier()
    format_ = context.meta["format"]
    items: ItemWriter | None = None
    if name in app.actions and app.actions.find(name).streams:
        items = ItemWriter(collects=format_ != "json")
    outcome, failure = run_interruptible(_execute(app, name, text, request_id, items))
    if items is not None and items.failure is not None:
        # Nobody is left to whom anything could be told.
        raise items.failure
    if outcome.error is not None:
        write_error(outcome.error, request_id, outcome.stack)
    if items is not None and (outcome.value is None or isinstance(outcome.value, Stream)):
        if items.kept:
            _write_value(items.kept, format_, request_id)
    else:
        _write_value(outcome.value, format_, request_id)
    if failure is not None:
        raise failure


async def _execute(
    app: App,
    name: str,
    text: Mapping[str, list[Any]],
    request_id: str,
    items: ItemWriter | None,
) -> tuple[Outcome, BootError | None]:
    """Return what came of the call, and what failed while everything was stopped after it."""
    await app.start()
    failure: BootError | None = None
    try:
        outcome = await app.pipeline.execute(
            Connection("cli"), name, TextPayload(text), request_id=request_id, sink=items
        )
    finally:
        # What the action did is done and has a value, whatever fails now.
        try:
            await app.stop()
        except BootError as error:
            failure = error
    return outcome, failure


def _write_value(value: Any, format_: str, request_id: str) -> None:
    try:
        encoded = encode(value)
    except TypeError:
        # Such as a file, or a redirect: the door's own kind of answer.
        write_error(
            ConnectionTypeNotFound("What this action answers cannot be told on a command line"),
            request_id,
        )
    plain = json.loads(encoded)
    if format_ == "json":
        write_json(plain)
    elif isinstance(plain, list) and plain and all(isinstance(row, dict) for row in plain):
        write_rows(plain, {key: key for row in plain for key in row}, "table")
    else:
        pairs = plain.items() if isinstance(plain, dict) else [("value", plain)]
        write_rows(
            [{"name": key, "value": item} for key, item in pairs],
            {"name": "Name", "value": "Value"},
            "table",
        )


def write_error(error: TypedError, request_id: str, stack: str | None = None) -> NoReturn:
    """Write the envelope of a failure to stderr, and exit with the code that tells its type."""
    document = error_document(
        error,
        timestamp_ms=time.time_ns() // 1_000_000,
        request_id=request_id,
        stack=stack,
    )
    click.echo(json.dumps(document).decode(), err=True)
    sys.exit(exit_code(error.type))
