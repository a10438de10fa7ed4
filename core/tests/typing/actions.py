"""All signatures of `run`, for type checkers."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import ClassVar, TypedDict

from actionhero import Action, Call, Field, File, Inputs, Middleware, Outcome, Secret


class SignUp(Inputs):
    name: str = Field(description="What people call you.", min_length=1)
    password: Secret[str]
    picture: File | None = None


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Filter(TypedDict, total=False):
    words: list[str]


class Around(Middleware):
    async def before(self, call: Call) -> None:
        call.scratch["started"] = True

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        return Outcome({"ok": outcome.ok})


class WithBoth(Action):
    name = "both"
    web = "POST /both"
    task: ClassVar = {"queue": "default"}
    middleware: ClassVar[Sequence[Middleware]] = [Around()]
    timeout = timedelta(seconds=1)

    async def run(self, inputs: SignUp, call: Call) -> str:
        return inputs.password + call.request_id


class WithUnannotatedMiddleware(Action):
    name = "unannotated"
    middleware = [Around()]

    async def run(self, call: Call) -> None:
        await call.session.regenerate()


class WithDataclass(Action):
    name = "dataclass"

    async def run(self, inputs: Point) -> int:
        return inputs.x + inputs.y


class WithTypedDict(Action):
    name = "typed-dict"

    async def run(self, inputs: Filter, call: Call) -> list[str]:
        return inputs.get("words", [])


class Streams(Action):
    name = "streams"

    async def run(self, call: Call) -> AsyncIterator[int]:
        yield 1


class TakesNothing(Action):
    name = "nothing"

    async def run(self) -> None:
        return


class Derived(WithDataclass):
    name = "derived"

    async def run(self, inputs: Point) -> int:
        return await super().run(inputs) + 1


class Synchronous(Action):
    name = "synchronous"

    def run(self) -> None:  # type: ignore[override]
        return


class WithNumber(Action):
    name = "number"
    web = 5  # type: ignore[assignment]


class WithRoute(Action):
    name = "route"
    web = "GET /route"


class WithRoutes(Action):
    name = "routes"
    web = ("GET /route", {"method": "GET", "path": "/routes"})
