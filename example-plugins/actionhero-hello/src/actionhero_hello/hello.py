"""The action `hello`."""

from __future__ import annotations

from typing import TypedDict

from actionhero import Action, Call, Field, Inputs


class HelloInputs(Inputs):
    """The inputs of `hello`."""

    name: str = Field(min_length=1, max_length=80, description="Who to greet.", examples=["Ada"])


class Greeting(TypedDict):
    """A greeting, as text."""

    greeting: str


class Hello(Action):
    """Greet someone by name."""

    name = "hello"
    # Plain data, so that the package does not depend on an HTTP server.
    web = "GET /hello"

    async def run(self, inputs: HelloInputs, call: Call) -> Greeting:
        return {"greeting": f"Hello, {inputs.name}!"}
