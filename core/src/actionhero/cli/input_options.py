"""The options of `actionhero call NAME`, which are the inputs of an action."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actionhero import json
from actionhero.errors import ABSENT
from actionhero.files import File
from actionhero.inputs.annotations import members

if TYPE_CHECKING:
    from actionhero.inputs.schema import InputField, InputSchema


def input_options(inputs: InputSchema) -> list[click.Parameter]:
    """Return an option for each input; the values of inputs with any name are one parameter."""
    options: list[click.Parameter] = [_option(n, field) for n, field in enumerate(inputs.fields)]
    if not options:
        # The members of a union, for example, have fields of their own.
        options += [_untyped_option(n, name) for n, name in enumerate(sorted(inputs.names))]
    if inputs.is_open:
        options.append(_OtherInputs(["others"], nargs=-1, type=click.UNPROCESSED))
    return options


def _option(number: int, field: InputField) -> click.Option:
    # A name of our own, because the name of a field is perhaps not an identifier.
    declarations = [f"input{number}:{field.name}"]
    names = dict.fromkeys((field.name, field.name.replace("_", "-")))
    declarations += [f"--{name}" for name in names]
    notes = [field.description or ""]
    if field.required:
        notes.append("[required]")
    elif field.default not in (ABSENT, None) and not field.secret:
        notes.append(f"[default: {_default_text(field.default)}]")
    types = [type_ for type_ in members(field.annotation) if isinstance(type_, type)]
    attributes: dict[str, Any] = {"help": " ".join(filter(None, notes)), "type": click.STRING}
    if bool in types:
        # Both `--verbose` and `--verbose false`; the pipeline parses the value.
        attributes |= {"is_flag": False, "flag_value": "true", "metavar": "[true|false]"}
    elif File in types:
        attributes |= {"type": _FilePath(), "metavar": "PATH"}
    else:
        attributes["metavar"] = _metavar(field, types)
    if field.is_list:
        attributes["multiple"] = True
    return _InputOption(declarations, **attributes)


def _untyped_option(number: int, name: str) -> click.Option:
    return _InputOption(
        [f"input{number}:{name}", f"--{name}"], type=click.STRING, multiple=True, metavar="TEXT"
    )


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

    def _parse_decls(self, decls: Any, expose_value: bool) -> tuple[str, list[str], list[str]]:
        first, *rest = decls
        _, options, secondary = super()._parse_decls(rest, expose_value)
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


def _metavar(field: InputField, types: list[type]) -> str:
    if field.is_structure:
        return "JSON"
    if any(issubclass(type_, int) for type_ in types):
        return "INTEGER"
    if any(issubclass(type_, float) for type_ in types):
        return "NUMBER"
    return "TEXT"


def _default_text(default: Any) -> str:
    try:
        return default if isinstance(default, str) else json.dumps(default).decode()
    except TypeError:
        return str(default)
