"""Time limits of calls, on a clock that the tests control."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.clock import Clock

from actionhero import Action, Call, ErrorType, Inputs, Middleware, Outcome, Timeout
from actionhero.testing import running_app
from actionhero.transport import TimeoutQueue

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


def action_of(work: Work, limit: timedelta | None, *layers: Middleware) -> type[Action]:
    class Long(Action):
        name = "long"
        timeout = limit
        middleware = layers

        async def run(self, call: Call) -> str:
            return await work.do()

    return Long


class Recorder(Middleware):
    """Records outcomes."""

    def __init__(self) -> None:
        self.seen: list[Outcome] = []

    async def after(self, call: Call, outcome: Outcome) -> None:
        self.seen.append(outcome)


def test_an_action_is_cancelled_at_its_time_limit() -> None:
    """The error has the action and the limit."""

    async def test(clock: Clock) -> None:
        work = Work()
        recorder = Recorder()
        async with running_app(action_of(work, NINETY_SECONDS, recorder)) as app:
            task = asyncio.create_task(app.call("long"))
            await work.started.wait()

            clock.elapsed_seconds += 91

            with pytest.raises(Timeout) as raised:
                await task
        assert raised.value.message == "Action 'long' timed out after 90000ms"
        assert raised.value.type is ErrorType.ACTION_TIMEOUT
        assert [type(outcome.error) for outcome in recorder.seen] == [Timeout]

    run(test)


def test_an_action_within_its_time_limit_succeeds() -> None:
    """The limit has no effect before it expires."""

    async def test(clock: Clock) -> None:
        work = Work()
        async with running_app(action_of(work, NINETY_SECONDS)) as app:
            task = asyncio.create_task(app.call("long"))
            await work.started.wait()

            clock.elapsed_seconds += 89
            await asyncio.sleep(0)
            work.end.set()

            assert await task == "done"

    run(test)


def test_the_default_time_limit_is_a_setting() -> None:
    """`actions.timeout` applies to all actions without a limit."""

    async def test(clock: Clock) -> None:
        work = Work()
        environ = {"ACTIONHERO_ACTIONS__TIMEOUT": "30"}
        async with running_app(action_of(work, None), environ=environ) as app:
            task = asyncio.create_task(app.call("long"))
            await work.started.wait()

            clock.elapsed_seconds += 31

            with pytest.raises(Timeout, match="timed out after 30000ms"):
                await task

    run(test)


def test_the_default_time_limit_is_five_minutes() -> None:
    """Every action has a limit unless it is disabled."""

    async def test(clock: Clock) -> None:
        work = Work()
        async with running_app(action_of(work, None)) as app:
            task = asyncio.create_task(app.call("long"))
            await work.started.wait()

            clock.elapsed_seconds += 299
            await asyncio.sleep(0)
            assert not task.done()
            clock.elapsed_seconds += 2

            with pytest.raises(Timeout, match="timed out after 300000ms"):
                await task

    run(test)


@pytest.mark.parametrize(
    ("limit", "setting"), [(timedelta(0), "300"), (None, "0")], ids=["own", "settings"]
)
def test_zero_is_no_limit(limit: timedelta | None, setting: str) -> None:
    """The action or the settings can disable the limit."""

    async def test(clock: Clock) -> None:
        work = Work()
        environ = {"ACTIONHERO_ACTIONS__TIMEOUT": setting}
        async with running_app(action_of(work, limit), environ=environ) as app:
            task = asyncio.create_task(app.call("long"))
            await work.started.wait()

            clock.elapsed_seconds += timedelta(days=30).total_seconds()
            await asyncio.sleep(0)
            work.end.set()

            assert await task == "done"

    run(test)


def test_the_time_limit_includes_before_of_middleware() -> None:
    """`after` of the entered middleware runs."""

    async def test(clock: Clock) -> None:
        work = Work()
        outer = Recorder()

        class Hanging(Middleware):
            async def before(self, call: Call) -> None:
                await work.do()

        async with running_app(action_of(work, NINETY_SECONDS, outer, Hanging())) as app:
            task = asyncio.create_task(app.call("long"))
            await work.started.wait()

            clock.elapsed_seconds += 91

            with pytest.raises(Timeout):
                await task
        assert [type(outcome.error) for outcome in outer.seen] == [Timeout]

    run(test)


class Seconds(Inputs):
    seconds: int


def test_concurrent_calls_expire_at_their_own_limits() -> None:
    """A short limit does not wait for a long one that started before."""

    async def test(clock: Clock) -> None:
        started = asyncio.Semaphore(0)
        ended: list[str] = []

        def limited(seconds: int) -> type[Action]:
            class Limited(Action):
                name = f"limit:{seconds}"
                timeout = timedelta(seconds=seconds)

                async def run(self, call: Call) -> None:
                    started.release()
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
                await started.acquire()
            for seconds in sorted(limits):
                clock.elapsed_seconds += 10 + 0.01
                await asyncio.wait(calls[limits.index(seconds) :: len(limits)])

        expected = [f"Action 'limit:{n}' timed out after {n}000ms" for n in sorted(limits)]
        assert ended == [message for message in expected for _ in range(20)]

    run(test)


def test_a_finished_call_has_no_time_limit() -> None:
    """Its caller may run longer than the limit."""

    async def test(clock: Clock) -> None:
        work = Work()
        work.end.set()
        async with running_app(action_of(work, NINETY_SECONDS)) as app:
            await app.call("long")

            clock.elapsed_seconds += 1000
            for _ in range(5):
                await asyncio.sleep(0)

            assert await app.call("long") == "done"

    run(test)


def test_a_timeout_leaves_the_callers_task_uncancelled() -> None:
    """The cancellation is taken back, so the transport can continue."""

    async def test(clock: Clock) -> None:
        work = Work()
        cancelling: list[int] = []
        async with running_app(action_of(work, NINETY_SECONDS)) as app:

            async def transport() -> str:
                with pytest.raises(Timeout):
                    await app.call("long")
                task = asyncio.current_task()
                assert task is not None
                cancelling.append(task.cancelling())
                work.end.set()
                async with asyncio.timeout(60):
                    return str(await app.call("long"))

            responding = asyncio.create_task(transport())
            await work.started.wait()
            clock.elapsed_seconds += 91

            assert await responding == "done"
        assert cancelling == [0]

    run(test)


@pytest.mark.parametrize("reaction", ["a value", "another error", "a late end"])
def test_an_action_that_catches_the_cancellation_times_out(reaction: str) -> None:
    """The outcome is a timeout, even if the action returns a value or raises another error."""

    async def test(clock: Clock) -> None:
        work = Work()
        cancelling: list[int] = []

        class Stubborn(Action):
            name = "stubborn"
            timeout = NINETY_SECONDS

            async def run(self, call: Call) -> str:
                try:
                    return await work.do()
                except asyncio.CancelledError:
                    if reaction == "another error":
                        raise RuntimeError("connection lost") from None
                    if reaction == "a value":
                        return "partial result"
                    await asyncio.sleep(0)
                    raise

        async with running_app(Stubborn) as app:

            async def transport() -> Outcome:
                outcome = await app.connect().outcome("stubborn")
                task = asyncio.current_task()
                assert task is not None
                cancelling.append(task.cancelling())
                return outcome

            responding = asyncio.create_task(transport())
            await work.started.wait()
            clock.elapsed_seconds += 91
            outcome = await responding

        assert isinstance(outcome.error, Timeout)
        assert cancelling == [0]

    run(test)


def test_a_timeout_and_a_cancellation_at_once_are_a_cancellation() -> None:
    """The cancellation takes precedence over the timeout."""

    async def test(clock: Clock) -> None:
        work = Work()
        recorder = Recorder()
        async with running_app(action_of(work, NINETY_SECONDS, recorder)) as app:
            task = asyncio.create_task(app.call("long"))
            await work.started.wait()

            clock.elapsed_seconds += 91
            asyncio.get_running_loop().call_soon(task.cancel)

            with pytest.raises(asyncio.CancelledError):
                await task
        [outcome] = recorder.seen
        assert outcome.cancelled
        assert task.cancelled()

    run(test)


def test_stopping_the_application_cancels_its_timers() -> None:
    """Other applications may follow on the same loop."""

    async def test(clock: Clock) -> None:
        work = Work()
        work.end.set()
        for _ in range(2):
            async with running_app(action_of(work, NINETY_SECONDS)) as app:
                await app.call("long")
        # asyncio has no public way to list timers that are not due.
        timers: list[asyncio.TimerHandle] = vars(clock)["_scheduled"]
        assert [timer for timer in timers if not timer.cancelled()] == []

    run(test)


def test_a_cancellation_in_a_callback_does_not_stop_the_queue() -> None:
    """The next entries still expire, also those that are added later."""

    async def test(clock: Clock) -> None:
        expired: list[str] = []

        def expire(entry: str) -> None:
            expired.append(entry)
            if entry == "first":
                raise asyncio.CancelledError

        clock.set_exception_handler(lambda *_: None)
        queue = TimeoutQueue(1.0, expire)
        queue.add("first")
        queue.add("second")
        clock.elapsed_seconds += 2
        await until(lambda: expired == ["first", "second"])
        queue.add("third")
        clock.elapsed_seconds += 2

        await until(lambda: expired == ["first", "second", "third"])

        assert len(queue) == 0

    run(test)


def test_a_callback_can_clear_the_queue_and_add_to_it() -> None:
    """One timer remains, for the new entry."""

    async def test(clock: Clock) -> None:
        expired: list[str] = []

        def expire(entry: str) -> None:
            expired.append(entry)
            if entry == "first":
                queue.clear()
                queue.add("again")

        queue = TimeoutQueue(1.0, expire)
        queue.add("first")
        queue.add("cleared")
        clock.elapsed_seconds += 2
        await until(lambda: expired == ["first"])
        clock.elapsed_seconds += 2

        await until(lambda: expired == ["first", "again"])

        assert len(queue) == 0

    run(test)


async def until(condition: Callable[[], bool]) -> None:
    """Run the event loop until `condition` holds; the test times out otherwise."""
    while not condition():  # noqa: ASYNC110 - callbacks of the loop run in between
        await asyncio.sleep(0)
