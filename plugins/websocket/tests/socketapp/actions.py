"""Actions that the tests call."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator  # noqa: TC003 - an annotation of `run`
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from aiohttp import web

from actionhero import (
    Action,
    Call,
    Conflict,
    Event,
    Field,
    Inputs,
    Middleware,
    Secret,
    SignInRequired,
    Stream,
)

released = asyncio.Event()
left: ContextVar[str | None] = ContextVar("left", default=None)
tasks: list[asyncio.Task[Any] | None] = []


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Told(Middleware):
    """Says how calls end."""

    async def after(self, call: Call, outcome: Any) -> None:
        how = "cancelled" if outcome.cancelled else "value" if outcome.ok else outcome.error.type
        say(f"after {call.action.name}: {how}")


class GreetInputs(Inputs):
    name: str = Field(min_length=2)
    times: int = 1


class Greet(Action):
    """Greet somebody."""

    name = "greet"
    web = "GET /greet/{name}"

    async def run(self, inputs: GreetInputs) -> dict[str, Any]:
        return {"greeting": f"Hello, {inputs.name}!", "times": inputs.times}


class OverSocket(Action):
    """Reached by sockets alone."""

    name = "over:socket"
    websocket = True

    async def run(self, call: Call) -> dict[str, Any]:
        return {"transport": call.connection.transport, "path": call.connection.raw.path}


class NotOverSocket(Action):
    """Reached by HTTP alone."""

    name = "not:over:socket"
    web = "GET /not-over-socket"
    websocket = False

    async def run(self) -> dict[str, Any]:
        return {}


class Inside(Action):
    """Reached by the operator alone."""

    name = "inside"

    async def run(self) -> dict[str, Any]:
        return {}


class ValuePayload(Inputs):
    kind: str


class Value(Action):
    """Return a value of some kind."""

    name = "value"
    websocket = True

    async def run(self, inputs: ValuePayload) -> Any:
        values: dict[str, Any] = {
            "list": ["a", {"b": 1}],
            "none": None,
            "text": "grüße",
            "number": 7,
            "model": GreetInputs(name="Ada"),
            "raw": web.Response(text="raw"),
            "unwritable": {"what": object()},
            "large": "x" * 100_000,
        }
        return values[inputs.kind]


class Fail(Action):
    """Fail as nobody foresaw."""

    name = "fail"
    websocket = True

    async def run(self) -> None:
        raise RuntimeError("expected Traceback")


class Refuse(Action):
    """Refuse, as was foreseen."""

    name = "refuse"
    websocket = True

    async def run(self) -> None:
        raise Conflict("Somebody is here already")


class SecretInputs(Inputs):
    password: Secret[str] = Field(min_length=8)


class Keep(Action):
    """Take a secret."""

    name = "keep"
    websocket = True

    async def run(self, inputs: SecretInputs) -> dict[str, Any]:
        return {}


class Wait(Action):
    """Answer when somebody says so."""

    name = "wait"
    websocket = True
    middleware = [Told()]

    async def run(self) -> dict[str, Any]:
        say("waiting")
        await released.wait()
        return {"waited": True}


class Late(Action):
    """Take longer than it may."""

    name = "late"
    websocket = True
    timeout = timedelta(milliseconds=100)
    middleware = [Told()]

    async def run(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}


class InTime(Action):
    """Wait, with a limit of its own."""

    name = "in:time"
    websocket = True

    async def run(self) -> dict[str, Any]:
        async with asyncio.timeout(30):
            await asyncio.sleep(0)
        return {"task": asyncio.current_task() is not None}


class Afterwards(Action):
    """Do something when it is answered already."""

    name = "afterwards"
    websocket = True

    async def run(self, inputs: GreetInputs, call: Call) -> dict[str, Any]:
        asyncio.get_running_loop().call_soon(
            lambda: say(f"afterwards: {inputs.name} {call.request_id}")
        )
        return {}


class Mark(Action):
    """Leave something in the context, and tell what was there, and in which task."""

    name = "mark"
    websocket = True

    async def run(self, inputs: GreetInputs) -> dict[str, Any]:
        before, task = left.get(), asyncio.current_task()
        left.set(inputs.name)
        seen = task in tasks
        tasks.append(task)
        return {"before": before, "seen": seen}


class Release(Action):
    """Let those that wait go on."""

    name = "release"
    web = "GET /release"

    async def run(self) -> dict[str, Any]:
        released.set()
        released.clear()
        return {}


class CountInputs(Inputs):
    count: int = Field(default=3, ge=0)
    fails: bool = False


class Counted(Action):
    """Count, one at a time."""

    name = "stream"
    websocket = True
    middleware = [Told()]

    async def run(self, inputs: CountInputs) -> AsyncIterator[dict[str, int]]:
        for number in range(inputs.count):
            yield {"number": number}
            await asyncio.sleep(0)
        if inputs.fails:
            raise Conflict("No more")


class OneEvent(Action):
    """Tell one event."""

    name = "event"
    websocket = True

    async def run(self) -> AsyncIterator[Event[dict[str, int]]]:
        yield Event({"index": 1}, event="counter", id="7")


async def pieces() -> AsyncIterator[bytes]:
    yield b"gr"
    yield "üße".encode()


class Chunks(Action):
    """Answer in chunks."""

    name = "chunks"
    websocket = True

    async def run(self) -> Stream:
        return Stream(pieces(), media_type="text/plain")


class Endless(Action):
    """Stream large texts for ever."""

    name = "endless"
    websocket = True
    middleware = [Told()]

    async def run(self) -> AsyncIterator[str]:
        count = 0
        while True:
            count += 1
            say(f"item {count}")
            yield "x" * 100_000
            await asyncio.sleep(0)


class Flood(Action):
    """Answer with so many letters."""

    name = "flood"
    websocket = True

    async def run(self, inputs: CountInputs) -> dict[str, str]:
        return {"text": "x" * inputs.count}


class SignIn(Action):
    """Remember who this is."""

    name = "sign:in"
    web = "PUT /session"

    async def run(self, inputs: GreetInputs, call: Call) -> dict[str, Any]:
        await call.session.regenerate()
        call.session["userId"] = inputs.name
        return {}


class SignOut(Action):
    """Forget who this is."""

    name = "sign:out"
    web = "DELETE /session"

    async def run(self, call: Call) -> dict[str, Any]:
        await call.session.destroy()
        return {}


class WhoAmI(Action):
    """Tell who this is."""

    name = "whoami"
    web = "GET /whoami"

    async def run(self, call: Call) -> dict[str, Any]:
        if "userId" not in call.session:
            raise SignInRequired
        return {"name": call.session["userId"]}


if "SOCKETAPP_WRONG" in os.environ:

    class Wrong(Action):
        """Say what nobody understands."""

        name = "wrong"
        websocket = "yes"

        async def run(self) -> None:
            """Do nothing."""
