"""Actions that answer in pieces: what becomes of each item, and of what comes after the last."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import (
    Action,
    Call,
    Conflict,
    Connection,
    Event,
    Inputs,
    InvalidInput,
    Middleware,
    Outcome,
    Stream,
    TypedError,
)
from actionhero.inputs.output_schema import OutputSchema
from actionhero.inputs.payloads import EMPTY_PAYLOAD, ValuePayload
from actionhero.streams import Chunk
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
        outcome = await app.app.pipeline.execute(
            Connection("test"), "noted", EMPTY_PAYLOAD, sink=take
        )

    assert outcome.ok
    assert outcome.value is None
    assert notes == ["made 0", "taken 0", "made 1", "taken 1", "made 2", "taken 2"]


async def test_what_fails_after_some_items_is_an_error() -> None:
    """Items that were taken stay taken, and the outcome is the error."""
    taken: list[int] = []

    async def take(item: int) -> None:
        taken.append(item)

    async with running_app(Fails) as app:
        outcome = await app.app.pipeline.execute(
            Connection("test"), "fails", EMPTY_PAYLOAD, sink=take
        )

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
            ValuePayload({"number": 2}),
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
            app.app.pipeline.execute(Connection("test"), "watched", EMPTY_PAYLOAD, sink=take)
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
            Connection("test"), "watched", EMPTY_PAYLOAD, sink=take
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


class Ticks(Action):
    """Events with names."""

    name = "ticks"

    async def run(self, inputs: Upto) -> AsyncIterator[Event[int]]:
        for number in range(inputs.number):
            yield Event(number, event="tick", id=str(number))


class Export(Action):
    """Chunks; none, if there is nothing to tell."""

    name = "export"

    async def run(self, inputs: Upto) -> Stream | None:
        async def rows() -> AsyncIterator[bytes | str]:
            for number in range(inputs.number):
                yield f"{number}\n"

        return Stream(rows(), "text/csv") if inputs.number else None


async def test_of_events_the_data_make_the_list() -> None:
    """Their names and identifiers are for who follows along; `call.run` gives the same."""

    class Sum(Action):
        name = "sum"

        async def run(self, inputs: Upto, call: Call) -> int:
            return sum(await call.run(Ticks, inputs))

    async with running_app(Ticks, Sum) as app:
        assert await app.call("ticks", number=3) == [0, 1, 2]
        assert await app.call("sum", number=4) == 6


async def test_a_stream_that_is_returned_is_pulled_too() -> None:
    """Its pieces make a list, or go to whoever takes them together with what they are."""
    taken: list[Any] = []

    async def take(item: Any) -> None:
        taken.append(item)

    async with running_app(Export) as app:
        assert await app.call("export", number=2) == ["0\n", "1\n"]
        outcome = await app.app.pipeline.execute(
            Connection("test"), "export", ValuePayload({"number": 1}), sink=take
        )

    assert taken == [Chunk("0\n", "text/csv")]
    # For the head of an answer without any piece.
    assert outcome.value.media_type == "text/csv"


async def test_an_action_that_may_stream_need_not() -> None:
    """What it returns in its place is its value."""
    async with running_app(Export) as app:
        assert await app.call("export", number=0) is None


async def test_whoever_takes_items_may_have_enough() -> None:
    """The action is closed, and the call has ended well."""
    taken: list[Any] = []

    async def take(item: Any) -> bool:
        taken.append(item)
        return False

    async with running_app(Watched) as app:
        action: Any = app.app.actions.of_type(Watched).instance
        outcome = await app.app.pipeline.execute(
            Connection("test"), "watched", EMPTY_PAYLOAD, sink=take
        )

    assert outcome.ok
    assert taken == ["first"]
    assert action.closed == ["closed"]


@pytest.mark.parametrize("media_type", ["text", "text/csv\r\nSet-Cookie: a=b", "täxt/csv", ""])
def test_a_stream_has_a_media_type(media_type: str) -> None:
    """It becomes a header, so it must be one line, and one that means something."""
    with pytest.raises(ValueError, match=r"the media type .* of a stream is none"):
        Stream(AsyncNothing(), media_type)


class AsyncNothing:
    """Not even a generator."""

    def __aiter__(self) -> AsyncNothing:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


async def test_a_test_may_look_at_items_as_they_come() -> None:
    """As the action yields them; the action waits for whoever looks."""
    async with running_app(Ticks, Export) as app:
        ticks = [item async for item in app.stream("ticks", number=2)]
        rows = [item async for item in app.stream("export", number=2)]

    assert ticks == [Event(0, event="tick", id="0"), Event(1, event="tick", id="1")]
    assert rows == ["0\n", "1\n"]


async def test_a_test_that_has_seen_enough_ends_the_stream() -> None:
    """As a client does that goes away."""
    async with running_app(Watched) as app:
        action: Any = app.app.actions.of_type(Watched).instance
        async with aclosing(app.stream("watched")) as items:
            assert await anext(items) == "first"

        assert action.closed == ["closed"]


async def test_a_test_sees_what_came_before_a_failure_and_then_the_failure() -> None:
    """Also a failure before anything came."""
    async with running_app(Fails, Count) as app:
        items = app.stream("fails")
        seen = [await anext(items), await anext(items)]
        with pytest.raises(Conflict, match="the third is taken"):
            await anext(items)
        with pytest.raises(InvalidInput):
            await anext(app.stream("count", number="many"))

    assert seen == [1, 2]


async def test_an_action_with_one_answer_is_no_stream() -> None:
    """The error says what to call in its place."""

    class Plain(Action):
        name = "plain"

        async def run(self) -> int:
            return 1

    async with running_app(Plain) as app:
        with pytest.raises(TypeError, match="'plain' does not stream; use call"):
            await anext(app.stream("plain"))


def test_in_a_document_an_event_is_its_data() -> None:
    """Its name and its identifier belong to how it is told."""
    schema = OutputSchema(Event[dict[str, int]]).json_schema()

    assert schema == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert OutputSchema(Event).json_schema() == {}


def test_events_are_equal_by_what_they_say() -> None:
    """So that a test can compare them, and shows what differs."""
    assert Event(1, id="7") == Event(1, id="7")
    assert Event(1, id="7") != Event(1, id="8")
    assert Event(1) != 1
    assert hash(Event(1)) == hash(Event(1))
    assert repr(Event(1, event="tick")) == "Event(1, event='tick', id=None, retry=None)"
