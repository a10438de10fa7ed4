"""Time limits of actions inside actions, and of the items of a stream, on a clock of the tests."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Call, Middleware, Outcome, Timeout
from actionhero.testing import running_app

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

NINETY_SECONDS = timedelta(seconds=90)


class Clock(asyncio.SelectorEventLoop):
    """An event loop on which time passes when it is told to."""

    def __init__(self) -> None:
        self.passed_seconds = 0.0
        super().__init__()

    def time(self) -> float:
        return super().time() + self.passed_seconds


def run(test: Callable[[Clock], Coroutine[Any, Any, None]]) -> None:
    """Run a test on a loop of its own, and look that no task is left on it."""

    async def watched() -> None:
        await test(clock)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock = Clock()
    with asyncio.Runner(loop_factory=lambda: clock) as runner:
        runner.run(watched())


class Work:
    """What goes on inside the actions of a test, and how to end it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.end = asyncio.Event()

    async def go_on(self) -> str:
        self.begun.set()
        await self.end.wait()
        return "done"


class Watching(Middleware):
    """Keeps the outcomes that it sees."""

    def __init__(self) -> None:
        self.seen: list[Outcome] = []

    async def after(self, call: Call, outcome: Outcome) -> None:
        self.seen.append(outcome)


def nest(work: Work, inner: timedelta, outer: timedelta, *layers: Middleware) -> list[type[Action]]:
    """Return an action that calls another, and answers with what that failed with."""

    class Inner(Action):
        name = "inner"
        timeout = inner
        middleware = layers

        async def run(self, call: Call) -> str:
            return await work.go_on()

    class Outer(Action):
        name = "outer"
        timeout = outer

        async def run(self, call: Call) -> str:
            try:
                return await call.run(Inner)
            except Timeout as error:
                return error.message

    return [Inner, Outer]


def test_an_action_inside_another_has_its_own_limit() -> None:
    """The outer action meets the timeout of the inner one as an error, and may go on."""

    async def test(clock: Clock) -> None:
        work = Work()
        actions = nest(work, timedelta(seconds=10), NINETY_SECONDS)
        async with running_app(*actions) as app:
            calling = asyncio.create_task(app.call("outer"))
            await work.begun.wait()

            clock.passed_seconds += 11

            assert await calling == "Action 'inner' timed out after 10000ms"

    run(test)


@pytest.mark.parametrize("inner", [NINETY_SECONDS, timedelta(0), timedelta(seconds=10)])
def test_the_limit_of_the_outer_action_ends_both(inner: timedelta) -> None:
    """What runs inside cannot outlast what it runs in, not even if both limits pass at once."""

    async def test(clock: Clock) -> None:
        work = Work()
        watching = Watching()
        actions = nest(work, inner, timedelta(seconds=10), watching)
        async with running_app(*actions) as app:
            calling = asyncio.create_task(app.call("outer"))
            await work.begun.wait()

            clock.passed_seconds += 11

            with pytest.raises(Timeout, match="Action 'outer' timed out after 10000ms"):
                await calling
        assert [outcome.cancelled for outcome in watching.seen] == [True]

    run(test)


def test_the_limit_of_a_stream_is_for_each_item() -> None:
    """A stream may go on for hours, if no item is waited for longer than the limit."""

    async def test(clock: Clock) -> None:
        class Ticks(Action):
            name = "ticks"
            timeout = NINETY_SECONDS

            async def run(self, call: Call) -> Any:
                for number in range(10):
                    clock.passed_seconds += 80
                    await asyncio.sleep(0)
                    yield number

        async with running_app(Ticks) as app:
            assert await app.call("ticks") == list(range(10))

    run(test)


def test_a_stream_that_stops_is_ended() -> None:
    """An item that does not come within the limit ends the stream, and its `finally` runs."""

    async def test(clock: Clock) -> None:
        begun = asyncio.Event()
        closed: list[str] = []

        class Ticks(Action):
            name = "ticks"
            timeout = NINETY_SECONDS

            async def run(self, call: Call) -> Any:
                try:
                    yield 0
                    begun.set()
                    await asyncio.Event().wait()
                finally:
                    closed.append("closed")

        async with running_app(Ticks) as app:
            calling = asyncio.create_task(app.call("ticks"))
            await begun.wait()

            clock.passed_seconds += 91

            with pytest.raises(Timeout, match="Action 'ticks' timed out after 90000ms"):
                await calling
        assert closed == ["closed"]

    run(test)
