"""`Scheduler`: recurring actions are enqueued once for each of their times."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import (
    Action,
    Inputs,
    PluginError,
    RateLimited,
    RunMode,
    ServiceUnavailable,
    hookimpl,
)
from actionhero_tasks import EnqueueMiddleware, JobState, NewJob, Task, Tasks
from actionhero_tasks.doctor_checks import diagnose
from actionhero_tasks.schedule import times_of
from actionhero_tasks.worker import scheduler as scheduler_module
from actionhero_tasks.worker.scheduler import Scheduler, is_ahead

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero.testing import RunningApp

pytestmark = pytest.mark.usefixtures("limit")

MINUTE_MS = 60_000


class Tick(Action):
    """Recur."""

    name = "tick"
    task = {"every": timedelta(minutes=1), "overlap": True}

    async def run(self) -> None:
        pass


class Exclusive(Action):
    """Recur without overlap."""

    name = "exclusive"
    task = Task(every=timedelta(minutes=1))

    async def run(self) -> None:
        pass


class Skipping(Action):
    """Recur, and skip missed times."""

    name = "skipping"
    task = Task(every=timedelta(minutes=1), catch_up="skip", overlap=True)

    async def run(self) -> None:
        pass


class Clock:
    """A manual clock for a store."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.now = 100 * MINUTE_MS + 1
        store: Any = app.get(Tasks).store
        store.now_ms = lambda: self.now

    async def advance(self, *schedulers: Scheduler, minutes: float) -> None:
        """Advance the time, and run schedulers concurrently."""
        self.now += int(minutes * MINUTE_MS)
        await asyncio.gather(*(scheduler.enqueue_due() for scheduler in schedulers))

    def ready_count(self) -> int:
        """Return the number of ready jobs."""
        return sum(counts.ready for counts in self.app.get(Tasks).store.counts())


async def test_concurrent_schedulers_enqueue_each_time_once(tasks_app: Callable[..., Any]) -> None:
    """Three at once, and one that starts later. The first run enqueues nothing."""
    async with tasks_app(Tick, mode=RunMode.CLI) as app:
        clock = Clock(app)
        schedulers = [Scheduler(app.app) for _ in range(3)]
        await clock.advance(*schedulers, minutes=0)
        assert clock.ready_count() == 0

        for _ in range(10):
            await clock.advance(*schedulers, minutes=1)
        await clock.advance(*schedulers, Scheduler(app.app), minutes=1)

        assert clock.ready_count() == 11


async def test_a_scheduler_sleeps_until_the_next_time(tasks_app: Callable[..., Any]) -> None:
    """At most a second."""
    async with tasks_app(Tick, mode=RunMode.CLI) as app:
        clock = Clock(app)
        scheduler = Scheduler(app.app)

        longest = await scheduler.enqueue_due()
        clock.now = 101 * MINUTE_MS - 250
        shorter = await scheduler.enqueue_due()

    assert (longest, shorter) == (1.0, 0.25)


async def test_missed_times_are_caught_up_once_or_skipped(tasks_app: Callable[..., Any]) -> None:
    """Depending on the task."""
    async with tasks_app(Tick, Skipping, mode=RunMode.CLI) as app:
        clock = Clock(app)
        await clock.advance(Scheduler(app.app), minutes=0)

        later = Scheduler(app.app)
        await clock.advance(later, minutes=59.5)
        caught_up = [job.action for job in app.get(Tasks).store.jobs(JobState.READY)]
        await clock.advance(later, minutes=0.5)

        assert caught_up == ["tick"]
        assert clock.ready_count() == 3


async def test_times_that_are_a_few_seconds_late_are_all_enqueued(
    tasks_app: Callable[..., Any],
) -> None:
    """Later ones are missed."""

    class EachSecond(Action):
        """Recur every second."""

        name = "second"
        task = {"every": timedelta(seconds=1), "overlap": True, "catch_up": "skip"}

        async def run(self) -> None:
            pass

    async with tasks_app(EachSecond, mode=RunMode.CLI) as app:
        clock = Clock(app)
        schedulers = [Scheduler(app.app) for _ in range(2)]
        await clock.advance(*schedulers, minutes=0)

        await clock.advance(*schedulers, minutes=4 / 60)
        late = clock.ready_count()
        await clock.advance(*schedulers, minutes=1)

        assert (late, clock.ready_count()) == (4, 5)


async def test_without_overlap_times_are_skipped_until_the_last_run_ends(
    tasks_app: Callable[..., Any],
) -> None:
    async with tasks_app(Exclusive, mode=RunMode.CLI) as app:
        clock = Clock(app)
        scheduler = Scheduler(app.app)
        store = app.get(Tasks).store
        store.register_worker("one")
        for _ in range(5):
            await clock.advance(scheduler, minutes=1)
        [claim], _ = store.settle_and_claim("one", None, 10)
        await clock.advance(scheduler, minutes=1)
        assert clock.ready_count() == 0

        assert store.remove_worker("one", crashed=False) == 1
        assert claim.action == "exclusive"
        [job] = store.jobs(JobState.READY)
        store.cancel(job.id)
        await clock.advance(scheduler, minutes=1)

        assert clock.ready_count() == 1


async def test_a_server_runs_recurring_actions(tasks_app: Callable[..., Any]) -> None:
    """With the embedded store, without a worker or a scheduler."""
    ran = asyncio.Event()

    class Frequent(Action):
        """Recur at the shortest interval."""

        name = "frequent"
        task = {"every": timedelta(seconds=1)}

        async def run(self) -> None:
            ran.set()

    async with tasks_app(Frequent):
        await ran.wait()


class RequiredInputs(Inputs):
    name: str


async def test_a_recurring_action_with_required_inputs_is_rejected(
    tasks_app: Callable[..., Any],
) -> None:
    """A schedule provides none."""

    class Greet(Action):
        """Require a name."""

        name = "greet"
        task = Task(cron="0 8 * * mon")

        async def run(self, inputs: RequiredInputs) -> None:
            pass

    with pytest.raises(PluginError, match=r"'greet' .* recurs, and requires 'name', which a"):
        async with tasks_app(Greet):
            pass


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("mail", r"has task = 'mail'; write Task\(queue=…\), or a dictionary of its arguments"),
        ({"que": "mail"}, "has a task with the unknown key 'que'; did you mean 'queue"),
        ({"queue": ""}, "has a task with queue = ''; write a name without commas, such as"),
        ({"every": 5}, r"every = 5; write timedelta\(seconds=…\), not below zero"),
        ({"every": timedelta(0)}, r"every = .*; the minimum is one second"),
        ({"retries": -1}, "retries = -1; write an integer, not below zero"),
        ({"priority": "high"}, "priority = 'high'; write an integer"),
        ({"priority": 2**40}, "priority = 1099511627776; write an integer between -2147483647"),
        ({"queue": "mail,text"}, "queue = 'mail,text'; write a name without commas"),
        ({"queue": "mail\udc80"}, r"queue = 'mail\\udc80'; write a name without"),
        ({"catch_up": "all"}, "catch_up = 'all'; available: 'once', 'skip'"),
        ({"catch_up": ["once"]}, r"catch_up = \['once'\]; available: 'once', 'skip'"),
        ({"overlap": "no"}, "overlap = 'no'; write True or False"),
        ({"cron": 5}, r"cron = 5; write a text, such as '0 8 \* \* mon-fri'"),
        ({"cron": "* * * * *", "timezone": 2}, "timezone = 2; write a name, such as 'Europe/L"),
        ({"unique_for": timedelta.max}, "unique_for = .*; the maximum is 36500 days"),
        ({"cron": "every day"}, "cron = 'every day': it has 2 fields"),
        (Task(cron="* * * * *", every=timedelta(hours=1)), "both every and cron; remove one"),
    ],
)
async def test_an_invalid_task_is_reported_at_start_up(
    tasks_app: Callable[..., Any], task: Any, message: str
) -> None:
    """With the name and the location of the action."""

    class Invalid(Action):
        """Have an invalid task."""

        name = "invalid"

        async def run(self) -> None:
            pass

    Invalid.task = task  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match=rf"action 'invalid' \(.*{message}"):
        async with tasks_app(Invalid):
            pass


async def test_a_schedule_begins_anew_after_a_wrong_clock(
    tasks_app: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Which was an hour ahead; it is logged once, by whichever scheduler notices it."""
    async with tasks_app(Tick, mode=RunMode.CLI) as app:
        clock = Clock(app)
        clock.now += 60 * MINUTE_MS
        schedulers = [Scheduler(app.app) for _ in range(3)]
        await clock.advance(*schedulers, minutes=0)
        await clock.advance(*schedulers, minutes=1)
        before = clock.ready_count()
        await clock.advance(*schedulers, Scheduler(app.app), minutes=-60)
        for _ in range(3):
            await clock.advance(*schedulers, minutes=1)

        assert (before, clock.ready_count()) == (1, 4)
    [line] = [text for text in caplog.messages if "begins anew" in text]
    assert line.startswith("the last time of tick was 3599 s ahead of the clock")


@pytest.mark.parametrize(
    ("task", "hours", "expected"),
    [
        (Task(every=timedelta(minutes=1)), 1 / 120, False),
        (Task(every=timedelta(minutes=1)), 1 / 30, True),
        (Task(every=timedelta(days=7)), 1, False),
        (Task(every=timedelta(days=7)), 3.5, True),
        (Task(cron="0 0 1 * *"), 2.5, False),
        (Task(cron="0 0 1 * *"), 24 * 40, True),
    ],
)
def test_a_last_time_is_ahead_after_a_period_and_at_most_three_hours(
    task: Task, hours: float, expected: bool
) -> None:
    """A clock that was set back by less only has to pass the time again."""
    now = 1_800_000_000_000

    assert is_ahead(times_of(task), now + int(hours * 3_600_000), now) is expected
    assert not is_ahead(times_of(task), now - 1, now)


async def test_doctor_reports_a_last_time_of_a_wrong_clock(tasks_app: Callable[..., Any]) -> None:
    """With the schedule."""
    async with tasks_app(Tick, mode=RunMode.CLI) as app:
        store = app.get(Tasks).store
        store.last_fire_time("tick", store.now_ms() + 60 * MINUTE_MS)
        wrong = [
            item for item in diagnose(app.app, deploy=False) if item.check == "tasks.schedules"
        ]
        store.reset_fire_time("tick", store.fire_times()["tick"], store.now_ms())
        right = [
            item for item in diagnose(app.app, deploy=False) if item.check == "tasks.schedules"
        ]

    assert [str(item.finding) for item in wrong] == ["warning"]
    assert wrong[0].message.startswith("the last time of 'tick' is 3")
    assert right == []


class Faulty(EnqueueMiddleware):
    """Raises an error for the jobs of one action.

    Args:
        error: The error.
    """

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error

    async def before(self, job: NewJob) -> NewJob | None:
        if job.action == Exclusive.name and self.error is not None:
            raise self.error
        return None

    @hookimpl
    def actionhero_tasks_enqueue_middleware(self) -> list[EnqueueMiddleware]:
        return [self]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RateLimited("too many jobs"), "exclusive was not enqueued at its time: too many jobs"),
        (ServiceUnavailable("the quota is away"), "exclusive could not be enqueued; trying again"),
        (ValueError("a fault"), "exclusive could not be enqueued; trying again"),
    ],
)
async def test_errors_of_one_schedule_affect_no_other(
    tasks_app: Callable[..., Any], caplog: pytest.LogCaptureFixture, error: Exception, line: str
) -> None:
    """They are logged, and a later time is enqueued once they have ended."""
    faulty = Faulty(error)
    async with tasks_app(Exclusive, Tick, plugins=(faulty,), mode=RunMode.CLI) as app:
        clock, scheduler = Clock(app), Scheduler(app.app)
        await clock.advance(scheduler, minutes=0)
        await clock.advance(scheduler, minutes=1)
        await clock.advance(scheduler, minutes=0)
        with_errors = clock.ready_count()
        faulty.error = None
        await clock.advance(scheduler, minutes=1)

        assert (with_errors, clock.ready_count()) == (1, 3)
    assert [text for text in caplog.messages if "exclusive" in text] == [line]


async def test_the_scheduler_survives_unexpected_errors_of_the_store(
    tasks_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are logged, and the schedules are checked again."""
    monkeypatch.setattr(scheduler_module, "PAUSE_MS", 1)
    async with tasks_app(Tick, mode=RunMode.CLI) as app:
        store: Any = app.get(Tasks).store
        now_ms, faults = store.now_ms, ["of the store"]
        checked = asyncio.Event()
        loop = asyncio.get_running_loop()

        def faulty_now_ms() -> int:
            if faults:
                raise ValueError(faults.pop())
            loop.call_soon_threadsafe(checked.set)
            now: int = now_ms()
            return now

        store.now_ms = faulty_now_ms
        running = asyncio.create_task(Scheduler(app.app).run())
        await checked.wait()

        assert not running.done()
        running.cancel()
