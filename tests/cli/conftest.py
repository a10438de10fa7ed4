"""An application with actions of every kind, as somebody at a shell meets it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Ended, Place

ACTIONS = '''
"""Actions of every kind."""

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
    name: str = Field(min_length=2, description="Who it is.")
    count: int = Field(default=1, description="How often.")
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
    """Give back what was given.

    And a second sentence, for whoever asks.
    """

    name = "book:echo"

    async def run(self, inputs: EchoInputs, call: Call) -> dict[str, Any]:
        given = {
            name: getattr(inputs, name)
            for name in inputs.model_fields_set
            if name not in ("file", "password")
        }
        if inputs.file is not None:
            text = (await inputs.file.read()).decode()
            given["file"] = [inputs.file.name, inputs.file.content_type, text]
        return given


class RivalInputs(Inputs):
    format: str = ""
    help: str = ""
    app: str = ""


class Rival(Action):
    """Take inputs that are called like options of ours."""

    name = "book:rival"

    async def run(self, inputs: RivalInputs, call: Call) -> dict[str, str]:
        return inputs.model_dump()


class Rows(Action):
    """List what is in the book."""

    name = "book:rows"

    async def run(self, call: Call) -> list[dict[str, Any]]:
        return [{"name": "Ada", "age": 36}, {"name": "[red]Bob", "tags": ["a", "b"]}]


class Number(Action):
    """Give a number."""

    name = "book:number"

    async def run(self, call: Call) -> int:
        return 42


class Fail(Action):
    """Fail as it was told to."""

    name = "book:fail"

    async def run(self, inputs: HowInputs, call: Call) -> None:
        if inputs.how == "conflict":
            raise Conflict("It is there already", key="how", value="conflict")
        if inputs.how == "unavailable":
            raise ServiceUnavailable("The library is closed")
        raise RuntimeError("insides")


class HowInputs(Inputs):
    how: str


class Told(Middleware):
    async def after(self, call: Call, outcome: object) -> None:
        print(f"after {call.action.name}", file=__import__("sys").stderr, flush=True)


class Wait(Action):
    """Wait until it is cancelled."""

    name = "book:wait"
    middleware = [Told()]

    async def run(self, call: Call) -> None:
        print("waiting", file=__import__("sys").stderr, flush=True)
        await asyncio.Event().wait()
'''


@pytest.fixture
def book(place: Place) -> Place:
    """Give a folder with an application that is named in its settings file."""
    place.write("book/__init__.py", "")
    place.write("book/actions.py", ACTIONS)
    place.write("actionhero.toml", 'app.package = "book"\n')
    return place


@pytest.fixture
def echoed(book: Place) -> Callable[..., Any]:
    """Give a function that calls `book:echo`, and returns what it gave back."""

    def call(*options: str) -> Any:
        ended: Ended = book.run("call", "book:echo", *options)
        assert (ended.code, ended.stderr) == (0, ""), ended
        return json.loads(ended.stdout)

    return call
