"""Inputs with very many errors: as many as are reported are collected."""

from __future__ import annotations

import enum
import json
from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Json,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from actionhero import Action, Field, Inputs, InvalidInput, Secret
from actionhero.inputs import validation, validators
from actionhero.inputs.error_estimates import MAX_ERRORS
from actionhero.inputs.problems import MAX_NAME_LENGTH, MAX_POINTER_LENGTH
from actionhero.inputs.schema import InputSchema
from actionhero.inputs.unsupported import MAX_PROBLEMS
from actionhero.inputs.validation import Validators
from actionhero.inputs.validators import validator_of
from actionhero.pipeline.error_handling import MAX_MESSAGE_LENGTH, MAX_PROBLEMS_LENGTH
from actionhero.testing import running_app
from actionhero.transport import JsonPayload, MixedPayload, ParsedPayload, TextPayload

if TYPE_CHECKING:
    from collections.abc import Callable

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


class Six(BaseModel):
    a: int
    b: int
    c: int
    d: int
    e: int
    f: int


class Other(BaseModel):
    g: int


class Branch(BaseModel):
    value: int
    name: str
    left: Branch | None = None
    right: Branch | None = None


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    x: int


class ClosedPair(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: Any
    other: int = 0


class Pair(NamedTuple):
    x: int
    y: int


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
        ({"table": {str(number): "x" for number in range(MANY)}}, "/table/0", True),
        ({"anything": ["\0"] * MANY}, "/anything/0", False),
    ],
)
def test_the_first_errors_are_reported(values: dict[str, Any], pointer: str, is_list: bool) -> None:
    """Of a container the first one; the response is not a hundred times as large as the request."""
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


def binary_tree(depth: int) -> dict[str, Any]:
    return {"left": binary_tree(depth - 1), "right": binary_tree(depth - 1)} if depth else {}


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The number of errors, and the length of all names in them, of each failed validation."""
    created: list[tuple[int, int]] = []

    class Recorder:
        def __init__(self, schema: Any) -> None:
            validator = validator_of(schema)
            self.validate_json = self.recorded(validator.validate_json)
            self.validate_python = self.recorded(validator.validate_python)

        def recorded(self, validate: Callable[..., Any]) -> Callable[..., Any]:
            def recorded(*arguments: Any, **options: Any) -> Any:
                try:
                    return validate(*arguments, **options)
                except ValidationError as error:
                    errors = error.errors(include_input=False)
                    parts = (str(part) for detail in errors for part in detail["loc"])
                    created.append((len(errors), sum(map(len, parts))))
                    raise

            return recorded

    init = Validators.__init__

    def without_own_validator(self: Any, schema: Any, _: Any = None, *, is_open: bool) -> None:
        init(self, schema, is_open=is_open)

    monkeypatch.setattr(Validators, "__init__", without_own_validator)
    monkeypatch.setattr(validation, "validator_of", Recorder)
    monkeypatch.setattr(validators, "validator_of", Recorder)
    return created


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (list[Six], [{}] * 5000),
        (list[int], ["x"] * 20_000),
        (set[int], [f"x{number}" for number in range(20_000)]),
        (frozenset[int], [f"x{number}" for number in range(20_000)]),
        (tuple[int, ...], ["x"] * 20_000),
        (deque[int], ["x"] * 20_000),
        (dict[str, int], {str(number): "x" for number in range(20_000)}),
        (dict[int, str], {f"x{number}": "" for number in range(20_000)}),
        (dict[str, Six], {str(number): {} for number in range(5000)}),
        (OrderedDict[str, int], {str(number): "x" for number in range(20_000)}),
        (Counter[str], {str(number): "x" for number in range(20_000)}),
        (list[int | list[int] | dict[str, int]], [["x"]] * 5000),
        (list[list[int] | list[float]], [["x"]] * 8000),
        (list[Six | Other], [{}] * 3000),
        (list[tuple[int, Six]], [["x", {}]] * 3000),
        (dict[str, list[Six]], {str(number): [{}] * 10 for number in range(500)}),
        (Json[list[Six]], json.dumps([{}] * 5000)),
        (Branch, binary_tree(12)),
        (dict[str, Closed], {"k" * 900: {str(number): 1 for number in range(20_000)}}),
        (dict[str, Pair], {"k" * 900: [1] * 20_000}),
        (list[Pair], [[]] * 9000),
        (list[tuple[int, int, int, int]], [[]] * 9000),
        (list[tuple[int, int, int, int]], [["x"]] * 4000),
        (Json[list[tuple[int, int, int, int]]], json.dumps([[]] * 9000)),
        (Closed, {"x": 1, **{str(number): 1 for number in range(20_000)}}),
        (dict[str, list[int]], {"k" * 50_000: ["x"] * 1000}),
        (dict[str, dict[str, Six]], {"k" * 50_000: {str(number): {} for number in range(100)}}),
    ],
    ids=lambda parameter: str(parameter)[:40],
)
def test_validation_stops_before_it_has_too_many_errors(
    type_: Any, value: Any, created: list[tuple[int, int]]
) -> None:
    """From every source; to create them would take seconds and gigabytes."""
    schema = InputSchema(create_model("One", value=(type_, ...), other=(int, 0)))
    text = value if isinstance(value, str) else json.dumps(value)
    for payload in (*payloads({"value": value}), TextPayload({"value": [text]})):
        with pytest.raises(InvalidInput) as raised:
            payload.parse(schema)

        assert len(raised.value.problems) <= MAX_PROBLEMS
    assert max(errors for errors, _ in created) <= MAX_ERRORS
    assert max(length for _, length in created) <= 10_000_000


def test_undeclared_inputs_are_bounded(created: list[tuple[int, int]]) -> None:
    """Also of a model that contains no other value of any length."""
    schema = InputSchema(ClosedPair)
    values = {str(number): 1 for number in range(20_000)} | {"value": 1}

    for payload in payloads(values):
        with pytest.raises(InvalidInput, match="errors are listed for smaller inputs only"):
            payload.parse(schema)

    assert max(errors for errors, _ in created) <= MAX_ERRORS


@pytest.mark.parametrize("closed", [{"x": 1}, {"x": 1, "unknown": 1}])
def test_errors_beside_objects_that_refuse_undeclared_names_are_listed(closed: Any) -> None:
    """One object that is large is no reason to hide the errors of others."""

    class Import(Inputs):
        model_config = ConfigDict(extra="forbid")

        table: dict[str, int]
        closed: Closed
        other: int = 0

    class OpenImport(Import):
        model_config = ConfigDict(extra="ignore")

    table: dict[str, Any] = {str(number): 1 for number in range(20_000)}
    values = {"table": table | {"17": "x"}, "closed": closed}
    for type_ in (Import, OpenImport):
        for payload in payloads(values):
            with pytest.raises(InvalidInput) as raised:
                payload.parse(InputSchema(type_))

            assert [problem.pointer for problem in raised.value.problems] == ["/table/17"]


class Search(Inputs):
    """Its validator changes its argument, and counts its calls."""

    calls: ClassVar[int] = 0

    tags: list[str] = []
    q: str
    n: int
    other: int = 0

    @model_validator(mode="before")
    @classmethod
    def rename(cls, data: Any) -> Any:
        cls.calls += 1
        data["q"] = data.pop("query")
        return data


@pytest.mark.parametrize(
    ("values", "pointers", "calls"),
    [
        ({"query": "a", "n": "x"}, ["/n"], 1),
        ({"query": 1, "n": "x"}, ["/q", "/n"], 1),
        ({"query": "a", "n": "x", "tags": ["a"] * 500}, ["/n"], 1),
        ({"query": "a", "n": "x", "tags": [1] * 2 * MANY}, ["/tags/0", "/n"], 3),
        ({"query": "a", "n": "x", "tags": [1] * 20_000}, ["/tags/0", "/n"], 3),
    ],
    ids=["small", "renamed", "list", "many-errors", "large"],
)
def test_validators_may_change_inputs(
    values: dict[str, Any], pointers: list[str], calls: int
) -> None:
    """Each validation gets a copy; inputs of usual size are validated once."""
    for payload in payloads(values):
        Search.calls = 0
        with pytest.raises(InvalidInput) as raised:
            payload.parse(InputSchema(Search))

        assert [problem.pointer for problem in raised.value.problems] == pointers
        assert Search.calls <= calls


def test_validators_may_change_texts() -> None:
    """A file that a validator has read cannot be read again."""
    for tags, calls in ((["a"], 1), (["a"] * 20_000, 2)):
        Search.calls = 0
        with pytest.raises(InvalidInput) as raised:
            TextPayload({"query": ["a"], "n": ["x"], "tags": tags}).parse(InputSchema(Search))

        assert [problem.pointer for problem in raised.value.problems] == ["/n"]
        assert Search.calls == calls


def test_validators_may_change_inputs_with_converted_integers() -> None:
    for payload in payloads({"query": "a", "n": 1.0}):
        assert payload.parse(InputSchema(Search)).n == 1


def test_repeated_names_are_counted(created: list[tuple[int, int]]) -> None:
    """The last of them is the value, but pydantic validates all values of a dictionary."""
    schema = InputSchema(create_model("One", value=(dict[str, int], ...)))
    body = b'{"value": {' + b",".join([b'"a": "x"'] * 20_000) + b"}}"

    with pytest.raises(InvalidInput, match="valid integer"):
        JsonPayload(body).parse(schema)

    assert max(errors for errors, _ in created) == 1


@pytest.mark.parametrize(
    "value",
    [[{"x": 1}] * 5000, [{"x": 1}] * 4999 + [{"x": 1.0}]],
)
def test_large_inputs_may_be_valid(value: Any) -> None:
    schema = InputSchema(create_model("One", value=(list[Closed], ...), other=(int, 0)))

    for payload in payloads({"value": value}):
        assert payload.parse(schema).value == [Closed(x=1)] * 5000


def test_names_that_are_no_texts_are_refused() -> None:
    """Decoders of other formats than JSON may return them."""
    with pytest.raises(InvalidInput):
        MixedPayload({}, {"table": {1: "x"}}, {}).parse(SCHEMA)


async def test_a_pointer_does_not_repeat_a_long_name() -> None:
    """A few names are cut; many lead to a value around the location."""
    name = "k" * 50_000
    deep: Any = "\0"
    for _ in range(20):
        deep = {"n" * 150: deep}

    class Check(Action):
        """Check inputs."""

        name = "check"

        async def run(self, table: dict[str, Any], number: int = 0) -> None:
            pass

    async with running_app(Check) as app:
        for values, pointer in (
            ({"table": {name: "\0"}}, f"/table/{'k' * MAX_NAME_LENGTH}…"),
            ({"table": {"~/" * 300: "\0"}}, f"/table/{'~0~1' * (MAX_NAME_LENGTH // 2)}…"),
            ({"table": deep}, "/table" + f"/{'n' * 150}" * 6),
        ):
            with pytest.raises(InvalidInput) as raised:
                await app.call("check", **values)

            (problem,) = raised.value.problems
            assert len(problem.pointer) <= MAX_POINTER_LENGTH
            assert problem.pointer == pointer


def test_an_undeclared_name_has_one_problem() -> None:
    """Its value is ignored, and need not be listed."""
    values = {"unknown": ["\0"] * MANY, "anything": ["\0"], "numbers": ["\0"]}

    for payload in payloads(values):
        with pytest.raises(InvalidInput) as raised:
            payload.parse(SCHEMA)

        pointers = [problem.pointer for problem in raised.value.problems]
        assert pointers == ["/numbers/0", "/anything/0", "/unknown/0"]


async def test_all_problems_together_are_bounded() -> None:
    """A small request has no response of a megabyte."""

    class Check(Action):
        """Check inputs."""

        name = "check"

        async def run(self, words: list[Annotated[str, Field(pattern="a" * 900)]]) -> None:
            pass

    async with running_app(Check) as app:
        with pytest.raises(InvalidInput) as raised:
            await app.call("check", words=[""] * 999)

    problems = raised.value.problems
    assert 100 < len(problems) < 999
    assert sum(len(p.pointer) + len(p.message) for p in problems) <= MAX_PROBLEMS_LENGTH


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

    problems = raised.value.problems
    assert len(problems) == MAX_PROBLEMS
    # To find similar names takes long.
    assert 1 < sum("available:" in problem.message for problem in problems) < 100
