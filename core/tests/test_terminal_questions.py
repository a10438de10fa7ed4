"""Questions of actions on the terminal."""

from __future__ import annotations

import sys
from enum import Enum
from typing import TYPE_CHECKING

import click
from click.testing import CliRunner
from pydantic import SecretStr

from actionhero import Answer, Inputs, Secret
from actionhero.cli.questions import ask_on_terminal

if TYPE_CHECKING:
    import pytest


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Choice(Inputs):
    color: Color = Color.RED
    tags: list[str] = ["a", "b"]
    size: int = 3
    name: str | None = None
    password: SecretStr = SecretStr("hunter2")
    token: Secret[str] = "a-long-token"


def ask(monkeypatch: pytest.MonkeyPatch, typed: str) -> tuple[Answer[Choice], str]:
    """Return the answer to a question on a terminal, and the output."""
    answers: list[Answer[Choice]] = []

    @click.command()
    def command() -> None:
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        answers.append(ask_on_terminal("Which one?", Choice))

    result = CliRunner().invoke(command, input=typed)
    assert result.exception is None, result.exception
    return answers[0], result.output


def test_enter_selects_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any type; the prompt shows it, except for secrets."""
    answer, output = ask(monkeypatch, "\n" * 6)

    assert answer.value == Choice()
    assert "color [red]: " in output
    assert "size [3]: " in output
    assert "name: " in output
    assert "password: " in output
    assert "hunter2" not in output
    assert "a-long-token" not in output
    assert "*" not in output


def test_other_answers_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until they are valid."""
    answer, output = ask(monkeypatch, "green\n\n\n\n\n\nblue\nc\n5\nAda\nsecret\ntoken\n")

    password = SecretStr("secret")
    assert answer.value == Choice(
        color=Color.BLUE, tags=["c"], size=5, name="Ada", password=password, token="token"
    )
    assert "/color: " in output
    assert "secret" not in output.replace("/", "")
