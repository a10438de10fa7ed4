"""Questions of actions to the user of the command line."""

from __future__ import annotations

import sys
from enum import Enum
from typing import TYPE_CHECKING, Any

import click

from actionhero.answer import Answer
from actionhero.errors import ABSENT, ConnectionTypeNotFound, InvalidInput
from actionhero.inputs.schema import InputSchema

if TYPE_CHECKING:
    from actionhero.inputs.fields import InputField


def ask_on_terminal(question: str, type_: Any) -> Answer[Any]:
    """Ask a question on the terminal, field by field, until the answer is valid.

    Ctrl+C and the end of the input cancel the question.

    Raises:
        ConnectionTypeNotFound: The standard input is no terminal.
    """
    if not sys.stdin.isatty():
        raise ConnectionTypeNotFound(
            "This action asks the user a question; run the command in a terminal"
        )
    schema = InputSchema(type_)
    click.echo(question, err=True)
    try:
        while True:
            texts = {field.name: _prompt(field, schema) for field in schema.fields}
            # The defaults are those of the schema: their text may be another value, or none.
            answers = {name: [text] for name, text in texts.items() if text}
            try:
                return Answer("accept", schema.from_text(answers))
            except InvalidInput as error:
                for problem in error.problems:
                    click.echo(f"{problem.pointer}: {problem.message}", err=True)
    except click.Abort:
        return Answer("cancel")


def _prompt(field: InputField, schema: InputSchema) -> str:
    """Return the text for a field; empty for its default."""
    text = f"  {field.description or field.name}"
    default = field.default
    if default not in (ABSENT, None, "") and field.name not in schema.sensitive_names:
        text += f" [{default.value if isinstance(default, Enum) else default}]"
    answer: str = click.prompt(
        text, default="", show_default=False, hide_input=field.secret, err=True
    )
    return answer
