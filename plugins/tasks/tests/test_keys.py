"""The keys of `unique_for`: equal for equal inputs, however they are written."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import partial
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from pydantic import Field, SecretStr

from actionhero import Action, Inputs, InvalidInput, RunMode
from actionhero.transport import JsonPayload, TextPayload
from actionhero_tasks import JobState, Task, Tasks
from actionhero_tasks.encryption import Encryption
from actionhero_tasks.keys import key_of
from actionhero_tasks.testing import drain

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("limit")

PLUS_TWO = timezone(timedelta(hours=2))


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: float
    y: float = 0


class Part(Inputs):
    n: int = 1
    name: str = "x"


class AllInputs(Inputs):
    x: int = 1
    ratio: float = 0.5
    price: Decimal = Decimal("1.5")
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    daily: time = time(12, tzinfo=UTC)
    day: date = date(2026, 1, 1)
    every: timedelta = timedelta(hours=1)
    data: bytes = b""
    tags: set[str] = {"a", "b"}
    part: Part = Part()
    point: Point = Point(0)
    color: Color = Color.RED
    options: dict[str, Any] = {}
    numbers: dict[int, float] = {}
    id: UUID | None = None
    network: IPv4Network | None = None
    alias: str = Field(default="", alias="otherName")


class Unique(Action):
    """Be deduplicated by inputs of every type."""

    name = "unique"
    task = Task(unique_for=timedelta(hours=1))

    async def run(self, inputs: AllInputs) -> None:
        pass


class Parameters(Action):
    """Have parameters in place of a model."""

    name = "parameters"
    task = Task(unique_for=timedelta(hours=1))

    async def run(self, x: int = 1, tags: frozenset[str] = frozenset()) -> None:
        pass


class RandomInputs(Inputs):
    a: int
    id: UUID = Field(default_factory=uuid4)
    at: datetime = Field(default_factory=partial(datetime.now, UTC))
    tags: list[str] = Field(default_factory=list)


class WithRandomDefaults(Action):
    """Have defaults that differ each time."""

    name = "random"
    task = Task(unique_for=timedelta(hours=1))

    async def run(self, inputs: RandomInputs) -> None:
        pass


class SecretInputs(Inputs):
    password: SecretStr


class WithSecret(Action):
    """Have a secret input."""

    name = "secret"
    task = Task(unique_for=timedelta(hours=1))

    async def run(self, inputs: SecretInputs) -> None:
        pass


@pytest.fixture
async def key(tasks_app: Callable[..., Any]) -> Any:
    """Return a function that returns the key of inputs."""
    async with tasks_app(Unique, Parameters, WithRandomDefaults, WithSecret) as app:

        def key(inputs: Any, name: str = "unique", secret_key: str = "s" * 32) -> str:
            action = app.app.actions.find(name)
            return key_of(action, inputs, Encryption(lambda: secret_key))

        yield key


@pytest.mark.parametrize(
    "spellings",
    [
        [None, {}, {"x": 1}, {"x": "1"}, {"x": 1.0}, AllInputs(), TextPayload({"x": ["1"]})],
        [{"ratio": 1}, {"ratio": 1.0}, {"ratio": "1.00"}, TextPayload({"ratio": ["1"]})],
        [{"ratio": 0.0}, {"ratio": -0.0}, {"ratio": 0}],
        [{"ratio": 1e22}, {"ratio": 10**22}],
        [{"price": "1.10"}, {"price": Decimal("1.1")}, {"price": Decimal("11e-1")}],
        [{"price": "100"}, {"price": Decimal("1e2")}, {"price": 100}],
        [
            {"at": "2026-05-01T10:00:00Z"},
            {"at": "2026-05-01T12:00:00+02:00"},
            {"at": datetime(2026, 5, 1, 12, tzinfo=PLUS_TWO)},
            TextPayload({"at": ["2026-05-01T12:00:00.000+02:00"]}),
        ],
        [{"daily": "10:00:00Z"}, {"daily": time(12, tzinfo=PLUS_TWO)}],
        [{"day": "2026-05-01"}, {"day": date(2026, 5, 1)}],
        [{"every": 90}, {"every": "PT1M30S"}, {"every": timedelta(seconds=90)}],
        [{"data": "abc"}, {"data": b"abc"}],
        [{"tags": ["b", "a", "c"]}, {"tags": {"c", "b", "a"}}, {"tags": ["a", "b", "c", "a"]}],
        [{"part": {"name": "y", "n": 2}}, {"part": {"n": "2", "name": "y"}}],
        [{"part": {}}, {"part": Part()}, {}],
        [{"point": {"y": 0, "x": 0}}, {"point": Point(0.0)}, {"point": {"x": 0}}],
        [{"color": "red"}, {"color": Color.RED}],
        [
            {"options": {"b": {"d": 1, "c": 2.0}, "a": []}},
            {"options": {"a": [], "b": {"c": 2, "d": 1.0}}},
        ],
        [{"numbers": {1: 2, 3: 4}}, {"numbers": {"3": 4.0, "1": "2"}}],
        [{"id": UUID(int=7)}, {"id": str(UUID(int=7))}, {"id": UUID(int=7).hex}],
        [{"network": "10.0.0.0/8"}, {"network": IPv4Network("10.0.0.0/8")}],
        [{"otherName": "y"}, AllInputs(otherName="y")],
    ],
)
def test_all_spellings_of_inputs_have_one_key(key: Any, spellings: list[Any]) -> None:
    """As the action receives them: from code, from the command line and from JSON."""
    keys = [key(inputs) for inputs in spellings]

    assert len(set(keys)) == 1


def test_inputs_that_an_action_received_have_the_same_key(key: Any) -> None:
    """From a JSON body."""
    received = JsonPayload(b'{"x": 2, "tags": ["b", "a"], "price": "2.50"}')
    action_inputs = AllInputs.model_validate_json(received.body)

    assert key(action_inputs) == key({"price": 2.5, "tags": {"a", "b"}, "x": "2"})


def test_different_inputs_have_different_keys(key: Any) -> None:
    """Also if they look alike."""
    different: list[dict[str, Any]] = [
        {},
        {"x": 2},
        {"x": -1},
        {"ratio": 0.1},
        {"ratio": 1e300},
        {"ratio": 0.25},
        {"price": "1.51"},
        {"at": "2026-01-01T00:00:00"},
        {"at": "2026-01-01T00:00:01Z"},
        {"data": b"61"},
        {"data": b"a"},
        {"tags": {"a"}},
        {"tags": {"ab"}},
        {"part": {"n": 2}},
        {"part": {"name": "1"}},
        {"options": {"a": 1}},
        {"options": {"a": "1"}},
        {"options": {"a": True}},
        {"options": {"a": None}},
        {"options": {"a": [1]}},
        {"options": {"a": [[1]]}},
        {"numbers": {1: 2}},
        {"numbers": {2: 1}},
        {"otherName": "x"},
    ]

    keys = [key(inputs) for inputs in different]

    assert len(set(keys)) == len(keys)


def test_actions_with_parameters_have_keys(key: Any) -> None:
    """As those with a model have."""
    spellings: list[Any] = [{}, {"x": "1"}, {"tags": []}, None]
    keys = {key(inputs, "parameters") for inputs in spellings}

    assert len(keys) == 1
    assert key({"x": 2}, "parameters") not in keys


def test_defaults_that_differ_each_time_are_no_part_of_the_key(key: Any) -> None:
    """Passed values are."""
    first, second = key({"a": 1}, "random"), key({"a": 1, "tags": []}, "random")
    passed = key({"a": 1, "id": str(UUID(int=1))}, "random")

    assert first == second
    assert passed not in {first, key({"a": 1, "id": str(UUID(int=2))}, "random")}


def test_the_key_of_secrets_cannot_be_guessed(key: Any) -> None:
    """It depends on `app.secret_key`."""
    inputs = {"password": "1234"}

    assert key(inputs, "secret") == key({"password": SecretStr("1234")}, "secret")
    assert key(inputs, "secret") != key(inputs, "secret", secret_key="t" * 32)
    assert key({"x": 2}) == key({"x": 2}, secret_key="t" * 32)


def test_keys_are_equal_in_every_process(key: Any) -> None:
    """Whose sets have another order."""
    code = (
        "import json; from actionhero.transport import canonical; "
        "print(json.dumps(canonical({'a', 'b', 'c', 'd', 'e', 'f', ('g', 'h')})))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(outputs) == 1


class Strange:
    pass


def test_values_without_a_canonical_form_are_refused(key: Any) -> None:
    """With the remedy."""
    with pytest.raises(InvalidInput, match=r"have no key for unique_for: .*; pass a key"):
        key({"options": {"a": Strange()}})


async def test_a_cancelled_or_discarded_job_frees_its_key(tasks_app: Callable[..., Any]) -> None:
    """The next job is new; one that ended otherwise keeps it."""
    async with tasks_app(Unique, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        first = await tasks.enqueue(Unique)
        await tasks.cancel(first)
        second = await tasks.enqueue(Unique, {"x": 1})
        await drain(app)
        third = await tasks.enqueue(Unique, AllInputs())
        job = await tasks.job(third)

    assert first != second
    assert (second.is_new, third.is_new, third) == (True, False, second)
    assert job.state is JobState.DONE
