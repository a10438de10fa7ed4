"""Published packages for dramatiq, with jobs of actions and of actors."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dramatiq
import dramatiq_abort
import prometheus_client  # noqa: F401 - before the middleware changes its mode in the environment
import pytest
import sentry_sdk
from dramatiq.middleware import CurrentMessage
from dramatiq.middleware.prometheus import DB_PATH, Prometheus
from dramatiq.rate_limits.backends import StubBackend as StubRateLimits
from dramatiq_abort.backends import StubBackend as StubEvents
from dramatiq_abort.middleware import AbortMode
from dramatiq_workflow import Chain, Group, Workflow, WorkflowMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry_instrumentor_dramatiq import DramatiqInstrumentor
from sentry_sdk.integrations.dramatiq import DramatiqIntegration
from sentry_sdk.transport import Transport

from actionhero import Action, Inputs, hookimpl
from actionhero_tasks import JobState, Task, Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sentry_sdk.envelope import Envelope

pytestmark = pytest.mark.usefixtures("limit")


class Numbers(Inputs):
    a: int = 1


class Double(Action):
    """Double a number, and report the id of the current message."""

    name = "number:double"

    async def run(self, inputs: Numbers) -> list[Any]:
        message = CurrentMessage.get_current_message()
        return [2 * inputs.a, None if message is None else message.message_id]


class Fail(Action):
    """Fail for good."""

    name = "number:fail"
    task = Task(retries=0)

    async def run(self) -> None:
        raise ValueError("no")


class Endless(Action):
    """Wait until it is cancelled."""

    name = "endless"
    started = asyncio.Event()
    was_cancelled = False

    async def run(self) -> None:
        try:
            Endless.started.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            Endless.was_cancelled = True
            raise


class Plugin:
    """Adds middleware."""

    def __init__(self, *middleware: dramatiq.Middleware) -> None:
        self._middleware = list(middleware)

    @hookimpl
    def actionhero_tasks_middleware(self) -> list[dramatiq.Middleware]:
        return self._middleware


# -- sentry-sdk ------------------------------------------------------------------------------------


class Received(Transport):
    """Collects the events and transactions for Sentry."""

    def __init__(self, options: dict[str, Any] | None = None) -> None:
        super().__init__(options)
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Record an event or a transaction."""
        for item in envelope.items:
            event = item.get_event() or item.get_transaction_event()
            if event is not None:
                self.events.append(dict(event))


@pytest.fixture
def sentry() -> Iterator[Received]:
    received = Received()
    sentry_sdk.init(
        dsn="https://key@sentry.example/1",
        transport=received,
        integrations=[DramatiqIntegration()],
        default_integrations=False,
        auto_enabling_integrations=False,
        traces_sample_rate=1.0,
    )
    yield received
    sentry_sdk.init(default_integrations=False, auto_enabling_integrations=False)


async def test_sentry_reports_failures_of_jobs(
    tasks_app: Callable[..., Any], sentry: Received
) -> None:
    """With their messages; of actions and of actors."""

    @dramatiq.actor(max_retries=0)
    def fail() -> None:
        raise KeyError("no")

    async with tasks_app(Fail) as app:
        tasks = app.get(Tasks)
        ids = [await tasks.enqueue(Fail), fail.send().message_id]
        for id in ids:
            await tasks.wait(id)

    errors = [event for event in sentry.events if "exception" in event]
    by_id = {event["extra"]["dramatiq_message_id"]: event for event in errors}
    assert set(by_id) == set(ids)
    types = {
        id: [value["type"] for value in event["exception"]["values"]] for id, event in by_id.items()
    }
    assert "ValueError" in types[ids[0]]
    assert types[ids[1]] == ["KeyError"]
    assert by_id[ids[0]]["contexts"]["dramatiq"]["data"]["actor_name"] == "number:fail"


async def test_sentry_traces_jobs(tasks_app: Callable[..., Any], sentry: Received) -> None:
    """In the trace of the code that enqueued them."""
    async with tasks_app(Double) as app:
        tasks = app.get(Tasks)
        with sentry_sdk.start_transaction(name="web") as web:
            first = await tasks.enqueue(Double)
            second = tasks.broker.get_actor("number:double").send().message_id
        for id in (first, second):
            await tasks.wait(id)

    jobs = [event for event in sentry.events if event.get("transaction") == "number:double"]
    assert [job["contexts"]["trace"]["trace_id"] for job in jobs] == [web.trace_id] * 2
    assert {job["contexts"]["trace"]["op"] for job in jobs} == {"queue.task.dramatiq"}


# -- dramatiq's own --------------------------------------------------------------------------------


async def test_prometheus_counts_jobs(
    tasks_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processed and dead-lettered ones, and retries; none is in progress."""
    for name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        monkeypatch.setenv(name, DB_PATH)
    middleware = Prometheus()

    @dramatiq.actor(max_retries=1, min_backoff=1)
    def fail() -> None:
        raise KeyError("no")

    async with tasks_app(Double, Fail, plugins=(Plugin(middleware),)) as app:
        tasks = app.get(Tasks)
        for id in (
            await tasks.enqueue(Double),
            await tasks.enqueue(Fail),
            fail.send().message_id,
        ):
            await tasks.wait(id)

    assert totals(middleware.total_messages) == {"number:double": 1, "number:fail": 1, "fail": 2}
    assert totals(middleware.total_rejected_messages) == {"number:fail": 1, "fail": 1}
    assert totals(middleware.total_retried_messages) == {"fail": 1}
    assert set(totals(middleware.inprogress_messages).values()) == {0}


def totals(metric: Any) -> dict[str, float]:
    """Return the values of a metric by actor."""
    return {
        sample.labels["actor_name"]: sample.value
        for sample in metric.collect()[0].samples
        if not sample.name.endswith("_created")
    }


async def test_the_current_message_is_that_of_the_job(tasks_app: Callable[..., Any]) -> None:
    """In an action, in a thread, and in an asynchronous actor."""

    @dramatiq.actor
    def in_thread() -> str:
        return current_id()

    @dramatiq.actor
    async def on_loop() -> str:
        await asyncio.sleep(0)
        return current_id()

    def current_id() -> str:
        message = CurrentMessage.get_current_message()
        assert message is not None
        return message.message_id

    async with tasks_app(Double, plugins=(Plugin(CurrentMessage()),)) as app:
        tasks = app.get(Tasks)
        action = await tasks.wait(await tasks.enqueue(Double))
        jobs = [await tasks.wait(actor.send().message_id) for actor in (in_thread, on_loop)]

    assert action.result == [2, action.id]
    assert [job.result for job in jobs] == [job.id for job in jobs]
    assert CurrentMessage.get_current_message() is None


# -- opentelemetry-instrumentor-dramatiq -----------------------------------------------------------


async def test_opentelemetry_traces_jobs(tasks_app: Callable[..., Any]) -> None:
    """From the code that enqueues an action or an actor to the worker."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = DramatiqInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:

        @dramatiq.actor
        def work() -> None:
            pass

        async with tasks_app(Double) as app:
            tasks = app.get(Tasks)
            ids = [await tasks.enqueue(Double), work.send().message_id]
            for id in ids:
                await tasks.wait(id)
    finally:
        instrumentor.uninstrument()

    spans = exporter.get_finished_spans()
    producers = [span for span in spans if span.name.startswith("dramatiq.producer.")]
    consumers = [span for span in spans if span.name == "dramatiq.worker.WorkerThread"]
    assert {span.name.removeprefix("dramatiq.producer.") for span in producers} == {
        "number:double",
        "work",
    }
    assert {attribute(span, "message_id") for span in consumers} == set(ids)
    for consumer in consumers:
        [producer] = [
            span
            for span in producers
            if attribute(span, "actor_name") == attribute(consumer, "actor_name")
        ]
        assert consumer.context.trace_id == producer.context.trace_id


def attribute(span: Any, name: str) -> Any:
    """Return an attribute of a span."""
    return span.attributes[name]


# -- dramatiq-abort --------------------------------------------------------------------------------


async def test_a_running_job_is_aborted(tasks_app: Callable[..., Any]) -> None:
    """An action is cancelled and dead-lettered; an actor is interrupted."""
    middleware = dramatiq_abort.Abortable(backend=StubEvents())
    started, interrupted = threading.Event(), threading.Event()

    @dramatiq.actor(max_retries=0)
    def spin() -> None:
        started.set()
        try:
            while True:
                time.sleep(0.001)
        except dramatiq_abort.Abort:
            interrupted.set()
            raise

    Endless.started = asyncio.Event()
    Endless.was_cancelled = False
    async with tasks_app(Endless, plugins=(Plugin(middleware),)) as app:
        tasks = app.get(Tasks)
        action, actor = await tasks.enqueue(Endless), spin.send().message_id
        await Endless.started.wait()
        await asyncio.to_thread(started.wait, 30)
        for id in (action, actor):
            await asyncio.to_thread(dramatiq_abort.abort, id)
        jobs = [await tasks.wait(id) for id in (action, actor)]

    assert Endless.was_cancelled
    assert interrupted.is_set()
    assert [job.state for job in jobs] == [JobState.DEAD, JobState.DEAD]
    assert jobs[0].error is not None
    assert jobs[0].error["message"].startswith("Abort was raised")


async def test_a_waiting_job_is_cancelled_by_the_middleware(
    tasks_app: Callable[..., Any],
) -> None:
    """It is skipped, without a result."""
    middleware = dramatiq_abort.Abortable(backend=StubEvents())
    async with tasks_app(Double, plugins=(Plugin(middleware),)) as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(Double, delay=timedelta(milliseconds=200))
        mode = AbortMode.CANCEL
        await asyncio.to_thread(dramatiq_abort.abort, id, mode=mode)
        job = await tasks.wait(id)

    assert (job.state, job.result) == (JobState.DONE, None)


# -- dramatiq-workflow -----------------------------------------------------------------------------


async def test_a_workflow_of_actions_and_actors(tasks_app: Callable[..., Any]) -> None:
    """Chains and groups run in their order."""
    order: list[str] = []
    ended = threading.Event()

    class Note(Action):
        """Note a number."""

        name = "note"

        async def run(self, inputs: Numbers) -> None:
            order.append(f"action {inputs.a}")

    @dramatiq.actor
    def note_name(name: str) -> None:
        order.append(name)
        if name == "last":
            ended.set()

    middleware = WorkflowMiddleware(StubRateLimits())
    async with tasks_app(Note, plugins=(Plugin(middleware),)) as app:
        note = app.get(Tasks).broker.get_actor("note")
        Workflow(
            Chain(
                note.message(a=1),
                Group(Chain(note_name.message("x"), note.message(a=2)), note_name.message("y")),
                note_name.message("last"),
            )
        ).run()
        assert await asyncio.to_thread(ended.wait, 30)

    assert (order[0], order[-1]) == ("action 1", "last")
    assert sorted(order[1:-1]) == ["action 2", "x", "y"]
    assert order.index("x") < order.index("action 2")
