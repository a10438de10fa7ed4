"""The line per call: what it says, whatever came of the call."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, ActionNotFound, Call, Conflict, Connection, Inputs, logs
from actionhero.inputs.payloads import EMPTY_PAYLOAD, TextPayload
from actionhero.testing import RunningApp, running_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


class Person(Inputs):
    name: str


class Greet(Action):
    name = "greet"

    async def run(self, inputs: Person, call: Call) -> str:
        if inputs.name == "nobody":
            raise Conflict("nobody is here")
        return f"Hello, {inputs.name}!"


class GreetTwice(Action):
    name = "greet:twice"

    async def run(self, inputs: Person, call: Call) -> None:
        await call.run(Greet, inputs)


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Give a function that returns the lines that were written so far."""
    stream = io.StringIO()
    logs.configure("info", "json", colors=False, stream=stream)

    def read() -> list[dict[str, Any]]:
        logs.call_log.flush()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    yield read
    logs.shutdown()


@pytest.fixture
async def app(lines: object) -> AsyncIterator[RunningApp]:
    async with running_app(Greet, GreetTwice) as app:
        app.app.pipeline.call_log = logs.call_log
        yield app


async def test_the_line_says_who_called_what_and_what_came_of_it(
    app: RunningApp, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """Action, transport, outcome, milliseconds, request id, address, inputs."""
    await app.app.pipeline.execute(
        Connection("web", "10.0.0.7"), "greet", TextPayload({"name": ["Ada"]}), request_id="r-1"
    )

    [line] = lines()
    assert line.pop("milliseconds") >= 0
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "actionhero.call",
        "message": "call",
        "action": "greet",
        "transport": "web",
        "outcome": "ok",
        "request_id": "r-1",
        "remote": "10.0.0.7",
        "inputs": {"name": "Ada"},
    }


async def test_a_failure_is_told_by_its_type(
    app: RunningApp, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """Of the action, of the inputs, or because there is no such action."""
    caller = app.connect()
    for action, inputs in (("greet", {"name": "nobody"}), ("greet", {}), ("x" * 300, {})):
        assert not (await caller.outcome(action, **inputs)).ok

    told = [(line["action"], line["outcome"], line["inputs"]) for line in lines()]
    assert told == [
        ("greet", "CONNECTION_ACTION_CONFLICT", {"name": "nobody"}),
        ("greet", "CONNECTION_ACTION_PARAM_REQUIRED", {}),
        # What a stranger wrote in place of a name is cut.
        ("x" * 100, "CONNECTION_ACTION_NOT_FOUND", {}),
    ]


async def test_a_cancelled_call_has_its_line(
    app: RunningApp, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """Whoever left is seen in the log."""
    begun = asyncio.Event()

    class Wait(Action):
        name = "wait"

        async def run(self, call: Call) -> None:
            begun.set()
            await asyncio.Event().wait()

    async with running_app(Wait) as other:
        other.app.pipeline.call_log = logs.call_log
        calling = asyncio.create_task(other.call("wait"))
        await begun.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling

    assert [(line["action"], line["outcome"]) for line in lines()] == [("wait", "cancelled")]


async def test_an_action_inside_another_has_a_line_with_the_same_request_id(
    app: RunningApp, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """The inner one ends first."""
    await app.call("greet:twice", name="Ada")

    inner, outer = lines()
    assert (inner["action"], outer["action"]) == ("greet", "greet:twice")
    assert inner["request_id"] == outer["request_id"]


async def test_what_a_door_refuses_by_itself_has_its_line(
    app: RunningApp, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """A path without a route is seen in the log as well."""
    app.app.pipeline.refuse(Connection("web"), ActionNotFound("Action not found"), request_id="r-1")

    [line] = lines()
    assert (line["action"], line["outcome"]) == ("", "CONNECTION_ACTION_NOT_FOUND")
    assert (line["request_id"], line["inputs"]) == ("r-1", {})


async def test_a_stream_has_its_line_when_it_ends(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    """Not when it begins: only then it is known what came of it."""
    seen: list[int] = []

    class Count(Action):
        name = "count"

        async def run(self, call: Call) -> AsyncIterator[int]:
            yield 1

    async def take(item: int) -> None:
        seen.append(len(lines()))

    async with running_app(Count) as app:
        app.app.pipeline.call_log = logs.call_log
        await app.app.pipeline.execute(Connection("test"), "count", EMPTY_PAYLOAD, sink=take)

    assert seen == [0]
    assert len(lines()) == 1
