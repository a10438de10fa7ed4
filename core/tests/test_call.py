"""What an action has in hand while it runs: who calls, what is provided, and other actions."""

from __future__ import annotations

import asyncio

import pytest

from actionhero import (
    Action,
    ActionNotFound,
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


async def test_an_action_runs_another() -> None:
    """The other action gets an instance of its inputs, and gives its value as it is."""
    async with running_app(Greet, GreetTwice) as app:
        greetings = await app.call("greet:twice", name="Ada")

    assert greetings == ["Hello, Ada!", "Hello, you too!"]


async def test_the_error_of_the_other_action_is_raised() -> None:
    """What the other action refuses, the caller of both is told, unless somebody catches it."""

    class SignedTokens(Action):
        name = "passes"

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

    async with running_app(Refuse, SignedTokens, Catches) as app:
        with pytest.raises(Conflict) as raised:
            await app.call("passes", name="Ada")

        assert await app.call("catches", name="Ada") == "Ada is taken"
    assert (raised.value.key, raised.value.value) == ("name", "Ada")


async def test_an_unexpected_failure_of_the_other_action_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has one traceback, of the action in which it happened."""

    class Breaks(Action):
        name = "breaks"

        async def run(self, call: Call) -> None:
            raise RuntimeError("the cellar is flooded")

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> None:
            await call.run(Breaks)

    async with running_app(Breaks, Outer) as app:
        with pytest.raises(TypedError, match="Internal error"):
            await app.call("outer")

    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["action 'breaks' failed: the cellar is flooded"]


async def test_the_other_action_has_its_own_middleware_and_the_same_caller() -> None:
    """It takes the whole way of a call: with its layers, for the same connection and request."""
    seen: list[tuple[str, str, str | None, str]] = []

    class Look(Middleware):
        async def before(self, call: Call) -> None:
            connection = call.connection
            seen.append((call.action.name, connection.id, connection.remote, call.request_id))

    class Inner(Action):
        name = "inner"
        middleware = [Look()]

        async def run(self, call: Call) -> None: ...

    class Outer(Action):
        name = "outer"
        middleware = [Look()]

        async def run(self, call: Call) -> None:
            await call.run(Inner)

    async with running_app(Inner, Outer) as app:
        caller = app.connect("10.0.0.7")
        await caller.call("outer")

    (outer, *one), (inner, *other) = seen
    assert (outer, inner) == ("outer", "inner")
    assert one == other
    assert one[1] == "10.0.0.7"


async def test_an_action_that_is_not_registered_cannot_be_run() -> None:
    """The class alone is not enough: its plugin must be there."""

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> None:
            await call.run(Greet, Person(name="Ada"))

    async with running_app(Outer) as app:
        with pytest.raises(ActionNotFound, match="Action not found: Greet"):
            await app.call("outer")


async def test_other_actions_may_run_at_the_same_time() -> None:
    """Two actions inside one call do not wait for each other."""
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


async def test_somebody_who_goes_away_ends_the_other_action_too() -> None:
    """Cancellation reaches the innermost action, and every layer on the way out."""
    begun = asyncio.Event()
    cancelled: list[tuple[str, bool]] = []

    class Look(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> None:
            cancelled.append((call.action.name, outcome.cancelled))

    class Inner(Action):
        name = "inner"

        async def run(self, call: Call) -> None:
            begun.set()
            await asyncio.Event().wait()

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> None:
            await call.run(Inner)

    async with running_app(Inner, Outer, Look()) as app:
        calling = asyncio.create_task(app.call("outer"))
        await begun.wait()

        calling.cancel()

        with pytest.raises(asyncio.CancelledError):
            await calling
    assert cancelled == [("inner", True), ("outer", True)]


async def test_something_else_that_was_cancelled_is_a_failure_of_the_call() -> None:
    """A call is only cancelled by who cancels it, not by a task that it waits for."""

    class Waits(Action):
        name = "waits"

        async def run(self, call: Call) -> None:
            other = asyncio.create_task(asyncio.Event().wait())
            other.cancel()
            await other

    async with running_app(Waits) as app:
        with pytest.raises(TypedError, match="Internal error"):
            await app.call("waits")


async def test_after_may_be_cancelled_and_the_rest_still_runs() -> None:
    """A cancellation in one layer's `after` passes through the layers outside of it."""
    begun = asyncio.Event()
    seen: list[bool] = []

    class Outer(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> None:
            seen.append(outcome.cancelled)

    class Slow(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> None:
            begun.set()
            await asyncio.Event().wait()

    class Work(Action):
        name = "work"
        middleware = [Outer(), Slow()]

        async def run(self, call: Call) -> None: ...

    async with running_app(Work) as app:
        calling = asyncio.create_task(app.call("work"))
        await begun.wait()

        calling.cancel()

        with pytest.raises(asyncio.CancelledError):
            await calling
    assert seen == [True]


async def test_a_value_in_place_of_a_cancellation_does_not_stop_it() -> None:
    """A layer that turns errors into values cannot keep somebody who has left."""
    begun = asyncio.Event()

    class Save(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> Outcome:
            return Outcome("saved")

    class Work(Action):
        name = "work"

        async def run(self, call: Call) -> None:
            begun.set()
            await asyncio.Event().wait()

    async with running_app(Work, Save()) as app:
        calling = asyncio.create_task(app.call("work"))
        await begun.wait()

        calling.cancel()

        with pytest.raises(asyncio.CancelledError):
            await calling


class Pool:
    """What an initializer provides."""


class PoolInitializer(Initializer):
    name = "pool"

    async def initialize(self, app: Application) -> None:
        app.provide(Pool, Pool())


async def test_what_is_provided_is_reached_by_its_type() -> None:
    """An action asks for the class, and gets the one that the initializer provided."""

    class Ask(Action):
        name = "ask"

        async def run(self, call: Call) -> list[object]:
            return [call.get(Pool), call.get(AppSettings), call.get(Application)]

    async with running_app(Ask, PoolInitializer) as app:
        pool, settings, application = await app.call("ask")

        assert pool is app.get(Pool)
        assert settings is app.get(AppSettings)
        assert application is app.app


async def test_what_nobody_provides_is_told_to_the_developer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log says what is missing, what there is and what to do; the caller learns nothing."""

    class Ask(Action):
        name = "ask"

        async def run(self, call: Call) -> None:
            call.get(Pool)

    async with running_app(Ask) as app:
        with pytest.raises(TypedError, match="Internal error") as raised:
            await app.call("ask")

    assert isinstance(raised.value.__cause__, BootError)
    [record] = caplog.records
    assert "nothing provides 'Pool'; there are: ActionsSettings, App, AppSettings" in record.message
    assert "Install and enable the plugin whose initializer provides it" in record.message


async def test_a_call_tells_who_makes_it() -> None:
    """The text of a call is for logs: which action, by whom."""

    class Tell(Action):
        name = "tell"

        async def run(self, call: Call) -> str:
            return repr(call)

    async with running_app(Tell) as app:
        told = await app.connect("10.0.0.7").call("tell")

    assert told == "<Call of 'tell' by <Connection test from 10.0.0.7>>"


async def test_an_outcome_tells_what_it_is() -> None:
    """A value is not shown: it may be long, or secret."""
    assert repr(Outcome({"password": "hunter2"})) == "<Outcome value>"
    assert repr(Outcome(error=Conflict("taken"))) == "<Outcome Conflict('taken')>"
    with pytest.raises(Conflict, match="taken"):
        Outcome(error=Conflict("taken")).unwrap()


async def test_a_connection_has_one_identifier_for_as_long_as_it_stays() -> None:
    """It is given by the door or made up, and the door's own object can be reached."""
    raw = object()
    connection = Connection("web", "10.0.0.7", raw=raw)

    assert connection.id == connection.id
    assert connection.id != Connection("web").id
    assert Connection("web", id="c-1").id == "c-1"
    assert connection.raw is raw


async def test_each_call_has_an_identifier_of_its_own() -> None:
    """Where the door gives none, one is made for each call."""

    class Tell(Action):
        name = "tell"

        async def run(self, call: Call) -> str:
            return call.request_id

    async with running_app(Tell) as app:
        execute = app.app.pipeline.execute
        caller = app.connect()

        first, second = await caller.call("tell"), await caller.call("tell")
        given = await execute(Connection("test"), "tell", ValuePayload({}), request_id="r-1")

    assert first != second
    assert given.value == "r-1"
