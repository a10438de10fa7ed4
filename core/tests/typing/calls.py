"""Calls from action to action, for type checkers.

Expected errors are ignored by comments; checkers report unused ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, assert_type

from actionhero import Action, Call, Inputs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero.testing import RunningApp


class GreetInputs(Inputs):
    name: str


class Greeting(TypedDict):
    greeting: str


class Greet(Action):
    name = "greet"

    async def run(self, inputs: GreetInputs, call: Call) -> Greeting:
        return {"greeting": f"Hello, {inputs.name}!"}


class Shout(Action):
    name = "shout"

    async def run(self, inputs: GreetInputs) -> str:
        return inputs.name.upper()


class Count(Action):
    name = "count"

    async def run(self, call: Call) -> int:
        return 1


class Repeat(Action):
    name = "repeat"

    async def run(self, text: str, call: Call, times: int = 2) -> str:
        return text * times


class Tick(Action):
    name = "tick"

    async def run(self) -> float:
        return 1.0


class Spell(Action):
    name = "spell"

    async def run(self, inputs: GreetInputs, call: Call) -> AsyncIterator[str]:
        for letter in inputs.name:
            yield letter


class Bell(Action):
    name = "bell"

    async def run(self, call: Call) -> AsyncIterator[bytes]:
        yield b"\a"


class OtherInputs(Inputs):
    number: int


async def inside(call: Call, app: RunningApp) -> None:
    ada = GreetInputs(name="Ada")
    assert_type(await call.run(Greet, ada), Greeting)
    assert_type(await call.run(Shout, ada), str)
    assert_type(await call.run(Count), int)
    assert_type(await call.run(Tick), float)
    assert_type(await call.run(Spell, ada), list[str])
    assert_type(await call.run(Bell), list[bytes])

    caller = app.connect()
    assert_type(await caller.run(Greet, ada), Greeting)
    assert_type(await caller.run(Shout, ada), str)
    assert_type(await caller.run(Count), int)
    assert_type(await caller.run(Tick), float)
    assert_type(await caller.run(Spell, ada), list[str])
    assert_type(await caller.run(Bell), list[bytes])

    assert_type(await app.call(Greet, ada), Greeting)
    assert_type(await app.call(Shout, ada), str)
    assert_type(await app.call(Count), int)
    assert_type(await app.call(Spell, ada), list[str])
    assert_type(await caller.call(Greet, ada), Greeting)
    assert_type(await caller.call(Bell), list[bytes])
    await app.call("greet", name="Ada")
    await app.call(Repeat, text="a")
    await app.call(Greet, OtherInputs(number=1))  # type: ignore[misc]
    await app.call("greet", ada)  # type: ignore[call-overload]

    await call.run(Repeat, {"text": "a"})
    await call.run(Greet, OtherInputs(number=1))  # type: ignore[misc]
    await call.run(Greet)  # type: ignore[arg-type]
    await call.run(Shout, OtherInputs(number=1))  # type: ignore[misc]
    await call.run(Spell, OtherInputs(number=1))  # type: ignore[arg-type]
    await call.run(Count, ada)  # type: ignore[misc]
    await call.run(GreetInputs, ada)  # type: ignore[arg-type]
    await caller.run(Greet, OtherInputs(number=1))  # type: ignore[misc]
    greeting = await call.run(Greet, ada)
    greeting["gretting"]  # type: ignore[typeddict-item]
