"""An application with actions of every kind, for the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import CompletedCommand, Place

ACTIONS = '''
"""Actions with inputs and results of every kind."""

from __future__ import annotations

import asyncio
import signal
from datetime import date
from typing import Any, Literal

from actionhero import (
    Action,
    Call,
    Conflict,
    Field,
    File,
    Inputs,
    Middleware,
    Secret,
    ServiceUnavailable,
)


class Address(Inputs):
    city: str
    zip: int | None = None


class EchoInputs(Inputs):
    name: str = Field(min_length=2, description="The name.")
    count: int = Field(default=1, description="The count.")
    ratio: float | None = None
    loud: bool = False
    tags: list[str] = []
    numbers: list[int] = []
    day: date | None = None
    color: Literal["red", "blue"] = "red"
    first_name: str | None = None
    due_day: str | None = Field(default=None, alias="due-day")
    address: Address | None = None
    people: list[Address] = []
    table: dict[str, int] = {}
    file: File | None = None
    password: Secret[str] = "changeme"


class Echo(Action):
    """Return the inputs.

    And a second sentence.
    """

    name = "book:echo"

    async def run(self, inputs: EchoInputs, call: Call) -> dict[str, Any]:
        result = {
            name: getattr(inputs, name)
            for name in inputs.model_fields_set
            if name not in ("file", "password")
        }
        if inputs.file is not None:
            text = (await inputs.file.read()).decode()
            result["file"] = [inputs.file.name, inputs.file.content_type, text]
        return result


class OptionNamesInputs(Inputs):
    format: str = ""
    help: str = ""
    app: str = ""


class OptionNames(Action):
    """Accept inputs with the names of options."""

    name = "book:options"

    async def run(self, inputs: OptionNamesInputs, call: Call) -> dict[str, str]:
        return inputs.model_dump()


class Rows(Action):
    """List the rows of the book."""

    name = "book:rows"

    async def run(self, call: Call) -> list[dict[str, Any]]:
        return [{"name": "Ada", "age": 36}, {"name": "[red]Bob", "tags": ["a", "b"]}]


class Number(Action):
    """Return a number."""

    name = "book:number"

    async def run(self, call: Call) -> int:
        return 42


class Fail(Action):
    """Fail with an error."""

    name = "book:fail"

    async def run(self, inputs: FailInputs, call: Call) -> None:
        if inputs.how == "conflict":
            raise Conflict("It exists already", key="how", value="conflict")
        if inputs.how == "unavailable":
            raise ServiceUnavailable("The library is closed")
        raise RuntimeError("internal details")


class FailInputs(Inputs):
    how: str


class PrintAfter(Middleware):
    async def after(self, call: Call, outcome: object) -> None:
        print(f"after {call.action.name}", file=__import__("sys").stderr, flush=True)


class Wait(Action):
    """Wait until it is cancelled."""

    name = "book:wait"
    middleware = [PrintAfter()]

    async def run(self, call: Call) -> None:
        print("waiting", file=__import__("sys").stderr, flush=True)
        await asyncio.Event().wait()
'''


@pytest.fixture
def book(place: Place) -> Place:
    """A folder with an application and its settings file."""
    place.write("book/__init__.py", "")
    place.write("book/actions.py", ACTIONS)
    place.write("actionhero.toml", 'app.package = "book"\n')
    return place


@pytest.fixture
def echoed(book: Place) -> Callable[..., Any]:
    """A function that calls `book:echo` and returns its result."""

    def call(*options: str) -> Any:
        command: CompletedCommand = book.run("call", "book:echo", *options)
        assert (command.code, command.stderr) == (0, ""), command
        return json.loads(command.stdout)

    return call
