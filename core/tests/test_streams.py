"""Streams: their items, errors, and end."""

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
from actionhero.inputs.payloads import EMPTY_PAYLOAD, ValuePayload
from actionhero.outputs import OutputSchema
from actionhero.streams import Chunk, Item
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
        raise Conflict("third item failed")


class Endless(Action):
    """Waits for ever after its first item, and records its end."""

    name = "endless"

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.closed: list[str] = []

    async def run(self, call: Call) -> AsyncIterator[str]:
        try:
            yield "first"
            self.started.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.closed.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            self.closed.append("closed")


async def test_without_a_sink_items_become_a_list() -> None:
    """In a test, on the command line and as a job."""
    async with running_app(Count) as app:
        assert await app.call("count", number=3) == [0, 1, 2]


async def test_a_stream_without_items_is_an_empty_list() -> None:
    """The result is not `None`."""
    async with running_app(Count) as app:
        assert await app.call("count", number=0) == []


async def test_the_action_waits_for_the_sink() -> None:
    """A slow sink slows down the action, and nothing is buffered."""
    notes: list[str] = []

    class Recorded(Action):
        name = "recorded"

        async def run(self, call: Call) -> AsyncIterator[int]:
            for number in range(3):
                notes.append(f"yielded {number}")
                yield number

    async def sink(item: Any) -> None:
        await asyncio.sleep(0)
        notes.append(f"sent {item.value}")

    async with running_app(Recorded) as app:
        outcome = await app.app.pipeline.execute(
            Connection("test"), "recorded", EMPTY_PAYLOAD, sink=sink
        )

    assert outcome.ok
    assert outcome.value is None
    assert notes == ["yielded 0", "sent 0", "yielded 1", "sent 1", "yielded 2", "sent 2"]


async def test_an_error_after_some_items_is_the_outcome() -> None:
    """The items were sent before."""
    sent: list[int] = []

    async def sink(item: Item) -> None:
        sent.append(item.value)

    async with running_app(Fails) as app:
        outcome = await app.app.pipeline.execute(
            Connection("test"), "fails", EMPTY_PAYLOAD, sink=sink
        )

    assert sent == [1, 2]
    assert isinstance(outcome.error, Conflict)
    assert outcome.error.message == "third item failed"


async def test_an_incomplete_list_is_not_returned() -> None:
    """An error after some items is raised."""
    async with running_app(Fails) as app:
        with pytest.raises(Conflict, match="third item failed"):
            await app.call("fails")


async def test_after_runs_after_the_last_item() -> None:
    """A transaction around a stream is open until the stream ends."""
    notes: list[Any] = []

    class Around(Middleware):
        async def before(self, call: Call) -> None:
            notes.append("before")

        async def after(self, call: Call, outcome: Outcome) -> None:
            notes.append("after")

    async def sink(item: Item) -> None:
        notes.append(item.value)

    async with running_app(Count, Around()) as app:
        await app.app.pipeline.execute(
            Connection("test"),
            "count",
            ValuePayload({"number": 2}),
            sink=sink,
        )

    assert notes == ["before", 0, 1, "after"]


async def test_a_disconnect_closes_the_stream() -> None:
    """The generator is closed before the call ends, so it releases its resources at once."""
    async with running_app(Endless) as app:
        action: Any = app.app.actions.of_type(Endless).instance
        task = asyncio.create_task(app.call("endless"))
        await action.started.wait()

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert action.closed == ["cancelled", "closed"]


async def test_a_disconnect_during_the_sink_closes_the_stream() -> None:
    """A suspended generator is closed too."""
    sending = asyncio.Event()

    async def sink(item: Any) -> None:
        sending.set()
        await asyncio.Event().wait()

    async with running_app(Endless) as app:
        action: Any = app.app.actions.of_type(Endless).instance
        task = asyncio.create_task(
            app.app.pipeline.execute(Connection("test"), "endless", EMPTY_PAYLOAD, sink=sink)
        )
        await sending.wait()

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert action.closed == ["closed"]


async def test_an_error_of_the_sink_closes_the_stream() -> None:
    """The action is closed and the call fails."""

    async def sink(item: Any) -> None:
        raise RuntimeError("broken pipe")

    async with running_app(Endless) as app:
        action: Any = app.app.actions.of_type(Endless).instance

        outcome = await app.app.pipeline.execute(
            Connection("test"), "endless", EMPTY_PAYLOAD, sink=sink
        )

    assert isinstance(outcome.error, TypedError)
    assert outcome.error.message == "Internal error"
    assert action.closed == ["closed"]


async def test_a_nested_stream_is_a_list() -> None:
    """`call.run` returns all items."""

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
    """Chunks, or `None` for zero rows."""

    name = "export"

    async def run(self, inputs: Upto) -> Stream | None:
        async def rows() -> AsyncIterator[bytes | str]:
            for number in range(inputs.number):
                yield f"{number}\n"

        return Stream(rows(), "text/csv") if inputs.number else None


async def test_a_list_of_events_has_their_data() -> None:
    """`call.run` returns the same; names and identifiers are omitted."""

    class Sum(Action):
        name = "sum"

        async def run(self, inputs: Upto, call: Call) -> int:
            return sum(await call.run(Ticks, inputs))

    async with running_app(Ticks, Sum) as app:
        assert await app.call("ticks", number=3) == [0, 1, 2]
        assert await app.call("sum", number=4) == 6


async def test_a_returned_stream_is_consumed() -> None:
    """Its chunks become a list, or are sent with their media type."""
    sent: list[Any] = []

    async def sink(item: Any) -> None:
        sent.append(item)

    async with running_app(Export) as app:
        assert await app.call("export", number=2) == ["0\n", "1\n"]
        outcome = await app.app.pipeline.execute(
            Connection("test"), "export", ValuePayload({"number": 1}), sink=sink
        )

    assert sent == [Chunk("0\n", "text/csv")]
    # For the headers of a response without chunks.
    assert outcome.value.media_type == "text/csv"


async def test_an_action_may_return_another_value_than_a_stream() -> None:
    """The value is the result."""
    async with running_app(Export) as app:
        assert await app.call("export", number=0) is None


async def test_a_sink_can_end_the_stream() -> None:
    """The action is closed, and the call succeeds."""
    sent: list[Any] = []

    async def sink(item: Item) -> bool:
        sent.append(item.value)
        return False

    async with running_app(Endless) as app:
        action: Any = app.app.actions.of_type(Endless).instance
        outcome = await app.app.pipeline.execute(
            Connection("test"), "endless", EMPTY_PAYLOAD, sink=sink
        )

    assert outcome.ok
    assert sent == ["first"]
    assert action.closed == ["closed"]


@pytest.mark.parametrize("media_type", ["text", "text/csv\r\nSet-Cookie: a=b", "täxt/csv", ""])
def test_invalid_media_types_are_refused(media_type: str) -> None:
    """The media type becomes a header, so it must be one line."""
    with pytest.raises(ValueError, match=r"invalid media type .* of a stream"):
        Stream(EmptyIterator(), media_type)


class EmptyIterator:
    """An async iterator without `aclose`."""

    def __aiter__(self) -> EmptyIterator:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


async def test_the_test_caller_yields_items() -> None:
    """Items are those of the action, which waits for the iteration."""
    async with running_app(Ticks, Export) as app:
        ticks = [item async for item in app.stream("ticks", number=2)]
        rows = [item async for item in app.stream("export", number=2)]

    assert ticks == [Event(0, event="tick", id="0"), Event(1, event="tick", id="1")]
    assert rows == ["0\n", "1\n"]


async def test_closing_the_iteration_ends_the_stream() -> None:
    """Like a disconnect of a client."""
    async with running_app(Endless) as app:
        action: Any = app.app.actions.of_type(Endless).instance
        async with aclosing(app.stream("endless")) as items:
            assert await anext(items) == "first"

        assert action.closed == ["closed"]


async def test_the_test_caller_raises_the_error_after_the_items() -> None:
    """Also an error before the first item."""
    async with running_app(Fails, Count) as app:
        items = app.stream("fails")
        seen = [await anext(items), await anext(items)]
        with pytest.raises(Conflict, match="third item failed"):
            await anext(items)
        with pytest.raises(InvalidInput):
            await anext(app.stream("count", number="many"))

    assert seen == [1, 2]


async def test_stream_refuses_an_action_without_a_stream() -> None:
    """The error recommends `call`."""

    class Plain(Action):
        name = "plain"

        async def run(self) -> int:
            return 1

    async with running_app(Plain) as app:
        with pytest.raises(TypeError, match="'plain' does not stream; use call"):
            await anext(app.stream("plain"))


def test_the_schema_of_an_event_is_that_of_its_data() -> None:
    """Names and identifiers are not part of it."""
    schema = OutputSchema(Event[dict[str, int]]).json_schema()

    assert schema == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert OutputSchema(Event).json_schema() == {}


def test_events_compare_by_their_values() -> None:
    """So that tests can compare them."""
    assert Event(1, id="7") == Event(1, id="7")
    assert Event(1, id="7") != Event(1, id="8")
    assert Event(1) != 1
    assert hash(Event(1)) == hash(Event(1))
    assert repr(Event(1, event="tick")) == "Event(1, event='tick', id=None, retry=None)"
