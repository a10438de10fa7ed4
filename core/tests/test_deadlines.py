"""How long a call may take, on a clock that the tests turn."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Call, ErrorType, Inputs, Middleware, Outcome, Timeout
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


def action_of(work: Work, limit: timedelta | None, *layers: Middleware) -> type[Action]:
    class Long(Action):
        name = "long"
        timeout = limit
        middleware = layers

        async def run(self, call: Call) -> str:
            return await work.go_on()

    return Long


class Watching(Middleware):
    """Keeps the outcomes that it sees."""

    def __init__(self) -> None:
        self.seen: list[Outcome] = []

    async def after(self, call: Call, outcome: Outcome) -> None:
        self.seen.append(outcome)


def test_an_action_that_takes_longer_than_its_limit_is_ended() -> None:
    """The caller is told which action took too long, and what its limit is."""

    async def test(clock: Clock) -> None:
        work = Work()
        watching = Watching()
        async with running_app(action_of(work, NINETY_SECONDS, watching)) as app:
            calling = asyncio.create_task(app.call("long"))
            await work.begun.wait()

            clock.passed_seconds += 91

            with pytest.raises(Timeout) as raised:
                await calling
        assert raised.value.message == "Action 'long' timed out after 90000ms"
        assert raised.value.type is ErrorType.ACTION_TIMEOUT
        assert [type(outcome.error) for outcome in watching.seen] == [Timeout]

    run(test)


def test_an_action_that_ends_in_time_gives_its_value() -> None:
    """Up to its limit, an action is left alone."""

    async def test(clock: Clock) -> None:
        work = Work()
        async with running_app(action_of(work, NINETY_SECONDS)) as app:
            calling = asyncio.create_task(app.call("long"))
            await work.begun.wait()

            clock.passed_seconds += 89
            await asyncio.sleep(0)
            work.end.set()

            assert await calling == "done"

    run(test)


def test_an_action_without_a_limit_of_its_own_has_the_one_of_the_settings() -> None:
    """`actions.timeout` holds for every action that says nothing else."""

    async def test(clock: Clock) -> None:
        work = Work()
        environ = {"ACTIONHERO_ACTIONS__TIMEOUT": "30"}
        async with running_app(action_of(work, None), environ=environ) as app:
            calling = asyncio.create_task(app.call("long"))
            await work.begun.wait()

            clock.passed_seconds += 31

            with pytest.raises(Timeout, match="timed out after 30000ms"):
                await calling

    run(test)


def test_the_limit_is_five_minutes_if_nobody_says_anything() -> None:
    """Nothing runs for ever by accident."""

    async def test(clock: Clock) -> None:
        work = Work()
        async with running_app(action_of(work, None)) as app:
            calling = asyncio.create_task(app.call("long"))
            await work.begun.wait()

            clock.passed_seconds += 299
            await asyncio.sleep(0)
            assert not calling.done()
            clock.passed_seconds += 2

            with pytest.raises(Timeout, match="timed out after 300000ms"):
                await calling

    run(test)


@pytest.mark.parametrize(
    ("limit", "setting"), [(timedelta(0), "300"), (None, "0")], ids=["own", "settings"]
)
def test_zero_is_no_limit(limit: timedelta | None, setting: str) -> None:
    """An action may run for weeks, if it or the settings say so."""

    async def test(clock: Clock) -> None:
        work = Work()
        environ = {"ACTIONHERO_ACTIONS__TIMEOUT": setting}
        async with running_app(action_of(work, limit), environ=environ) as app:
            calling = asyncio.create_task(app.call("long"))
            await work.begun.wait()

            clock.passed_seconds += timedelta(days=30).total_seconds()
            await asyncio.sleep(0)
            work.end.set()

            assert await calling == "done"

    run(test)


def test_a_layer_that_hangs_on_the_way_in_is_ended_too() -> None:
    """The limit is for the whole way to the value, and what was entered is left in order."""

    async def test(clock: Clock) -> None:
        work = Work()
        outer = Watching()

        class Hanging(Middleware):
            async def before(self, call: Call) -> None:
                await work.go_on()

        async with running_app(action_of(work, NINETY_SECONDS, outer, Hanging())) as app:
            calling = asyncio.create_task(app.call("long"))
            await work.begun.wait()

            clock.passed_seconds += 91

            with pytest.raises(Timeout):
                await calling
        assert [type(outcome.error) for outcome in outer.seen] == [Timeout]

    run(test)


class Seconds(Inputs):
    seconds: int


def test_many_calls_at_once_each_end_at_their_own_limit() -> None:
    """A call with a short limit does not wait for one with a long limit that began before."""

    async def test(clock: Clock) -> None:
        begun = asyncio.Semaphore(0)
        ended: list[str] = []

        def limited(seconds: int) -> type[Action]:
            class Limited(Action):
                name = f"limit:{seconds}"
                timeout = timedelta(seconds=seconds)

                async def run(self, call: Call) -> None:
                    begun.release()
                    await asyncio.Event().wait()

            return Limited

        limits = [50, 10, 40, 20, 30]
        async with running_app(*map(limited, limits)) as app:

            async def call(seconds: int) -> None:
                with pytest.raises(Timeout) as raised:
                    await app.call(f"limit:{seconds}")
                ended.append(raised.value.message)

            calls = [asyncio.create_task(call(seconds)) for seconds in limits * 20]
            for _ in calls:
                await begun.acquire()
            for seconds in sorted(limits):
                clock.passed_seconds += 10 + 0.01
                await asyncio.wait(calls[limits.index(seconds) :: len(limits)])

        expected = [f"Action 'limit:{n}' timed out after {n}000ms" for n in sorted(limits)]
        assert ended == [message for message in expected for _ in range(20)]

    run(test)


def test_a_call_that_ended_leaves_no_limit_behind() -> None:
    """Whoever made a call may go on for longer than the call was allowed to."""

    async def test(clock: Clock) -> None:
        work = Work()
        work.end.set()
        async with running_app(action_of(work, NINETY_SECONDS)) as app:
            await app.call("long")

            clock.passed_seconds += 1000
            for _ in range(5):
                await asyncio.sleep(0)

            assert await app.call("long") == "done"

    run(test)


def test_after_a_timeout_the_task_of_the_caller_is_as_good_as_new() -> None:
    """Our cancellation is taken back: what the door does next is not cancelled."""

    async def test(clock: Clock) -> None:
        work = Work()
        cancelling: list[int] = []
        async with running_app(action_of(work, NINETY_SECONDS)) as app:

            async def door() -> str:
                with pytest.raises(Timeout):
                    await app.call("long")
                task = asyncio.current_task()
                assert task is not None
                cancelling.append(task.cancelling())
                work.end.set()
                async with asyncio.timeout(60):
                    return str(await app.call("long"))

            answering = asyncio.create_task(door())
            await work.begun.wait()
            clock.passed_seconds += 91

            assert await answering == "done"
        assert cancelling == [0]

    run(test)


@pytest.mark.parametrize("made_of_it", ["a value", "another error", "a late end"])
def test_an_action_that_does_not_heed_its_limit_has_taken_too_long(made_of_it: str) -> None:
    """Whatever an action makes of being ended, the caller is told that it took too long."""

    async def test(clock: Clock) -> None:
        work = Work()
        cancelling: list[int] = []

        class Stubborn(Action):
            name = "stubborn"
            timeout = NINETY_SECONDS

            async def run(self, call: Call) -> str:
                try:
                    return await work.go_on()
                except asyncio.CancelledError:
                    if made_of_it == "another error":
                        raise RuntimeError("the driver made this of it") from None
                    if made_of_it == "a value":
                        return "half of it"
                    await asyncio.sleep(0)
                    raise

        async with running_app(Stubborn) as app:

            async def door() -> Outcome:
                outcome = await app.connect().outcome("stubborn")
                task = asyncio.current_task()
                assert task is not None
                cancelling.append(task.cancelling())
                return outcome

            answering = asyncio.create_task(door())
            await work.begun.wait()
            clock.passed_seconds += 91
            outcome = await answering

        assert isinstance(outcome.error, Timeout)
        assert cancelling == [0]

    run(test)


def test_a_timeout_and_a_cancellation_at_once_are_a_cancellation() -> None:
    """Whoever went away is told nothing, and whoever ended the call learns that it was heard."""

    async def test(clock: Clock) -> None:
        work = Work()
        watching = Watching()
        async with running_app(action_of(work, NINETY_SECONDS, watching)) as app:
            calling = asyncio.create_task(app.call("long"))
            await work.begun.wait()

            clock.passed_seconds += 91
            asyncio.get_running_loop().call_soon(calling.cancel)

            with pytest.raises(asyncio.CancelledError):
                await calling
        [outcome] = watching.seen
        assert outcome.cancelled
        assert calling.cancelled()

    run(test)


def test_an_application_that_stops_forgets_its_limits() -> None:
    """Nothing of the corridor stays on the loop, and a loop of another test may follow."""

    async def test(clock: Clock) -> None:
        work = Work()
        work.end.set()
        for _ in range(2):
            async with running_app(action_of(work, NINETY_SECONDS)) as app:
                await app.call("long")
        # asyncio has no public way to ask for timers that are not due.
        timers: list[asyncio.TimerHandle] = vars(clock)["_scheduled"]
        assert [timer for timer in timers if not timer.cancelled()] == []

    run(test)
