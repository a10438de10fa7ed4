"""Inputs with very many errors: as many as are reported are collected."""

from __future__ import annotations

import enum
import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator

from actionhero import Action, Inputs, InvalidInput, Secret
from actionhero.inputs.schema import InputSchema
from actionhero.inputs.unsupported import MAX_PROBLEMS
from actionhero.pipeline.error_handling import MAX_MESSAGE_LENGTH
from actionhero.testing import running_app
from actionhero.transport import JsonPayload, MixedPayload, ParsedPayload, TextPayload

MANY = MAX_PROBLEMS + 500


class Level(enum.IntEnum):
    LOW = 1


class One(BaseModel):
    kind: Literal["one"]


class Two(BaseModel):
    kind: Literal["two"]


class Tree(BaseModel):
    value: int
    children: list[Tree] = []


class Many(Inputs):
    numbers: list[int] | None = None
    either: list[int | str] = []
    floats: list[int | float] = []
    anything: list[Any] = []
    levels: list[Level] = []
    literals: list[Literal[1]] = []
    rows: list[list[int]] = []
    trees: list[Tree] = []
    unique: set[int] = set()
    table: dict[str, int] = {}
    choice: Annotated[One | Two, Field(discriminator="kind")] | None = None
    other: int = 0


SCHEMA = InputSchema(Many)


def payloads(values: dict[str, Any]) -> list[Any]:
    body = json.dumps(values).encode()
    return [
        JsonPayload(body),
        ParsedPayload(values),
        MixedPayload({"other": ["1"]}, body, {}),
        MixedPayload({}, values, {"other": ["1"]}),
    ]


@pytest.mark.parametrize(
    ("values", "pointer", "is_list"),
    [
        ({"numbers": ["x"] * MANY}, "/numbers/0", True),
        ({"rows": [[], *[["x"]] * MANY]}, "/rows/1/0", True),
        ({"trees": [{}] * MANY}, "/trees/0/value", True),
        ({"unique": [str(number) for number in range(MANY)]}, "/unique/0", True),
        ({"numbers": [1.0, "x"] * MANY}, "/numbers/1", True),
        ({"table": {str(number): "x" for number in range(MANY)}}, "/table/0", False),
        ({"anything": ["\0"] * MANY}, "/anything/0", False),
    ],
)
def test_the_first_errors_are_reported(values: dict[str, Any], pointer: str, is_list: bool) -> None:
    """Of a list the first one; the response is not a hundred times as large as the request."""
    for payload in payloads(values):
        with pytest.raises(InvalidInput) as raised:
            payload.parse(SCHEMA)

        problems = raised.value.problems
        assert problems[0].pointer == pointer
        assert len(problems) == (1 if is_list else MAX_PROBLEMS)


def test_texts_have_as_many_errors() -> None:
    """Also items of an array in a text."""
    for texts in (["x"] * MANY, [json.dumps(["x"] * MANY)]):
        with pytest.raises(InvalidInput) as raised:
            TextPayload({"numbers": texts}).parse(SCHEMA)

        assert [problem.pointer for problem in raised.value.problems] == ["/numbers/0"]


def test_a_few_errors_are_all_reported() -> None:
    """Also several of one list."""
    for payload in payloads({"numbers": ["x"] * MAX_PROBLEMS}):
        with pytest.raises(InvalidInput) as raised:
            payload.parse(SCHEMA)

        assert len(raised.value.problems) == MAX_PROBLEMS


def test_many_floats_without_fraction_are_integers() -> None:
    """Those of other fields stay as they are."""
    ones = [1.0] * MANY
    names = ("numbers", "either", "floats", "anything", "levels", "literals", "unique")
    values = dict.fromkeys(names, ones) | {
        "rows": [ones, ones],
        "table": {str(number): 1.0 for number in range(MANY)},
        "trees": [{"value": 1.0, "children": [{"value": 2.0}]}] * MANY,
    }

    for payload in payloads(values):
        inputs = payload.parse(SCHEMA)

        assert set(map(type, inputs.numbers)) == set(map(type, inputs.either)) == {int}
        assert set(map(type, inputs.rows[1])) == set(map(type, inputs.table.values())) == {int}
        assert set(map(type, inputs.floats)) == set(map(type, inputs.anything)) == {float}
        assert set(inputs.levels) == {Level.LOW}
        assert inputs.literals == [1] * MANY
        assert inputs.trees[-1] == Tree(value=1, children=[Tree(value=2)])


async def test_a_message_does_not_repeat_a_long_input() -> None:
    """As the value, it is cut, once secrets are removed from it."""

    class Sign(Many):
        password: Secret[str] = ""

        @field_validator("password")
        @classmethod
        def is_strong(cls, value: str) -> str:
            raise ValueError(f"the password {value} is weak")

    class Check(Action):
        """Check inputs."""

        name = "check"

        async def run(self, inputs: Sign) -> None:
            pass

    async with running_app(Check) as app:
        with pytest.raises(InvalidInput) as raised:
            await app.call("check", choice={"kind": "x" * 5000}, password="hunter2" * 500)

    first, second = raised.value.problems
    assert raised.value.message == first.message
    assert len(first.message) == MAX_MESSAGE_LENGTH + 1
    assert first.message.startswith("Input tag 'xxx")
    assert second.message == "the password [redacted] is weak"


def test_unknown_names_are_not_all_listed() -> None:
    """As over transports that refuse them."""
    values = {f"name{number}": 1 for number in range(MANY)}

    with pytest.raises(InvalidInput) as raised:
        ParsedPayload(values, refuse_unknown=True).parse(SCHEMA)

    assert len(raised.value.problems) == MAX_PROBLEMS
