"""Inputs with integers of more than 64 bits, which no database stores, are refused."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections import deque
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import pytest
from pydantic import BaseModel, ConfigDict, RootModel

from actionhero import Action, Call, ErrorType, Field, Inputs, InvalidInput, Secret, TypedError
from actionhero.testing import running_app
from actionhero.transport import (
    ABSENT,
    InputSchema,
    JsonPayload,
    MixedPayload,
    ParsedPayload,
    TextPayload,
)
from actionhero_db import plugin
from actionhero_db.integers import may_contain_integers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero.testing import RunningApp
    from actionhero.transport import Payload

LARGEST = 2**63 - 1
SMALLEST = -(2**63)
#: The digits of an integer of more than 64 bits.
LONG = "9" * 30
MESSAGE = "Input should be an integer that fits into 64 bits"


class Address(BaseModel):
    zip: str
    floor: int = 0


class NumberInputs(Inputs):
    number: int = 0
    numbers: list[int] = []
    by_name: dict[str, Any] = {}
    address: Address | None = None
    name: str = ""
    words: list[str] = []
    renamed: int = Field(default=0, alias="other/name")


class Echo(Action):
    """Return a number."""

    name = "echo"

    async def run(self, inputs: NumberInputs) -> str:
        return str(inputs.number)


class Nested(Action):
    """Run `echo` with a number."""

    name = "nested"

    async def run(self, call: Call) -> str:
        return await call.run(Echo, NumberInputs(number=10**30))


class Account(BaseModel):
    pin: Secret[int] = 0
    limit: int = 0


class SecretInputs(Inputs):
    pin: Secret[int] = 0
    codes: Secret[dict[str, int]] = {}
    account: Account = Account()


class Unlock(Action):
    """Take secret numbers."""

    name = "unlock"

    async def run(self, inputs: SecretInputs) -> None: ...


class OpenInputs(Inputs):
    model_config = ConfigDict(extra="allow")


class TakeAnyFields(Action):
    """Take undeclared fields."""

    name = "any:fields"

    async def run(self, inputs: OpenInputs) -> None: ...


class TakeAnything(Action):
    """Take any inputs."""

    name = "any:mapping"

    async def run(self, inputs: dict[str, Any]) -> None: ...


@dataclasses.dataclass
class Point:
    x: int = 0
    y: tuple[int, ...] = ()


class Numbers(RootModel[list[int]]):
    """A list of numbers."""


class ContainerInputs(Inputs):
    queue: deque[int] = deque()
    by_number: dict[int, str] = {}
    listed: Numbers | None = None


class TakeContainers(Action):
    """Take integers in other containers."""

    name = "containers"

    async def run(self, inputs: ContainerInputs) -> None: ...


class TakePoint(Action):
    """Take a dataclass."""

    name = "point"

    async def run(self, inputs: Point) -> None: ...


ACTIONS = (Echo, Nested, Unlock, TakeAnyFields, TakeAnything, TakeContainers, TakePoint)


@pytest.fixture
async def app() -> AsyncIterator[RunningApp]:
    async with running_app(plugin, *ACTIONS) as running:
        yield running


async def execute(app: RunningApp, name: str, payload: Payload) -> TypedError | None:
    """Return the error of a call, `None` without one."""
    outcome = await app.app.pipeline.execute(app.connect().connection, name, payload)
    return outcome.error


def text(**values: str | list[str]) -> TextPayload:
    """Return a payload of texts, as in a query."""
    return TextPayload(
        {name: value if isinstance(value, list) else [value] for name, value in values.items()}
    )


def problems(error: TypedError | None) -> list[tuple[str, str, str]]:
    assert isinstance(error, InvalidInput)
    assert error.type is ErrorType.PARAM_REQUIRED
    assert error.message == MESSAGE
    return [(problem.pointer, problem.message, problem.type) for problem in error.problems]


def problem(pointer: str) -> tuple[str, str, str]:
    return (pointer, MESSAGE, "int_too_large")


@pytest.mark.parametrize("digits", ["9223372036854775808", "-9223372036854775809", "9" * 400])
async def test_an_integer_of_more_than_64_bits_in_text_is_refused(
    app: RunningApp, digits: str
) -> None:
    """The error contains the key and the value."""
    error = await execute(app, "echo", text(number=digits))

    assert problems(error) == [problem("/number")]
    assert error is not None
    assert (error.key, error.value) == ("number", int(digits))


@pytest.mark.parametrize("number", [LARGEST, SMALLEST])
async def test_the_largest_and_the_smallest_integer_are_accepted(
    app: RunningApp, number: int
) -> None:
    """In text, in JSON and in Python values."""
    assert await execute(app, "echo", text(number=str(number))) is None
    assert await execute(app, "echo", JsonPayload(b'{"number": %d}' % number)) is None
    assert await execute(app, "echo", ParsedPayload({"number": number})) is None
    assert await app.call("echo", number=number) == str(number)


@pytest.mark.parametrize("position", [0, 1, 2])
async def test_every_item_of_a_list_is_checked(app: RunningApp, position: int) -> None:
    """Not only the last value."""
    numbers = ["1", "2", "3"]
    numbers[position] = LONG

    error = await execute(app, "echo", text(numbers=numbers))

    assert problems(error) == [problem(f"/numbers/{position}")]
    assert error is not None
    assert error.key == "numbers"


async def test_nested_integers_in_text_are_checked(app: RunningApp) -> None:
    """The pointer leads to the value, and the key is the name of the input."""
    error = await execute(app, "echo", text(address=f'{{"zip": "1", "floor": {LONG}}}'))

    assert problems(error) == [problem("/address/floor")]
    assert error is not None
    assert error.key == "address"


async def test_integers_in_json_are_checked(app: RunningApp) -> None:
    """Problems are listed in the order of declaration."""
    body = f'{{"by_name": {{"a": [{LONG}]}}, "numbers": [1, {LONG}]}}'.encode()
    one_too_large = JsonPayload(b'{"number": 9223372036854775808}')

    assert problems(await execute(app, "echo", one_too_large)) == [problem("/number")]
    error = await execute(app, "echo", JsonPayload(body))
    assert problems(error) == [problem("/numbers/1"), problem("/by_name/a/0")]
    assert error is not None
    assert (error.key, error.value) == ("numbers", [1, int(LONG)])
    parsed = ParsedPayload(json.loads(body))
    assert problems(await execute(app, "echo", parsed)) == problems(error)


async def test_a_query_beside_a_body_is_checked(app: RunningApp) -> None:
    """The limit applies to the merged inputs."""
    payload = MixedPayload({}, b"{}", {"number": [LONG]})

    assert problems(await execute(app, "echo", payload)) == [problem("/number")]


async def test_long_digits_in_a_text_are_accepted(app: RunningApp) -> None:
    """Only integers have a limit."""
    assert await execute(app, "echo", JsonPayload(f'{{"name": "{LONG}"}}'.encode())) is None
    assert await execute(app, "echo", text(words=[LONG])) is None


async def test_an_alias_is_the_key_and_in_the_pointer(app: RunningApp) -> None:
    """Escaped as in RFC 6901."""
    error = await execute(app, "echo", ParsedPayload({"other/name": 10**30}))

    assert problems(error) == [problem("/other~1name")]
    assert error is not None
    assert (error.key, error.value) == ("other/name", 10**30)


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"pin": 10**30}, "/pin"),
        ({"codes": {"s3cret": 10**30, "other": 10**31}}, "/codes"),
    ],
)
async def test_secret_values_are_not_shown(
    app: RunningApp, values: dict[str, Any], pointer: str
) -> None:
    """Nor the keys inside a secret."""
    error = await execute(app, "unlock", ParsedPayload(values))

    assert problems(error) == [problem(pointer)]
    assert error is not None
    assert error.value is ABSENT


async def test_secrets_inside_a_shown_value_are_redacted(app: RunningApp) -> None:
    """Also if both values are too large."""
    values = {"account": {"pin": 10**31, "limit": 10**30}}

    error = await execute(app, "unlock", ParsedPayload(values))

    assert problems(error) == [problem("/account/pin"), problem("/account/limit")]
    assert error is not None
    assert (error.key, error.value) == ("account", {"pin": "[redacted]", "limit": 10**30})


@pytest.mark.parametrize(
    ("name", "values", "pointer"),
    [
        ("any:fields", {"x": [1, 10**30]}, "/x/1"),
        ("any:mapping", {"x": {"y": -(10**30)}}, "/x/y"),
        ("point", {"x": 10**30}, "/x"),
        ("point", {"y": [0, 10**30]}, "/y/1"),
    ],
)
async def test_inputs_of_any_type_are_checked(
    app: RunningApp, name: str, values: dict[str, Any], pointer: str
) -> None:
    """Undeclared fields, mappings and dataclasses."""
    body = json.dumps(values).encode()

    assert problems(await execute(app, name, JsonPayload(body))) == [problem(pointer)]


async def test_inputs_of_nested_calls_are_checked(app: RunningApp) -> None:
    """The limit holds for `call.run` too."""
    with pytest.raises(InvalidInput, match="fits into 64 bits"):
        await app.call("nested")


async def test_a_deep_list_is_refused_quickly(app: RunningApp) -> None:
    """Each value is visited once on the way to the pointer."""
    value: Any = [*range(20_000), 10**30]
    for _ in range(50):
        value = [value]

    async with asyncio.timeout(10):
        error = await execute(app, "any:mapping", ParsedPayload({"x": value}))

    assert problems(error) == [problem("/x" + "/0" * 50 + "/20000")]


class Keys(TypedDict):
    one: str


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, True),
        (int | None, True),
        (list[int], True),
        (dict[str, int], True),
        (Address, True),
        (list[Address] | None, True),
        (Any, True),
        (dict, True),
        (list, True),
        (bool, False),
        (str, False),
        (str | None, False),
        (list[str], False),
        (dict[str, float], False),
        (Literal["a", "b"], True),
    ],
)
def test_annotations_that_may_contain_integers(annotation: Any, expected: bool) -> None:
    """Inputs without such an annotation are not checked."""
    type_ = type("Generated", (Inputs,), {"__annotations__": {"value": annotation}})

    assert may_contain_integers(InputSchema(type_)) is expected


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (Inputs, False),
        (OpenInputs, True),
        (dict[str, Any], True),
        (dict[str, str], False),
        (Keys, False),
        (Point, True),
    ],
)
def test_types_of_inputs_that_may_contain_integers(inputs: Any, expected: bool) -> None:
    """Also types that are no models."""
    assert may_contain_integers(InputSchema(inputs)) is expected


@pytest.mark.parametrize(
    ("inputs", "pointer"),
    [
        ({"queue": [1, 2**63]}, "/queue/1"),
        ({"by_number": {str(2**63): "x"}}, f"/by_number/{2**63}"),
        ({"listed": [1, 2**63]}, "/listed/1"),
    ],
)
async def test_integers_in_any_container_are_checked(
    app: RunningApp, inputs: dict[str, Any], pointer: str
) -> None:
    """A queue, the keys of a mapping, and a root model, whose location has no name for the root."""
    error = await execute(app, "containers", JsonPayload(json.dumps(inputs).encode()))

    assert [problem[0] for problem in problems(error)] == [pointer]
