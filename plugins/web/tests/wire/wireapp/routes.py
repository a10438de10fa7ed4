"""Actions whose routes lie beside one another, and something whose health can be chosen."""

from __future__ import annotations

import os
from typing import Any

from actionhero import Action, Initializer, Inputs


class Me(Action):
    """Win over the parameter."""

    name = "user:me"
    web = "GET /user/me"

    async def run(self) -> str:
        return "me"


class UserInputs(Inputs):
    id: str = ""
    part: str = ""


class User(Action):
    """Take whatever the path holds."""

    name = "user:view"
    web = ["GET /user/{id}", "GET /user/{id}/parts/{part}"]

    async def run(self, inputs: UserInputs) -> dict[str, Any]:
        return inputs.model_dump()


class Create(Action):
    """Live on the path of another, by another method."""

    name = "user:create"
    web = ["PUT /user", "POST /user/me"]

    async def run(self) -> str:
        return "created"


class Cased(Action):
    """Have capitals in its path."""

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
    """Something that may be ill."""

    name = "dependency"

    async def check(self) -> None:
        if os.environ.get("WIRE_UNHEALTHY"):
            raise ConnectionError("postgresql://user:hunter2@db refused")
