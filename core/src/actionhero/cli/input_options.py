"""The options of `actionhero call NAME`, which are the inputs of an action."""

from __future__ import annotations

import mimetypes
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from actionhero import json
from actionhero.errors import ABSENT
from actionhero.files import File
from actionhero.inputs.annotations import members, parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero.inputs.schema import InputField, InputSchema


InputKind = Literal["text", "integer", "number", "boolean", "file", "json"]

_METAVARS: Final[dict[InputKind, str]] = {
    "text": "TEXT",
    "integer": "INTEGER",
    "number": "NUMBER",
    "boolean": "[true|false]",
    "file": "PATH",
    "json": "JSON",
}


@dataclass(frozen=True, kw_only=True)
class InputDescription:
    """An input of an action, as its option shows it.

    Args:
        name: The name of the input.
        kind: The kind of its values.
        is_list: Whether the option can be repeated.
        description: The description of the input.
        required: Whether a call needs a value.
        default: The default as text; `None` if there is none to show.
        is_secret: Whether a prompt hides the value.
    """

    name: str
    kind: InputKind = "text"
    is_list: bool = False
    description: str = ""
    required: bool = False
    default: str | None = None
    is_secret: bool = False


def input_options(inputs: InputSchema) -> list[click.Parameter]:
    """Return an option for each input; the values of inputs with any name are one parameter."""
    descriptions = [_described(field) for field in inputs.fields]
    if not descriptions:
        # The members of a union, for example, have fields of their own.
        names = sorted(inputs.names)
        descriptions = [InputDescription(name=name, is_list=True) for name in names]
    return described_options(descriptions, is_open=inputs.is_open)


def described_options(
    inputs: Iterable[InputDescription], *, is_open: bool = False
) -> list[click.Parameter]:
    """Return an option for each input; the values of inputs with any name are one parameter.

    Args:
        inputs: The inputs.
        is_open: Whether the action accepts inputs of any name.
    """
    options: list[click.Parameter] = [_option(n, each) for n, each in enumerate(inputs)]
    if is_open:
        options.append(_OtherInputs(["others"], nargs=-1, type=click.UNPROCESSED))
    return options


def default_text(default: Any) -> str:
    """Return the default of an input as text: JSON, except for texts."""
    try:
        return default if isinstance(default, str) else json.dumps(default).decode()
    except TypeError:
        return str(default)


def _described(field: InputField) -> InputDescription:
    shows_default = field.default not in (ABSENT, None) and not field.secret
    return InputDescription(
        name=field.name,
        kind=_kind(field),
        is_list=field.is_list,
        description=field.description or "",
        required=field.required,
        default=default_text(field.default) if shows_default else None,
        is_secret=field.secret,
    )


def _kind(field: InputField) -> InputKind:
    types = [type_ for type_ in members(field.annotation) if isinstance(type_, type)]
    if bool in types:
        return "boolean"
    if File in parts(field.annotation):
        return "file"
    if field.is_structure:
        return "json"
    if any(issubclass(type_, int) for type_ in types):
        return "integer"
    if any(issubclass(type_, float) for type_ in types):
        return "number"
    return "text"


def _option(number: int, described: InputDescription) -> click.Option:
    name, kind = described.name, described.kind
    notes = [described.description]
    if described.required:
        notes.append("[required]")
    elif described.default is not None:
        notes.append(f"[default: {described.default}]")
    attributes: dict[str, Any] = {
        "help": " ".join(filter(None, notes)),
        "type": _FilePath() if kind == "file" else click.STRING,
        "metavar": _METAVARS[kind],
        "multiple": described.is_list,
    }
    if kind == "boolean":
        # Both `--verbose` and `--verbose false`; the pipeline parses the value.
        attributes |= {"is_flag": False, "flag_value": "true"}
    # A name of our own, because the name of a field is perhaps not an identifier.
    declarations = [f"input{number}:{name}"]
    declarations += [f"--{each}" for each in dict.fromkeys((name, name.replace("_", "-")))]
    option = _InputOption(declarations, **attributes)
    option.is_required_input = described.required
    return option


class _OtherInputs(click.Argument):
    """The options of inputs that an action accepts by any name."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> dict[str, list[str]]:
        text: dict[str, list[str]] = {}
        words = iter(value or ())
        for word in words:
            if not word.startswith("--") or word == "--":
                raise click.UsageError(f"unexpected argument {word!r}; write --name value", ctx)
            name, sign, content = word[2:].partition("=")
            if not sign and (content := next(words, None)) is None:
                raise click.UsageError(f"option {word!r} requires a value", ctx)
            text.setdefault(name, []).append(content)
        return text

    def make_metavar(self, ctx: click.Context) -> str:
        return "[--NAME VALUE]..."


class _InputOption(click.Option):
    """An option with the name `input<n>:<field>`, which click would reject."""

    #: Whether a call needs a value. The pipeline reports a missing one, with all other errors.
    is_required_input: bool = False

    def _parse_decls(self, decls: Any, expose_value: bool) -> tuple[str, list[str], list[str]]:
        first, *rest = decls
        # click derives a name of its own from the options, which fails for `filter[name]`.
        _, options, secondary = super()._parse_decls(["input", *rest], expose_value)
        return first, options, secondary


class _FilePath(click.ParamType[File]):
    """The path of a file, which the action receives like an uploaded file."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> File:
        path = Path(value)
        try:
            stream = path.open("rb")
        except OSError as error:
            self.fail(f"cannot read {value!r}: {error.strerror}", param, ctx)
        content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return File(path.name, content_type, os.fstat(stream.fileno()).st_size, stream)
