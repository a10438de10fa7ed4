"""Actions that answer in pieces: what becomes of each item, and of what comes after the last."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Call, Conflict, Connection, Inputs, Middleware, Outcome, TypedError
from actionhero.raw import NO_INPUTS, ValueInputs
from actionhero.testing import running_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Upto(Inputs):
    number: int


class Count(Action):
    """Count up to a number."""

    name = "count"

    async def run(self, inputs: Upto, call: Call) -> AsyncIterator[int]:
        for number in range(inputs.number):
            yield number


class Fails(Action):
    name = "fails"

    async def run(self, call: Call) -> AsyncIterator[int]:
        yield 1
        yield 2
        raise Conflict("the third is taken")


class Watched(Action):
    """Waits for ever after its first item, and tells how it was left."""

    name = "watched"

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.closed: list[str] = []

    async def run(self, call: Call) -> AsyncIterator[str]:
        try:
            yield "first"
            self.begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.closed.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            self.closed.append("closed")


async def test_without_anybody_who_takes_items_they_make_a_list() -> None:
    """In a test, on the command line and as a job, a stream is a list."""
    async with running_app(Count) as app:
        assert await app.call("count", number=3) == [0, 1, 2]


async def test_a_stream_without_items_is_an_empty_list() -> None:
    """Nothing to tell is told as nothing."""
    async with running_app(Count) as app:
        assert await app.call("count", number=0) == []


async def test_each_item_is_taken_before_the_next_is_made() -> None:
    """Whoever takes the items slowly slows down the action: nothing piles up in between."""
    notes: list[str] = []

    class Noted(Action):
        name = "noted"

        async def run(self, call: Call) -> AsyncIterator[int]:
            for number in range(3):
                notes.append(f"made {number}")
                yield number

    async def take(item: Any) -> None:
        await asyncio.sleep(0)
        notes.append(f"taken {item}")

    async with running_app(Noted) as app:
        outcome = await app.app.pipeline.execute(Connection("test"), "noted", NO_INPUTS, sink=take)

    assert outcome.ok
    assert outcome.value is None
    assert notes == ["made 0", "taken 0", "made 1", "taken 1", "made 2", "taken 2"]


async def test_what_fails_after_some_items_is_an_error() -> None:
    """Items that were taken stay taken, and the outcome is the error."""
    taken: list[int] = []

    async def take(item: int) -> None:
        taken.append(item)

    async with running_app(Fails) as app:
        outcome = await app.app.pipeline.execute(Connection("test"), "fails", NO_INPUTS, sink=take)

    assert taken == [1, 2]
    assert isinstance(outcome.error, Conflict)
    assert outcome.error.message == "the third is taken"


async def test_a_list_that_is_not_whole_is_not_told() -> None:
    """Where items make a list, a later failure leaves no half of it."""
    async with running_app(Fails) as app:
        with pytest.raises(Conflict, match="the third is taken"):
            await app.call("fails")


async def test_after_runs_when_the_last_item_is_taken() -> None:
    """A transaction around a stream is open until the stream ends."""
    notes: list[Any] = []

    class Around(Middleware):
        async def before(self, call: Call) -> None:
            notes.append("before")

        async def after(self, call: Call, outcome: Outcome) -> None:
            notes.append("after")

    async def take(item: int) -> None:
        notes.append(item)

    async with running_app(Count, Around()) as app:
        await app.app.pipeline.execute(
            Connection("test"),
            "count",
            ValueInputs({"number": 2}),
            sink=take,
        )

    assert notes == ["before", 0, 1, "after"]


async def test_somebody_who_goes_away_ends_the_stream() -> None:
    """The generator is closed before the call ends, so what it holds is given back at once."""
    async with running_app(Watched) as app:
        action: Any = app.app.actions.of_type(Watched).instance
        calling = asyncio.create_task(app.call("watched"))
        await action.begun.wait()

        calling.cancel()

        with pytest.raises(asyncio.CancelledError):
            await calling
        assert action.closed == ["cancelled", "closed"]


async def test_somebody_who_goes_away_while_an_item_is_taken_ends_the_stream() -> None:
    """A generator that waits to be asked on is closed too."""
    taking = asyncio.Event()

    async def take(item: Any) -> None:
        taking.set()
        await asyncio.Event().wait()

    async with running_app(Watched) as app:
        action: Any = app.app.actions.of_type(Watched).instance
        calling = asyncio.create_task(
            app.app.pipeline.execute(Connection("test"), "watched", NO_INPUTS, sink=take)
        )
        await taking.wait()

        calling.cancel()

        with pytest.raises(asyncio.CancelledError):
            await calling
        assert action.closed == ["closed"]


async def test_an_item_that_cannot_be_taken_ends_the_stream() -> None:
    """If a door fails to hand an item on, the action is closed and the call has failed."""

    async def take(item: Any) -> None:
        raise RuntimeError("the door fell shut")

    async with running_app(Watched) as app:
        action: Any = app.app.actions.of_type(Watched).instance

        outcome = await app.app.pipeline.execute(
            Connection("test"), "watched", NO_INPUTS, sink=take
        )

    assert isinstance(outcome.error, TypedError)
    assert outcome.error.message == "Internal error"
    assert action.closed == ["closed"]


async def test_a_stream_inside_another_action_is_a_list() -> None:
    """`call.run` of an action that streams gives all items together."""

    class Sum(Action):
        name = "sum"

        async def run(self, inputs: Upto, call: Call) -> int:
            numbers = await call.run(Count, inputs)
            return sum(numbers)

    async with running_app(Count, Sum) as app:
        assert await app.call("sum", number=4) == 6
