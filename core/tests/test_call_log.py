"""The log line of a call, for every outcome."""

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
        if inputs.name == "Eve":
            raise Conflict("name is taken")
        return f"Hello, {inputs.name}!"


class GreetTwice(Action):
    name = "greet:twice"

    async def run(self, inputs: Person, call: Call) -> None:
        await call.run(Greet, inputs)


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """A function that returns the written lines."""
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


async def test_the_line_has_all_facts_of_a_call(
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


async def test_the_outcome_of_a_failure_is_its_type(
    app: RunningApp, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """For errors of the action, invalid inputs and unknown actions."""
    caller = app.connect()
    for action, inputs in (("greet", {"name": "Eve"}), ("greet", {}), ("x" * 300, {})):
        assert not (await caller.outcome(action, **inputs)).ok

    facts = [(line["action"], line["outcome"], line["inputs"]) for line in lines()]
    assert facts == [
        ("greet", "CONNECTION_ACTION_CONFLICT", {"name": "Eve"}),
        ("greet", "CONNECTION_ACTION_PARAM_REQUIRED", {}),
        # Unknown names are truncated.
        ("x" * 100, "CONNECTION_ACTION_NOT_FOUND", {}),
    ]


async def test_cancelled_calls_are_logged(
    app: RunningApp, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """Disconnected clients are visible in the log."""
    started = asyncio.Event()

    class Wait(Action):
        name = "wait"

        async def run(self, call: Call) -> None:
            started.set()
            await asyncio.Event().wait()

    async with running_app(Wait) as other:
        other.app.pipeline.call_log = logs.call_log
        calling = asyncio.create_task(other.call("wait"))
        await started.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling

    assert [(line["action"], line["outcome"]) for line in lines()] == [("wait", "cancelled")]


async def test_nested_calls_have_the_same_request_id(
    app: RunningApp, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """The inner call ends first."""
    await app.call("greet:twice", name="Ada")

    inner, outer = lines()
    assert (inner["action"], outer["action"]) == ("greet", "greet:twice")
    assert inner["request_id"] == outer["request_id"]


async def test_requests_that_a_transport_rejects_are_logged(
    app: RunningApp, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """Such as a path without a route."""
    app.app.pipeline.refuse(Connection("web"), ActionNotFound("Action not found"), request_id="r-1")

    [line] = lines()
    assert (line["action"], line["outcome"]) == ("", "CONNECTION_ACTION_NOT_FOUND")
    assert (line["request_id"], line["inputs"]) == ("r-1", {})


async def test_streams_are_logged_when_they_end(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    """The outcome is unknown before."""
    counts: list[int] = []

    class Count(Action):
        name = "count"

        async def run(self, call: Call) -> AsyncIterator[int]:
            yield 1

    async def count_lines(item: int) -> None:
        counts.append(len(lines()))

    async with running_app(Count) as app:
        app.app.pipeline.call_log = logs.call_log
        await app.app.pipeline.execute(Connection("test"), "count", EMPTY_PAYLOAD, sink=count_lines)

    assert counts == [0]
    assert len(lines()) == 1
