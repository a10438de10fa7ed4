"""Trace fields of jobs, and observers of their enqueueing and their runs."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest

from actionhero import Action, Call, Inputs, NotFound, PluginError, RunMode, hookimpl
from actionhero_tasks import Claim, NewJob, Settlement, Tasks
from actionhero_tasks.dramatiq.declarations import DECLARATIONS
from actionhero_tasks.testing import drain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

pytestmark = pytest.mark.usefixtures("limit")

#: The trace of the current context.
trace: ContextVar[str] = ContextVar("trace", default="")


class NameInputs(Inputs):
    name: str = ""


class Greet(Action):
    """Return the trace fields of the call."""

    name = "greet"

    async def run(self, inputs: NameInputs, call: Call) -> dict[str, str]:
        if inputs.name == "unknown":
            raise NotFound("unknown")
        return dict(call.carrier)


class Enqueue(Action):
    """Enqueue the other action, in a trace of its own."""

    name = "enqueue"

    async def run(self, call: Call) -> str:
        trace.set("of the call")
        return await call.get(Tasks).enqueue(Greet)


class Recorder:
    """An observer that does not import the package."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def enqueuing(self, action: str) -> str:
        self.events.append(f"enqueuing {action}")
        return "mark"

    def enqueued(self, jobs: Sequence[NewJob], ids: Sequence[str], mark: Any) -> None:
        queues = ",".join(job.queue for job in jobs)
        self.events.append(f"enqueued {queues} {[job.id for job in jobs] == list(ids)} {mark}")

    def not_enqueued(self, error: BaseException | None, mark: Any) -> None:
        self.events.append(f"not enqueued {type(error).__name__} {mark}")

    def ticking(self, action: str, time_ms: int) -> str:
        self.events.append(f"ticking {action} {time_ms}")
        return "tick"

    def ticked(self, is_new: bool, mark: Any) -> None:
        self.events.append(f"ticked {is_new} {mark}")

    def began(self, claim: Claim, carrier: Mapping[str, str]) -> str:
        self.events.append(f"began {claim.action} {carrier.get('traceparent')}")
        return "run"

    def ended(self, claim: Claim, settlement: Settlement | None, mark: Any) -> None:
        kind = None if settlement is None else settlement.kind.value
        self.events.append(f"ended {claim.action} {kind} {mark}")


class Broken(Recorder):
    """An observer whose methods fail."""

    def enqueuing(self, action: str) -> str:
        raise ValueError("broken enqueuing")

    def began(self, claim: Claim, carrier: Mapping[str, str]) -> str:
        raise ValueError("broken began")


class Plugin:
    """A plugin with a carrier and observers."""

    def __init__(self, *observers: Any, carriers: Any = None) -> None:
        self.observers = observers
        self.carriers = carriers

    @hookimpl
    def actionhero_tasks_carriers(self) -> Any:
        return self.carriers or [lambda: {"traceparent": trace.get()} if trace.get() else {}]

    @hookimpl
    def actionhero_tasks_observers(self) -> list[Any]:
        return list(self.observers)


async def test_a_job_has_the_trace_fields_of_its_enqueuer(tasks_app: Callable[..., Any]) -> None:
    """Of a call, outside of calls, of many jobs, and without any."""
    async with tasks_app(Greet, Enqueue, Plugin(), mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        without = await tasks.enqueue(Greet)
        of_call = await app.call("enqueue")
        token = trace.set("outside")
        many = await tasks.enqueue_many(Greet, [{}, {}])
        message = tasks.broker.get_actor("greet").send()
        trace.reset(token)
        results = {job.id: job.result for job in await drain(app)}

    assert results == {
        without: {},
        of_call: {"traceparent": "of the call"},
        many[0]: {"traceparent": "outside"},
        many[1]: {"traceparent": "outside"},
        message.message_id: {"traceparent": "outside"},
    }


async def test_fan_outs_and_schedules_have_trace_fields(tasks_app: Callable[..., Any]) -> None:
    """Once for each batch, and for each time."""
    calls: list[str] = []

    def carrier() -> dict[str, str]:
        calls.append("called")
        return {"traceparent": str(len(calls))}

    async with tasks_app(Greet, Plugin(carriers=[carrier]), mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        await tasks.fan_out(Greet, [{}] * 5, batch=2)
        action = app.app.actions.find("greet")
        await tasks.use(lambda store: store.last_fire_time("greet", 0))
        await tasks.enqueue_scheduled(action, 1, overlap=True)
        jobs = await drain(app)

    results = [job.result["traceparent"] for job in jobs]
    assert results == ["1", "1", "2", "2", "3", "4"]


async def test_a_carrier_that_fails_does_not_fail_the_job(
    tasks_app: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the fields of the others are used."""
    plugin = Plugin(carriers=[lambda: 1 // 0, lambda: {"traceparent": "other"}])
    async with tasks_app(Greet, plugin, mode=RunMode.CLI) as app:
        await app.get(Tasks).enqueue(Greet)
        [job] = await drain(app)

    assert job.result == {"traceparent": "other"}
    assert "trace fields of a job cannot be determined" in caplog.text


async def test_observers_see_jobs_from_their_enqueueing_to_their_end(
    tasks_app: Callable[..., Any],
) -> None:
    """Duplicates, errors and dead jobs included."""
    recorder = Recorder()
    async with tasks_app(Greet, Plugin(recorder), mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        trace.set("one")
        await tasks.enqueue(Greet, key="key")
        await tasks.enqueue(Greet, key="key")
        await tasks.enqueue(Greet, {"name": "unknown"}, queue="other")
        with pytest.raises(TypeError):
            await tasks.enqueue(Greet, "no mapping")
        await drain(app)

    assert recorder.events == [
        *("enqueuing greet", "enqueued default True mark"),
        *("enqueuing greet", "enqueued default False mark"),
        *("enqueuing greet", "enqueued other True mark"),
        *("enqueuing greet", "not enqueued TypeError mark"),
        *("began greet one", "ended greet done run"),
        *("began greet one", "ended greet dead run"),
    ]


async def test_observers_see_the_times_of_schedules(tasks_app: Callable[..., Any]) -> None:
    """Also those that another scheduler has enqueued."""
    recorder = Recorder()
    async with tasks_app(Greet, Plugin(recorder), mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        action = app.app.actions.find("greet")
        await tasks.use(lambda store: store.last_fire_time("greet", 0))
        for _ in range(2):
            await tasks.enqueue_scheduled(action, 1, overlap=True)

    assert recorder.events == [
        *("ticking greet 1", "enqueuing greet", "enqueued default True mark", "ticked True tick"),
        *("ticking greet 1", "enqueuing greet", "not enqueued NoneType mark", "ticked False tick"),
    ]


async def test_an_observer_that_fails_is_logged_once(
    tasks_app: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the job nor the other observer is affected."""
    recorder = Recorder()
    async with tasks_app(Greet, Plugin(Broken(), recorder), mode=RunMode.CLI) as app:
        await app.get(Tasks).enqueue(Greet)
        [job] = await drain(app)

    assert job.state == "done"
    assert recorder.events[-1] == "ended greet done run"
    assert caplog.text.count("the job observer") == 1
    assert "broken enqueuing" in caplog.text


@pytest.fixture
def nightly() -> Iterator[list[str]]:
    """Declare an actor that enqueues an action; return its events."""
    seen: list[str] = []

    @dramatiq.actor
    def nightly() -> None:
        seen.append(dramatiq.get_broker().get_actor("greet").send().message_id)

    yield seen
    del DECLARATIONS.actors["nightly"]


async def test_actors_are_observed_in_their_thread(
    tasks_app: Callable[..., Any], nightly: list[str]
) -> None:
    """So the jobs that they enqueue continue the trace."""

    class Continuing(Recorder):
        def began(self, claim: Claim, carrier: Mapping[str, str]) -> Any:
            super().began(claim, carrier)
            return trace.set(f"{carrier['traceparent']} continued")

        def ended(self, claim: Claim, settlement: Settlement | None, mark: Any) -> None:
            trace.reset(mark)
            super().ended(claim, settlement, "run")

    recorder = Continuing()
    async with tasks_app(Greet, Plugin(recorder)) as app:
        trace.set("outer")
        tasks = app.get(Tasks)
        await asyncio.to_thread(tasks.broker.get_actor("nightly").send)
        async with asyncio.timeout(10):
            while not nightly:  # noqa: ASYNC110 - in another thread
                await asyncio.sleep(0.01)
        job = await tasks.wait(nightly[0])

    assert job.result == {"traceparent": "outer continued"}
    assert "ended nightly done run" in recorder.events


async def test_jobs_are_as_before_without_plugins(tasks_app: Callable[..., Any]) -> None:
    """There is no object to call, and no field in the message."""
    async with tasks_app(Greet, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(Greet)
        job = await tasks.use(lambda store: store.find(id))

    assert tasks.observers is None
    assert job is not None
    assert b"carrier" not in job.body


@pytest.mark.parametrize("observer", ["text", object()])
async def test_something_else_than_an_observer_is_refused(
    tasks_app: Callable[..., Any], observer: Any
) -> None:
    """The error names the hook."""
    with pytest.raises(PluginError, match="actionhero_tasks_observers"):
        async with tasks_app(Greet, Plugin(observer)):
            pass
