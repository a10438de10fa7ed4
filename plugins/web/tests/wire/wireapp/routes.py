"""Actions with overlapping routes, and an initializer with a configurable health."""

from __future__ import annotations

import os
from typing import Any

from actionhero import Action, Initializer, Inputs


class Me(Action):
    """Take precedence over the parameter."""

    name = "user:me"
    web = "GET /user/me"

    async def run(self) -> str:
        return "me"


class UserInputs(Inputs):
    id: str = ""
    part: str = ""


class User(Action):
    """Return the parameters of the path."""

    name = "user:view"
    web = ["GET /user/{id}", "GET /user/{id}/parts/{part}"]

    async def run(self, inputs: UserInputs) -> dict[str, Any]:
        return inputs.model_dump()


class Create(Action):
    """Share a path with another action, with another method."""

    name = "user:create"
    web = ["PUT /user", "POST /user/me"]

    async def run(self) -> str:
        return "created"


class Cased(Action):
    """Have capital letters in the path."""

    name = "cased"
    web = "GET /CamelCase"

    async def run(self) -> str:
        return "cased"


class Hidden(Action):
    """Have no route."""

    name = "hidden"

    async def run(self) -> str:
        return "hidden"


class Dependency(Initializer):
    """A dependency with a configurable health."""

    name = "dependency"

    async def check(self) -> None:
        if os.environ.get("WIRE_UNHEALTHY"):
            raise ConnectionError("postgresql://user:hunter2@db refused")
