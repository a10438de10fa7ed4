"""The action that greets."""

from __future__ import annotations

from typing import TypedDict

from actionhero import Action, Call, Field, Inputs


class HelloInputs(Inputs):
    """Who to greet."""

    name: str = Field(min_length=1, max_length=80, description="Who to greet.")


class Greeting(TypedDict):
    """A greeting, ready to be shown."""

    greeting: str


class Hello(Action):
    """Greet someone by name."""

    name = "hello"
    # Plain data: a package of actions needs no door to say where it would like to be reached.
    web = "GET /hello"

    async def run(self, inputs: HelloInputs, call: Call) -> Greeting:
        return {"greeting": f"Hello, {inputs.name}!"}
