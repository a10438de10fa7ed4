"""Actions that recur run once for each of their times."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Inputs, PluginError, RunMode
from actionhero_tasks import JobState, Task, Tasks
from actionhero_tasks.scheduler import Scheduler

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


class Lonely(Action):
    """Recur, and never beside itself."""

    name = "lonely"
    task = Task(every=timedelta(minutes=1))

    async def run(self) -> None:
        pass


class Punctual(Action):
    """Recur, and not too late."""

    name = "punctual"
    task = Task(every=timedelta(minutes=1), catch_up="skip", overlap=True)

    async def run(self) -> None:
        pass


class Clock:
    """The clock of a store, set by hand."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.now = 100 * MINUTE_MS + 1
        store: Any = app.get(Tasks).store
        store.now_ms = lambda: self.now

    async def look(self, *schedulers: Scheduler, minutes: float) -> None:
        """Let time pass, and then let schedulers look, all at once."""
        self.now += int(minutes * MINUTE_MS)
        await asyncio.gather(*(scheduler.look() for scheduler in schedulers))

    def count(self) -> int:
        """Return how many jobs wait."""
        return sum(counts.ready for counts in self.app.get(Tasks).store.counts())


async def test_each_time_is_enqueued_once_however_many_schedulers_there_are(
    tasks_app: Callable[..., Any],
) -> None:
    """Three at once, and one that begins later; and none at the beginning."""
    async with tasks_app(Tick, mode=RunMode.CLI) as app:
        clock = Clock(app)
        three = [Scheduler(app.app) for _ in range(3)]
        await clock.look(*three, minutes=0)
        assert clock.count() == 0

        for _ in range(10):
            await clock.look(*three, minutes=1)
        await clock.look(*three, Scheduler(app.app), minutes=1)

        assert clock.count() == 11


async def test_a_scheduler_knows_when_to_look_again(tasks_app: Callable[..., Any]) -> None:
    """When the next time comes, and in a second at the latest."""
    async with tasks_app(Tick, mode=RunMode.CLI) as app:
        clock = Clock(app)
        scheduler = Scheduler(app.app)

        far = await scheduler.look()
        clock.now = 101 * MINUTE_MS - 250
        near = await scheduler.look()

    assert (far, near) == (1.0, 0.25)


async def test_times_that_nobody_was_there_for_are_made_up_for_once(
    tasks_app: Callable[..., Any],
) -> None:
    """Or not at all, if the task says so."""
    async with tasks_app(Tick, Punctual, mode=RunMode.CLI) as app:
        clock = Clock(app)
        await clock.look(Scheduler(app.app), minutes=0)

        later = Scheduler(app.app)
        await clock.look(later, minutes=59.5)
        made_up = [job.action for job in app.get(Tasks).store.jobs(JobState.READY)]
        await clock.look(later, minutes=0.5)

        assert made_up == ["tick"]
        assert clock.count() == 3


async def test_times_that_are_a_little_late_are_enqueued_each(
    tasks_app: Callable[..., Any],
) -> None:
    """A scheduler that had no turn for some seconds leaves none out; later ones are missed."""

    class EachSecond(Action):
        """Recur every second."""

        name = "second"
        task = {"every": timedelta(seconds=1), "overlap": True, "catch_up": "skip"}

        async def run(self) -> None:
            pass

    async with tasks_app(EachSecond, mode=RunMode.CLI) as app:
        clock = Clock(app)
        two = [Scheduler(app.app) for _ in range(2)]
        await clock.look(*two, minutes=0)

        await clock.look(*two, minutes=4 / 60)
        late = clock.count()
        await clock.look(*two, minutes=1)

        assert (late, clock.count()) == (4, 5)


async def test_the_next_run_waits_for_the_end_of_the_last(tasks_app: Callable[..., Any]) -> None:
    """Its time passes, and the one after the end is taken."""
    async with tasks_app(Lonely, mode=RunMode.CLI) as app:
        clock = Clock(app)
        scheduler = Scheduler(app.app)
        store = app.get(Tasks).store
        store.join("one")
        for _ in range(5):
            await clock.look(scheduler, minutes=1)
        [claim], _ = store.trade("one", None, 10)
        await clock.look(scheduler, minutes=1)
        assert clock.count() == 0

        assert store.leave("one", crashed=False) == 1
        assert claim.action == "lonely"
        [job] = store.jobs(JobState.READY)
        store.cancel(job.id)
        await clock.look(scheduler, minutes=1)

        assert clock.count() == 1


async def test_a_server_runs_what_recurs(tasks_app: Callable[..., Any]) -> None:
    """With the embedded store nothing else is needed."""
    ran = asyncio.Event()

    class Often(Action):
        """Recur as often as can be."""

        name = "often"
        task = {"every": timedelta(seconds=1)}

        async def run(self) -> None:
            ran.set()

    async with tasks_app(Often):
        await ran.wait()


class Needy(Inputs):
    what: str


async def test_a_recurring_action_that_needs_inputs_is_refused(
    tasks_app: Callable[..., Any],
) -> None:
    """A schedule gives none."""

    class NeedsInputs(Action):
        """Need something."""

        name = "needs"
        task = Task(cron="0 8 * * mon")

        async def run(self, inputs: Needy) -> None:
            pass

    with pytest.raises(PluginError, match=r"'needs' .* recurs, and requires 'what', which a"):
        async with tasks_app(NeedsInputs):
            pass


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("mail", r"has task = 'mail'; write Task\(queue=…\), or a dictionary of its arguments"),
        ({"que": "mail"}, "has a task with 'que', which it does not know; there are: backoff, "),
        ({"queue": ""}, "has a task with queue = ''; give a name, such as 'default'"),
        ({"every": 5}, r"every = 5; write timedelta\(seconds=…\), not below zero"),
        ({"every": timedelta(0)}, "it cannot recur more often than once in a second"),
        ({"retries": -1}, "retries = -1; give a whole number, not below zero"),
        ({"priority": "high"}, "priority = 'high'; give a whole number"),
        ({"catch_up": "all"}, "catch_up = 'all'; there are: 'once', 'skip'"),
        ({"cron": "every day"}, "cron = 'every day': it has 2 fields"),
        (Task(cron="* * * * *", every=timedelta(hours=1)), "every and cron, and only one can be"),
    ],
)
async def test_a_task_that_is_wrong_is_told_before_anything_starts(
    tasks_app: Callable[..., Any], task: Any, message: str
) -> None:
    """With the action and its place."""

    class Wrong(Action):
        """Be wrong."""

        name = "wrong"

        async def run(self) -> None:
            pass

    Wrong.task = task  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match=rf"action 'wrong' \(.*{message}"):
        async with tasks_app(Wrong):
            pass
