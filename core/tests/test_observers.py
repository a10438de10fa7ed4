"""Observers of calls, trace fields, and taps of the log."""

from __future__ import annotations

import asyncio
import io
import logging
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import (
    Action,
    ActionNotFound,
    Call,
    Connection,
    Inputs,
    Observer,
    Secret,
    TypedError,
    hookimpl,
)
from actionhero.logs import add_tap, call_log, configure, shutdown
from actionhero.testing import running_app
from actionhero.transport import ValuePayload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from actionhero import Outcome


#: Set while a call waits.
WAITING = asyncio.Event()


class EchoInputs(Inputs):
    text: str
    password: Secret[str] | None = None


class Echo(Action):
    """Return the text."""

    name = "echo"

    async def run(self, inputs: EchoInputs, call: Call) -> str:
        if inputs.text == "fail":
            raise TypedError("failed")
        if inputs.text == "wait":
            WAITING.set()
            await asyncio.Event().wait()
        return inputs.text


class Outer(Action):
    """Call the other one."""

    name = "outer"

    async def run(self, call: Call) -> str:
        return str(await call.run(Echo, {"text": "inner"}))


class Recorder(Observer):
    """Records calls."""

    def __init__(self, name: str, events: list[Any]) -> None:
        self.name = name
        self.events = events

    def began(self, call: Call) -> str:
        self.events.append((self.name, "began", call.action.name))
        return f"mark of {self.name}"

    def ended(self, call: Call, outcome: Outcome, seconds: float, mark: Any) -> None:
        assert seconds > 0
        assert mark == f"mark of {self.name}"
        state = "cancelled" if outcome.cancelled else "ok" if outcome.ok else outcome.error
        text = str(state) if isinstance(state, str) else type(state).__name__
        self.events.append((self.name, "ended", call.action.name, text))

    def refused(self, connection: Connection, name: str, error: TypedError) -> None:
        self.events.append((self.name, "refused", name, type(error).__name__))


class Broken(Observer):
    """Always fails."""

    def began(self, call: Call) -> None:
        raise RuntimeError("began")

    def ended(self, call: Call, outcome: Outcome, seconds: float, mark: Any) -> None:
        raise RuntimeError("ended")

    def refused(self, connection: Connection, name: str, error: TypedError) -> None:
        raise RuntimeError("refused")

    def facts(self, call: Call) -> Mapping[str, Any]:
        raise RuntimeError("facts")


class ObserverPlugin:
    """A plugin with observers."""

    def __init__(self, *observers: Observer) -> None:
        self.observers = observers

    @hookimpl
    def actionhero_observers(self) -> list[Observer]:
        return list(self.observers)


async def test_an_observer_sees_each_call_from_its_beginning_to_its_end() -> None:
    """Inner calls too; the last observer that began is the first to hear of the end."""
    events: list[Any] = []
    plugin = ObserverPlugin(Recorder("a", events), Recorder("b", events))
    async with running_app(plugin, Echo, Outer) as app:
        await app.call("outer")
        with pytest.raises(TypedError):
            await app.call("echo", text="fail")
        with pytest.raises(TypedError):
            await app.call("echo")
        with pytest.raises(ActionNotFound):
            await app.call("missing")

    assert events == [
        ("a", "began", "outer"), ("b", "began", "outer"),
        ("a", "began", "echo"), ("b", "began", "echo"),
        ("b", "ended", "echo", "ok"), ("a", "ended", "echo", "ok"),
        ("b", "ended", "outer", "ok"), ("a", "ended", "outer", "ok"),
        ("a", "began", "echo"), ("b", "began", "echo"),
        ("b", "ended", "echo", "TypedError"), ("a", "ended", "echo", "TypedError"),
        ("a", "began", "echo"), ("b", "began", "echo"),
        ("b", "ended", "echo", "InvalidInput"), ("a", "ended", "echo", "InvalidInput"),
        ("a", "refused", "missing", "ActionNotFound"),
        ("b", "refused", "missing", "ActionNotFound"),
    ]  # fmt: skip


async def test_the_end_of_a_cancelled_call_is_observed() -> None:
    """Once, as of every call."""
    events: list[Any] = []
    async with running_app(ObserverPlugin(Recorder("a", events)), Echo) as app:
        task = asyncio.create_task(app.call("echo", text="wait"))
        await WAITING.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert events == [("a", "began", "echo"), ("a", "ended", "echo", "cancelled")]


async def test_the_end_of_a_closed_call_is_observed() -> None:
    """A transport may close the coroutine of a call."""
    events: list[Any] = []
    async with running_app(ObserverPlugin(Recorder("a", events)), Echo) as app:
        coroutine = app.app.pipeline.execute(
            Connection("test"), "echo", ValuePayload({"text": "wait"})
        )
        coroutine.send(None)
        coroutine.close()

    assert [event[1] for event in events] == ["began", "ended"]


async def test_a_failing_observer_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once, and the others are called."""
    events: list[Any] = []
    plugin = ObserverPlugin(Broken(), Recorder("a", events), Broken())
    async with running_app(plugin, Echo) as app:
        for _ in range(3):
            assert await app.call("echo", text="hello") == "hello"

    assert len(events) == 6
    lines = [record.message for record in caplog.records if "observer" in record.message]
    assert len(lines) == 1
    assert "test_observers.Broken has failed" in lines[0]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Log as JSON into memory."""
    stream = io.StringIO()
    configure("info", "json", stream=stream)
    yield stream
    shutdown()


async def test_an_observer_adds_facts_to_the_line_of_a_call(log: io.StringIO) -> None:
    """Such as the identifier of a trace."""

    class Trace(Observer):
        def facts(self, call: Call) -> Mapping[str, Any]:
            return {"trace_id": f"trace of {call.action.name}"}

    async with running_app(ObserverPlugin(Trace()), Echo) as app:
        app.app.pipeline.call_log = call_log
        await app.call("echo", text="hello")
        call_log.flush()

    assert '"trace_id":"trace of echo"' in log.getvalue()


async def test_a_tap_gets_the_facts_of_all_lines(log: io.StringIO) -> None:
    """Without secrets, until it is removed; its exceptions are ignored."""
    facts: list[Mapping[str, Any]] = []

    def broken(_: Mapping[str, Any]) -> None:
        raise RuntimeError

    removes = [add_tap(broken), add_tap(facts.append)]
    try:
        async with running_app(Echo) as app:
            app.app.pipeline.call_log = call_log
            await app.call("echo", text="hello", password="s3cret")
            logging.getLogger("shop").warning("sold %s", "soup", extra={"order": 7})
    finally:
        for remove in removes:
            remove()
    logging.getLogger("shop").warning("later")

    calls = [each for each in facts if each["logger"] == "actionhero.call"]
    assert [each["action"] for each in calls] == ["echo"]
    [sold] = [each for each in facts if each["logger"] == "shop"]
    assert (sold["message"], sold["order"], sold["level"]) == ("sold soup", 7, "warn")
    assert "s3cret" not in str(facts)


class Show(Action):
    """Return the trace fields."""

    name = "show"

    async def run(self, call: Call) -> dict[str, str]:
        return dict(call.carrier)


async def test_a_call_has_the_trace_fields_of_its_request() -> None:
    """From the headers of the request, or those that the transport passes."""

    class Request:
        headers = {"traceparent": "00-1", "cookie": "x"}

    async with running_app(Show) as app:
        pipeline = app.app.pipeline
        assert await app.call("show") == {}
        outcome = await pipeline.execute(Connection("web", raw=Request()), "show", ValuePayload({}))
        assert outcome.unwrap() == {"traceparent": "00-1"}
        outcome = await pipeline.execute(
            Connection("web", raw=Request()), "show", ValuePayload({}), carrier={"tracestate": "a"}
        )
        assert outcome.unwrap() == {"tracestate": "a"}
