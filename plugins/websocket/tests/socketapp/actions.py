"""The actions of the sample application."""

from __future__ import annotations

import asyncio
import itertools
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
last_name: ContextVar[str | None] = ContextVar("last_name", default=None)
positions = itertools.count()
tasks: list[asyncio.Task[Any] | None] = []


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class LogOutcome(Middleware):
    """Logs the outcome of calls."""

    async def after(self, call: Call, outcome: Any) -> None:
        result = "cancelled" if outcome.cancelled else "value" if outcome.ok else outcome.error.type
        log(f"after {call.action.name}: {result}")


class GreetInputs(Inputs):
    name: str = Field(min_length=2)
    times: int = 1


class Greet(Action):
    """Greet a person."""

    name = "greet"
    web = "GET /greet/{name}"

    async def run(self, inputs: GreetInputs) -> dict[str, Any]:
        return {"greeting": f"Hello, {inputs.name}!", "times": inputs.times}


class OverSocket(Action):
    """Exposed over WebSocket only."""

    name = "over:socket"
    websocket = True

    async def run(self, call: Call) -> dict[str, Any]:
        return {"transport": call.connection.transport, "path": call.connection.raw.path}


class NotOverSocket(Action):
    """Exposed over HTTP only."""

    name = "not:over:socket"
    web = "GET /not-over-socket"
    websocket = False

    async def run(self) -> dict[str, Any]:
        return {}


class Internal(Action):
    """Not exposed."""

    name = "internal"

    async def run(self) -> dict[str, Any]:
        return {}


class ValueInputs(Inputs):
    kind: str


class Value(Action):
    """Return a value of a kind."""

    name = "value"
    websocket = True

    async def run(self, inputs: ValueInputs) -> Any:
        values: dict[str, Any] = {
            "list": ["a", {"b": 1}],
            "none": None,
            "text": "grüße",
            "number": 7,
            "model": GreetInputs(name="Ada"),
            "http": web.Response(text="http"),
            "unserializable": {"object": object()},
            "large": "x" * 100_000,
        }
        return values[inputs.kind]


class AnnotatedResponse(Action):
    """Return a response of HTTP."""

    name = "annotated-response"
    websocket = True

    async def run(self) -> web.StreamResponse:
        return web.json_response({"a": 1})


class Redirect(Action):
    """Raise a response of HTTP."""

    name = "redirect"
    websocket = True

    async def run(self) -> None:
        raise web.HTTPFound("/elsewhere")


class Fail(Action):
    """Raise an unexpected exception."""

    name = "fail"
    websocket = True

    async def run(self) -> None:
        raise RuntimeError("expected Traceback")


class Refuse(Action):
    """Raise a `TypedError`."""

    name = "refuse"
    websocket = True

    async def run(self) -> None:
        raise Conflict("Name already taken")


class SecretInputs(Inputs):
    password: Secret[str] = Field(min_length=8)


class StoreSecret(Action):
    """Take a secret."""

    name = "secret:store"
    websocket = True

    async def run(self, inputs: SecretInputs) -> dict[str, Any]:
        return {}


class Wait(Action):
    """Block until `release` is called."""

    name = "wait"
    websocket = True
    middleware = [LogOutcome()]

    async def run(self) -> dict[str, Any]:
        log("waiting for release")
        await released.wait()
        return {"waited": True}


class SaveInputs(Inputs):
    wait: bool = False


class Save(Action):
    """Save in the order of the messages; perhaps only once `release` is called."""

    name = "save"
    websocket = "ordered"

    async def run(self, inputs: SaveInputs) -> dict[str, Any]:
        if inputs.wait:
            log("saving after release")
            await released.wait()
        return {"saved": True}


class Slow(Action):
    """Exceed the time limit."""

    name = "slow"
    websocket = True
    timeout = timedelta(milliseconds=100)
    middleware = [LogOutcome()]

    async def run(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}


class CountInputs(Inputs):
    count: int = Field(default=3, ge=0)
    fails: bool = False


class CancelItself(Action):
    """Cancel the task of the call, in its first step or after it."""

    name = "cancel:itself"
    websocket = True

    async def run(self, inputs: CountInputs) -> dict[str, Any]:
        for _ in range(inputs.count):
            await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)
        return {}


class OwnTimeout(Action):
    """Wait, with its own timeout."""

    name = "own:timeout"
    websocket = True

    async def run(self) -> dict[str, Any]:
        async with asyncio.timeout(30):
            await asyncio.sleep(0)
        return {"task": asyncio.current_task() is not None}


class Deferred(Action):
    """Log the request id after the response."""

    name = "deferred"
    websocket = True

    async def run(self, inputs: GreetInputs, call: Call) -> dict[str, Any]:
        asyncio.get_running_loop().call_soon(
            lambda: log(f"deferred: {inputs.name} {call.request_id}")
        )
        return {}


class Isolation(Action):
    """Set a context variable, and return its previous value and whether the task is known."""

    name = "isolation"
    websocket = True

    async def run(self, inputs: GreetInputs) -> dict[str, Any]:
        before, task = last_name.get(), asyncio.current_task()
        last_name.set(inputs.name)
        is_known = task in tasks
        tasks.append(task)
        return {"before": before, "known": is_known}


class Release(Action):
    """Unblock all calls of `wait`."""

    name = "release"
    web = "GET /release"

    async def run(self) -> dict[str, Any]:
        released.set()
        released.clear()
        return {}


class Counter(Action):
    """Count, one item at a time."""

    name = "stream"
    websocket = True
    middleware = [LogOutcome()]

    async def run(self, inputs: CountInputs) -> AsyncIterator[dict[str, int]]:
        for number in range(inputs.count):
            yield {"number": number}
            await asyncio.sleep(0)
        if inputs.fails:
            raise Conflict("No more")


class OneEvent(Action):
    """Yield one event."""

    name = "event"
    websocket = True

    async def run(self) -> AsyncIterator[Event[dict[str, int]]]:
        yield Event({"index": 1}, event="counter", id="7")


async def chunks() -> AsyncIterator[bytes]:
    yield b"gr"
    yield "üße".encode()


class Chunks(Action):
    """Return a `Stream` of chunks."""

    name = "chunks"
    websocket = True

    async def run(self) -> Stream:
        return Stream(chunks(), media_type="text/plain")


class Endless(Action):
    """Yield large strings endlessly."""

    name = "endless"
    websocket = True
    middleware = [LogOutcome()]

    async def run(self) -> AsyncIterator[str]:
        count = 0
        while True:
            count += 1
            log(f"item {count}")
            yield "x" * 100_000
            await asyncio.sleep(0)


class Flood(Action):
    """Return a string of a length."""

    name = "flood"
    websocket = True

    async def run(self, inputs: CountInputs) -> dict[str, str]:
        return {"text": "x" * inputs.count}


class SignIn(Action):
    """Sign in."""

    name = "sign:in"
    web = "PUT /session"

    async def run(self, inputs: GreetInputs, call: Call) -> dict[str, Any]:
        await call.session.regenerate()
        call.session["userId"] = inputs.name
        return {}


class SignOut(Action):
    """Sign out."""

    name = "sign:out"
    web = "DELETE /session"

    async def run(self, call: Call) -> dict[str, Any]:
        await call.session.destroy()
        return {}


class RememberInputs(Inputs):
    words: list[str]
    in_place: bool = False


class Remember(Action):
    """Store words in the session, or change the stored list without assigning it."""

    name = "remember"
    web = "PUT /words"

    async def run(self, inputs: RememberInputs, call: Call) -> dict[str, Any]:
        if inputs.in_place:
            call.session["words"].extend(inputs.words)
        else:
            call.session["words"] = inputs.words
        return {}


class Recall(Action):
    """Return the words, and the number of calls before."""

    name = "recall"
    web = "GET /words"

    async def run(self, call: Call) -> dict[str, Any]:
        return {"words": call.session.get("words"), "position": next(positions)}


class WhoAmI(Action):
    """Return the name of the user."""

    name = "whoami"
    web = "GET /whoami"

    async def run(self, call: Call) -> dict[str, Any]:
        if "userId" not in call.session:
            raise SignInRequired
        return {"name": call.session["userId"]}


if "SOCKETAPP_INVALID" in os.environ:

    class Invalid(Action):
        """Have an invalid attribute."""

        name = "invalid"
        websocket = "yes"

        async def run(self) -> None:
            """Do nothing."""
