"""The call object: nested calls, cancellation, resources and identifiers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actionhero import (
    Action,
    Application,
    BootError,
    Call,
    Conflict,
    Connection,
    Initializer,
    Inputs,
    Middleware,
    Outcome,
    TypedError,
)
from actionhero.inputs.payloads import ValuePayload
from actionhero.settings import AppSettings
from actionhero.testing import running_app


class Person(Inputs):
    name: str


class Greeting(Inputs):
    greeting: str


class Greet(Action):
    name = "greet"

    async def run(self, inputs: Person, call: Call) -> Greeting:
        return Greeting(greeting=f"Hello, {inputs.name}!")


class Refuse(Action):
    name = "refuse"

    async def run(self, inputs: Person, call: Call) -> None:
        raise Conflict(f"{inputs.name} is taken", key="name", value=inputs.name)


class GreetTwice(Action):
    name = "greet:twice"

    async def run(self, inputs: Person, call: Call) -> list[str]:
        first = await call.run(Greet, inputs)
        second = await call.run(Greet, Person(name="you too"))
        return [first.greeting, second.greeting]


async def test_an_action_calls_another() -> None:
    """The other action gets an instance of its inputs, and returns its result unchanged."""
    async with running_app(Greet, GreetTwice) as app:
        greetings = await app.call("greet:twice", name="Ada")

    assert greetings == ["Hello, Ada!", "Hello, you too!"]


async def test_the_error_of_a_nested_call_is_raised() -> None:
    """The client gets the error of the nested call, unless the outer action catches it."""

    class Propagates(Action):
        name = "propagates"

        async def run(self, inputs: Person, call: Call) -> None:
            await call.run(Refuse, inputs)

    class Catches(Action):
        name = "catches"

        async def run(self, inputs: Person, call: Call) -> str:
            try:
                await call.run(Refuse, inputs)
            except Conflict as error:
                return error.message
            return "free"

    async with running_app(Refuse, Propagates, Catches) as app:
        with pytest.raises(Conflict) as raised:
            await app.call("propagates", name="Ada")

        assert await app.call("catches", name="Ada") == "Ada is taken"
    assert (raised.value.key, raised.value.value) == ("name", "Ada")


async def test_an_unexpected_error_of_a_nested_call_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has one traceback, of the inner action."""

    class Breaks(Action):
        name = "breaks"

        async def run(self, call: Call) -> None:
            raise RuntimeError("out of memory")

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> None:
            await call.run(Breaks)

    async with running_app(Breaks, Outer) as app:
        with pytest.raises(TypedError, match="Internal error"):
            await app.call("outer")

    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["action 'breaks' failed: out of memory"]


async def test_a_nested_call_has_its_own_middleware_and_the_same_connection() -> None:
    """It goes through the pipeline, for the same connection and request."""
    seen: list[tuple[str, str, str | None, str]] = []

    class Record(Middleware):
        async def before(self, call: Call) -> None:
            connection = call.connection
            seen.append((call.action.name, connection.id, connection.remote, call.request_id))

    class Inner(Action):
        name = "inner"
        middleware = [Record()]

        async def run(self, call: Call) -> None: ...

    class Outer(Action):
        name = "outer"
        middleware = [Record()]

        async def run(self, call: Call) -> None:
            await call.run(Inner)

    async with running_app(Inner, Outer) as app:
        caller = app.connect("10.0.0.7")
        await caller.call("outer")

    (outer, *one), (inner, *other) = seen
    assert (outer, inner) == ("outer", "inner")
    assert one == other
    assert one[1] == "10.0.0.7"


async def test_an_action_that_is_not_registered_cannot_be_called() -> None:
    """The class alone is not enough. The client has not asked for it: it gets no 404."""

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> None:
            await call.run(Greet, Person(name="Ada"))

    async with running_app(Outer) as app:
        with pytest.raises(TypedError, match=r"^Internal error$") as raised:
            await app.call("outer")

    assert "call.run(Greet): Action not found: Greet" in str(raised.value.__cause__)


async def test_inputs_are_no_options_of_run() -> None:
    """As they are of calls in tests: the message says how to pass them."""

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> None:
            await call.run(Greet, name="Ada")  # type: ignore[call-overload]

    async with running_app(Outer, Greet) as app:
        with pytest.raises(TypedError, match=r"^Internal error$") as raised:
            await app.call("outer")

    assert str(raised.value.__cause__) == (
        "call.run has no option 'name'; inputs are one argument, as in call.run(Greet, {'name': …})"
    )


async def test_nested_calls_can_run_concurrently() -> None:
    """Two nested calls do not wait for each other."""
    both = asyncio.Barrier(2)

    class Meet(Action):
        name = "meet"

        async def run(self, inputs: Person, call: Call) -> str:
            await both.wait()
            return inputs.name

    class MeetEachOther(Action):
        name = "meet:each-other"

        async def run(self, call: Call) -> list[str]:
            meetings = (call.run(Meet, Person(name=name)) for name in ("Ada", "Grace"))
            return await asyncio.gather(*meetings)

    async with running_app(Meet, MeetEachOther) as app:
        assert await app.call("meet:each-other") == ["Ada", "Grace"]


async def test_a_disconnect_cancels_nested_calls() -> None:
    """The cancellation reaches the innermost action and all middleware."""
    started = asyncio.Event()
    cancelled: list[tuple[str, bool]] = []

    class Record(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> None:
            cancelled.append((call.action.name, outcome.cancelled))

    class Inner(Action):
        name = "inner"

        async def run(self, call: Call) -> None:
            started.set()
            await asyncio.Event().wait()

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> None:
            await call.run(Inner)

    async with running_app(Inner, Outer, Record()) as app:
        task = asyncio.create_task(app.call("outer"))
        await started.wait()

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
    assert cancelled == [("inner", True), ("outer", True)]


async def test_a_cancelled_task_inside_a_call_is_an_error() -> None:
    """Only a cancellation of the call itself cancels the call."""

    class Waits(Action):
        name = "waits"

        async def run(self, call: Call) -> None:
            other = asyncio.create_task(asyncio.Event().wait())
            other.cancel()
            await other

    async with running_app(Waits) as app:
        with pytest.raises(TypedError, match="Internal error"):
            await app.call("waits")


async def test_a_cancellation_in_after_does_not_skip_outer_middleware() -> None:
    """The outer middleware sees a cancelled outcome."""
    started = asyncio.Event()
    seen: list[bool] = []

    class Outer(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> None:
            seen.append(outcome.cancelled)

    class Slow(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> None:
            started.set()
            await asyncio.Event().wait()

    class Work(Action):
        name = "work"
        middleware = [Outer(), Slow()]

        async def run(self, call: Call) -> None: ...

    async with running_app(Work) as app:
        task = asyncio.create_task(app.call("work"))
        await started.wait()

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
    assert seen == [True]


async def test_middleware_cannot_replace_a_cancellation() -> None:
    """An outcome with a value does not keep a disconnected client."""
    started = asyncio.Event()

    class Replace(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> Outcome:
            return Outcome("replaced")

    class Work(Action):
        name = "work"

        async def run(self, call: Call) -> None:
            started.set()
            await asyncio.Event().wait()

    async with running_app(Work, Replace()) as app:
        task = asyncio.create_task(app.call("work"))
        await started.wait()

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task


class Pool:
    """A resource."""


class PoolInitializer(Initializer):
    name = "pool"

    async def initialize(self, app: Application) -> None:
        app.provide(Pool, Pool())


async def test_get_returns_resources_by_type() -> None:
    """Resources of initializers, settings and the application."""

    class Ask(Action):
        name = "ask"

        async def run(self, call: Call) -> Any:
            return [call.get(Pool), call.get(AppSettings), call.get(Application)]

    async with running_app(Ask, PoolInitializer) as app:
        pool, settings, application = await app.call("ask")

        assert pool is app.get(Pool)
        assert settings is app.get(AppSettings)
        assert application is app.app


async def test_a_missing_resource_is_reported_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has the missing type, the known ones and a remedy; the client gets no details."""

    class Ask(Action):
        name = "ask"

        async def run(self, call: Call) -> None:
            call.get(Pool)

    async with running_app(Ask) as app:
        with pytest.raises(TypedError, match="Internal error") as raised:
            await app.call("ask")

    assert isinstance(raised.value.__cause__, BootError)
    [record] = caplog.records
    assert "nothing provides 'Pool'; available: ActionsSettings, App, AppSettings" in record.message
    assert "Install and enable the plugin whose initializer provides it" in record.message


async def test_the_repr_of_a_call_has_action_and_connection() -> None:
    """For logs."""

    class Report(Action):
        name = "report"

        async def run(self, call: Call) -> str:
            return repr(call)

    async with running_app(Report) as app:
        text = await app.connect("10.0.0.7").call("report")

    assert text == "<Call of 'report' by <Connection test from 10.0.0.7>>"


async def test_the_repr_of_an_outcome_has_no_value() -> None:
    """A value may be long or secret."""
    assert repr(Outcome({"password": "hunter2"})) == "<Outcome value>"
    assert repr(Outcome(error=Conflict("taken"))) == "<Outcome Conflict('taken')>"
    with pytest.raises(Conflict, match="taken"):
        Outcome(error=Conflict("taken")).unwrap()


async def test_a_connection_has_one_identifier() -> None:
    """It comes from the transport or is generated; the transport's object is available."""
    request = object()
    connection = Connection("web", "10.0.0.7", raw=request)

    assert connection.id == connection.id
    assert connection.id != Connection("web").id
    assert Connection("web", id="c-1").id == "c-1"
    assert connection.raw is request


async def test_each_call_has_its_own_request_identifier() -> None:
    """It is generated unless the transport passes one."""

    class Report(Action):
        name = "report"

        async def run(self, call: Call) -> str:
            return call.request_id

    async with running_app(Report) as app:
        execute = app.app.pipeline.execute
        caller = app.connect()

        first, second = await caller.call("report"), await caller.call("report")
        passed = await execute(Connection("test"), "report", ValuePayload({}), request_id="r-1")

    assert first != second
    assert passed.value == "r-1"
