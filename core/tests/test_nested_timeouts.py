"""Time limits of nested calls and of streams, on a clock that the tests control."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.clock import Clock

from actionhero import Action, Call, Connection, Middleware, Outcome, Timeout
from actionhero.testing import running_app
from actionhero.transport import DeferredPayload, ValuePayload

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

NINETY_SECONDS = timedelta(seconds=90)


def run(test: Callable[[Clock], Coroutine[Any, Any, None]]) -> None:
    """Run a test on a new loop, and check that no task remains on it."""

    async def checked() -> None:
        await test(clock)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock = Clock()
    with asyncio.Runner(loop_factory=lambda: clock) as runner:
        runner.run(checked())


class Work:
    """The work of an action, which the test can end."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.end = asyncio.Event()

    async def do(self) -> str:
        self.started.set()
        await self.end.wait()
        return "done"


class Recorder(Middleware):
    """Records outcomes."""

    def __init__(self) -> None:
        self.seen: list[Outcome] = []

    async def after(self, call: Call, outcome: Outcome) -> None:
        self.seen.append(outcome)


def nest(work: Work, inner: timedelta, outer: timedelta, *layers: Middleware) -> list[type[Action]]:
    """Return an action, and one that calls it and returns the message of its timeout."""

    class Inner(Action):
        name = "inner"
        timeout = inner
        middleware = layers

        async def run(self, call: Call) -> str:
            return await work.do()

    class Outer(Action):
        name = "outer"
        timeout = outer

        async def run(self, call: Call) -> str:
            try:
                return await call.run(Inner)
            except Timeout as error:
                return error.message

    return [Inner, Outer]


def test_a_nested_call_has_its_own_time_limit() -> None:
    """The outer action can catch the timeout of the inner one."""

    async def test(clock: Clock) -> None:
        work = Work()
        actions = nest(work, timedelta(seconds=10), NINETY_SECONDS)
        async with running_app(*actions) as app:
            task = asyncio.create_task(app.call("outer"))
            await work.started.wait()

            clock.elapsed_seconds += 11

            assert await task == "Action 'inner' timed out after 10000ms"

    run(test)


@pytest.mark.parametrize("inner", [NINETY_SECONDS, timedelta(0), timedelta(seconds=10)])
def test_the_time_limit_of_the_outer_action_cancels_both(inner: timedelta) -> None:
    """Also if both limits expire at once."""

    async def test(clock: Clock) -> None:
        work = Work()
        recorder = Recorder()
        actions = nest(work, inner, timedelta(seconds=10), recorder)
        async with running_app(*actions) as app:
            task = asyncio.create_task(app.call("outer"))
            await work.started.wait()

            clock.elapsed_seconds += 11

            with pytest.raises(Timeout, match="Action 'outer' timed out after 10000ms"):
                await task
        assert [outcome.cancelled for outcome in recorder.seen] == [True]

    run(test)


def test_the_time_limit_of_a_stream_applies_to_each_item() -> None:
    """A stream may run for hours if each item comes in time."""

    async def test(clock: Clock) -> None:
        class Ticks(Action):
            name = "ticks"
            timeout = NINETY_SECONDS

            async def run(self, call: Call) -> Any:
                for number in range(10):
                    clock.elapsed_seconds += 80
                    await asyncio.sleep(0)
                    yield number

        async with running_app(Ticks) as app:
            assert await app.call("ticks") == list(range(10))

    run(test)


def test_a_stalled_stream_is_cancelled() -> None:
    """Its `finally` block runs."""

    async def test(clock: Clock) -> None:
        started = asyncio.Event()
        closed: list[str] = []

        class Ticks(Action):
            name = "ticks"
            timeout = NINETY_SECONDS

            async def run(self, call: Call) -> Any:
                try:
                    yield 0
                    started.set()
                    await asyncio.Event().wait()
                finally:
                    closed.append("closed")

        async with running_app(Ticks) as app:
            task = asyncio.create_task(app.call("ticks"))
            await started.wait()

            clock.elapsed_seconds += 91

            with pytest.raises(Timeout, match="Action 'ticks' timed out after 90000ms"):
                await task
        assert closed == ["closed"]

    run(test)


def test_the_time_to_read_a_deferred_payload_does_not_count() -> None:
    """It is that of the client; the whole limit is left for the action."""

    async def test(clock: Clock) -> None:
        work = Work()

        class Authorized(Middleware):
            async def authorize(self, call: Call) -> None:
                pass

        class Store(Action):
            name = "store"
            timeout = timedelta(seconds=10)
            middleware = (Authorized(),)

            async def run(self, call: Call) -> str:
                return await work.do()

        async def read() -> ValuePayload:
            clock.elapsed_seconds += 11
            # The timer of the event loop runs.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return ValuePayload({})

        async with running_app(Store) as app:
            call = app.app.pipeline.execute(Connection("test"), "store", DeferredPayload(read))
            task = asyncio.create_task(call)
            await work.started.wait()
            clock.elapsed_seconds += 9
            await asyncio.sleep(0)
            assert not task.done()

            clock.elapsed_seconds += 2

            outcome = await task
        assert isinstance(outcome.error, Timeout)
        assert outcome.error.message == "Action 'store' timed out after 10000ms"

    run(test)
