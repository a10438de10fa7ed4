"""Functions with `@dramatiq.actor` as jobs of our worker."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AsyncIO, Shutdown, TimeLimit, TimeLimitExceeded
from dramatiq.results import ResultFailure, Results
from dramatiq.results.backends import StubBackend

from actionhero import BootError, RunMode, hookimpl, logs
from actionhero_tasks import JobState, Tasks
from actionhero_tasks.job import NewJob
from actionhero_tasks.testing import drain
from actionhero_tasks.worker.actor_threads import JobInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("limit")


class Plugin:
    """Adds middleware."""

    def __init__(self, *middleware: dramatiq.Middleware) -> None:
        self._middleware = list(middleware)

    @hookimpl
    def actionhero_tasks_middleware(self) -> list[dramatiq.Middleware]:
        return self._middleware


async def test_an_actor_runs_in_a_thread(tasks_app: Callable[..., Any]) -> None:
    """As a job with the id of its message, its queue and its priority; its result is stored."""

    @dramatiq.actor(queue_name="numbers", priority=3)
    def add(a: int, *, b: int) -> list[Any]:
        return [a + b, threading.current_thread() is threading.main_thread()]

    async with tasks_app() as app:
        tasks = app.get(Tasks)
        message = add.send(1, b=2)
        job = await tasks.wait(message.message_id)
        record = await tasks.use(lambda store: store.find(job.id))

    assert (job.action, job.queue, job.result) == ("add", "numbers", [3, False])
    assert job.inputs == {"args": [1], "b": 2}
    assert record is not None
    assert record.priority == 3


async def test_a_running_actor_is_cancelled(tasks_app: Callable[..., Any]) -> None:
    """Its thread is interrupted, and runs the next job."""
    started = threading.Event()
    interrupted: list[type[BaseException]] = []

    @dramatiq.actor
    def wait() -> None:
        started.set()
        try:
            while True:
                time.sleep(0.001)
        except BaseException as error:
            interrupted.append(type(error))
            raise

    async with tasks_app() as app:
        tasks = app.get(Tasks)
        id = wait.send().message_id
        await asyncio.to_thread(started.wait, 30)
        requested = await tasks.cancel(id)
        job = await tasks.wait(id)
        while not interrupted:  # noqa: ASYNC110 - an event of a thread
            await asyncio.sleep(0.01)

    assert (requested, job.state) == (True, JobState.CANCELLED)
    assert interrupted == [JobInterrupted]


async def test_a_job_does_not_wait_for_the_blocked_thread_of_a_cancelled_one(
    tasks_app: Callable[..., Any],
) -> None:
    """Code that does not return to Python is not interrupted, so another thread runs the job."""
    started, resume = threading.Event(), threading.Event()

    @dramatiq.actor
    def block() -> None:
        started.set()
        resume.wait()

    @dramatiq.actor
    def work() -> int:
        return 1

    try:
        async with tasks_app(concurrency=1) as app:
            tasks = app.get(Tasks)
            id = block.send().message_id
            await asyncio.to_thread(started.wait, 30)
            await tasks.cancel(id)
            cancelled = await tasks.wait(id)
            job = await tasks.wait(work.send().message_id)
    finally:
        resume.set()

    assert (cancelled.state, job.result) == (JobState.CANCELLED, 1)


async def test_log_lines_of_an_actor_have_the_id_of_its_job(tasks_app: Callable[..., Any]) -> None:
    """Of each job, although the threads are shared."""
    stream = io.StringIO()
    logs.configure("info", "json", colors=False, stream=stream)

    @dramatiq.actor
    def note(number: int) -> None:
        logging.getLogger("shop").info("noted %d", number)

    try:
        async with tasks_app() as app:
            ids = [note.send(number).message_id for number in range(20)]
            for id in ids:
                await app.get(Tasks).wait(id)
    finally:
        logs.shutdown()

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    jobs = {line["message"]: line.get("job") for line in lines if line["logger"] == "shop"}
    assert jobs == {f"noted {number}": id for number, id in enumerate(ids)}


async def test_an_asynchronous_actor_runs_on_the_event_loop(tasks_app: Callable[..., Any]) -> None:
    """Of the application, without another middleware."""
    loops: list[asyncio.AbstractEventLoop] = []

    @dramatiq.actor
    async def record() -> None:
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())

    async with tasks_app() as app:
        await app.get(Tasks).wait(record.send().message_id)

    assert loops == [asyncio.get_running_loop()]


async def test_an_asynchronous_actor_runs_on_the_loop_of_the_middleware(
    tasks_app: Callable[..., Any],
) -> None:
    """If `AsyncIO` of dramatiq is added."""
    loops: list[asyncio.AbstractEventLoop] = []

    @dramatiq.actor
    async def record() -> None:
        loops.append(asyncio.get_running_loop())

    async with tasks_app(plugins=(Plugin(AsyncIO()),)) as app:
        await app.get(Tasks).wait(record.send().message_id)

    assert len(loops) == 1
    assert loops != [asyncio.get_running_loop()]


async def test_an_asynchronous_actor_is_not_called_on_the_event_loop(
    tasks_app: Callable[..., Any],
) -> None:
    """Which would wait for itself."""

    @dramatiq.actor
    async def work() -> None:
        pass

    async with tasks_app():
        with pytest.raises(RuntimeError, match="cannot be called on the event loop"):
            work()


async def test_many_actors_run_at_the_same_time(tasks_app: Callable[..., Any]) -> None:
    """As many as jobs of the worker."""
    barrier = threading.Barrier(20)

    @dramatiq.actor
    def meet() -> None:
        barrier.wait(30)

    async with tasks_app() as app:
        ids = [meet.send().message_id for _ in range(20)]
        jobs = [await app.get(Tasks).wait(id) for id in ids]

    assert {job.state for job in jobs} == {JobState.DONE}


async def test_a_failed_actor_is_retried_by_its_options(tasks_app: Callable[..., Any]) -> None:
    """As the same job, which is dead-lettered in the end, without the message of the exception."""
    retries: list[int] = []

    @dramatiq.actor(max_retries=2, min_backoff=1, max_backoff=2)
    def fail() -> None:
        retries.append(1)
        raise RuntimeError("hunter2")

    async with tasks_app() as app:
        tasks = app.get(Tasks)
        job = await tasks.wait(fail.send().message_id)
        counts = await tasks.use(lambda store: store.counts())

    assert len(retries) == 3
    assert (job.state, job.attempts) == (JobState.DEAD, 3)
    assert job.error is not None
    assert "RuntimeError was raised" in job.error["message"]
    assert "hunter2" not in str(job.error)
    assert [count.dead for count in counts] == [1]


async def test_the_delay_of_a_retry_is_that_of_dramatiq(tasks_app: Callable[..., Any]) -> None:
    """Of the exception `Retry`, or else of `min_backoff`."""

    @dramatiq.actor
    def later() -> None:
        raise dramatiq.Retry(delay=60_000)

    async with tasks_app(mode=RunMode.CLI) as app:
        message = later.send()
        await drain(app)
        record = await app.get(Tasks).use(lambda store: store.find(message.message_id))

    assert record is not None
    assert (record.state, record.attempts) == (JobState.DELAYED, 1)
    assert record.due_ms is not None
    assert 50_000 < record.due_ms - record.created_ms < 120_000


async def test_the_options_of_a_message_override_those_of_its_actor(
    tasks_app: Callable[..., Any],
) -> None:
    """Here the number of retries."""

    @dramatiq.actor(max_retries=10, min_backoff=1)
    def fail() -> None:
        raise RuntimeError("no")

    async with tasks_app() as app:
        job = await app.get(Tasks).wait(fail.send_with_options(max_retries=0).message_id)

    assert (job.state, job.attempts) == (JobState.DEAD, 1)


async def test_an_expected_exception_is_not_retried(tasks_app: Callable[..., Any]) -> None:
    """One of the option `throws`."""

    @dramatiq.actor(throws=(KeyError,))
    def fail() -> None:
        raise KeyError("x")

    async with tasks_app() as app:
        job = await app.get(Tasks).wait(fail.send().message_id)

    assert job.state is JobState.DEAD


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_actor_ends_at_its_time_limit(
    tasks_app: Callable[..., Any], asynchronous: bool
) -> None:
    """A synchronous one at its next bytecode, an asynchronous one at its `await`."""
    ended = threading.Event()

    def spin() -> None:
        try:
            while True:
                time.sleep(0.001)
        except TimeLimitExceeded:
            ended.set()
            raise

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set()
            raise

    function: Any = wait if asynchronous else spin
    actor = dramatiq.actor(actor_name="slow", time_limit=50, max_retries=0)(function)

    async with tasks_app(plugins=(Plugin(TimeLimit(interval=10)),)) as app:
        job = await app.get(Tasks).wait(actor.send().message_id)

    assert job.state is JobState.DEAD
    assert ended.is_set()


async def test_a_stopping_worker_interrupts_actors_that_ask_for_it(
    tasks_app: Callable[..., Any],
) -> None:
    """With the option `notify_shutdown`; the job is retried by dramatiq."""
    started, interrupted = threading.Event(), threading.Event()

    @dramatiq.actor(notify_shutdown=True)
    def wait() -> None:
        started.set()
        try:
            while True:
                time.sleep(0.001)
        except Shutdown:
            interrupted.set()
            raise

    async with tasks_app():
        message = wait.send()
        await asyncio.to_thread(started.wait, 30)
    async with tasks_app(mode=RunMode.CLI) as app:
        record = await app.get(Tasks).use(lambda store: store.find(message.message_id))

    assert interrupted.is_set()
    assert record is not None
    assert (record.state, record.attempts) == (JobState.DELAYED, 1)


async def test_a_stopping_worker_waits_for_actors(tasks_app: Callable[..., Any]) -> None:
    """As for actions."""
    started, go = threading.Event(), threading.Event()

    @dramatiq.actor
    def wait() -> str:
        started.set()
        go.wait(30)
        return "done"

    async with tasks_app() as app:
        message = wait.send()
        await asyncio.to_thread(started.wait, 30)
        asyncio.get_running_loop().call_later(0.05, go.set)
    async with tasks_app(mode=RunMode.CLI) as app:
        record = await app.get(Tasks).use(lambda store: store.find(message.message_id))

    assert record is not None
    assert (record.state, record.result) == (JobState.DONE, b'"done"')


async def test_a_cancelled_actor_is_interrupted(tasks_app: Callable[..., Any]) -> None:
    """And the next job of its thread is not."""
    started, interrupted = threading.Event(), threading.Event()

    @dramatiq.actor
    def spin() -> None:
        started.set()
        try:
            while True:
                time.sleep(0.001)
        except JobInterrupted:
            interrupted.set()
            raise

    @dramatiq.actor
    def work() -> str:
        return "done"

    async with tasks_app(concurrency=1) as app:
        tasks = app.get(Tasks)
        cancelled = spin.send()
        await asyncio.to_thread(started.wait, 30)
        await tasks.cancel(cancelled.message_id)
        jobs = [await tasks.wait(id) for id in (cancelled.message_id, work.send().message_id)]

    assert interrupted.is_set()
    assert [job.state for job in jobs] == [JobState.CANCELLED, JobState.DONE]


async def test_a_message_without_an_actor_is_dead_lettered(tasks_app: Callable[..., Any]) -> None:
    """Workers of all queues run those of actors that the application has."""

    @dramatiq.actor(queue_name="other")
    def known() -> str:
        return "known"

    async with tasks_app() as app:
        tasks = app.get(Tasks)
        message = known.send()
        unknown = tasks.broker.enqueue(known.message().copy(actor_name="unknown"))
        jobs = [await tasks.wait(item.message_id) for item in (message, unknown)]

    assert [(job.state, job.result) for job in jobs] == [
        (JobState.DONE, "known"),
        (JobState.DEAD, None),
    ]
    assert jobs[1].error is not None
    assert "unknown" in jobs[1].error["message"]


async def test_messages_are_enqueued_any_number_of_times(tasks_app: Callable[..., Any]) -> None:
    """The first has the id of the message."""
    numbers: list[int] = []

    @dramatiq.actor
    def append(number: int) -> None:
        numbers.append(number)

    async with tasks_app(mode=RunMode.CLI) as app:
        message = append.message(1)
        broker = app.get(Tasks).broker
        for _ in range(3):
            broker.enqueue(message)
        jobs = await drain(app)

    assert numbers == [1, 1, 1]
    assert jobs[0].id == message.message_id
    assert len({job.id for job in jobs}) == 3


async def test_results_of_actors_are_stored_by_the_middleware(
    tasks_app: Callable[..., Any],
) -> None:
    """Also failures, after the dead letter."""
    backend = StubBackend()
    plugin = Plugin(Results(backend=backend))

    @dramatiq.actor(store_results=True)
    def add(a: int, b: int) -> int:
        return a + b

    @dramatiq.actor(store_results=True, max_retries=0)
    def fail() -> None:
        raise RuntimeError("no")

    async with tasks_app(plugins=(plugin,)):
        result = await asyncio.to_thread(add.send(1, 2).get_result, block=True, timeout=30_000)
        with pytest.raises(ResultFailure, match="RuntimeError"):
            await asyncio.to_thread(fail.send().get_result, block=True, timeout=30_000)

    assert result == 3


async def test_an_unknown_option_of_an_actor_is_refused(tasks_app: Callable[..., Any]) -> None:
    """When the application starts, because plugins may add its middleware."""

    @dramatiq.actor(store_results=True)
    def add() -> None:
        pass

    with pytest.raises(BootError, match=r"actor 'add' .* options 'store_results', which no"):
        async with tasks_app():
            pass


async def test_an_actor_is_not_sent_without_an_application() -> None:
    """The message names the remedy."""

    @dramatiq.actor
    def add() -> None:
        pass

    with pytest.raises(RuntimeError, match=r"'add' cannot be enqueued, because no application"):
        add.send()


async def test_actors_with_another_broker_are_left_alone(tasks_app: Callable[..., Any]) -> None:
    """Their messages go there."""
    stub = StubBroker()

    @dramatiq.actor(broker=stub)
    def elsewhere() -> None:
        pass

    async with tasks_app() as app:
        elsewhere.send()
        counts = await app.get(Tasks).use(lambda store: store.counts())

    assert stub.queues["default"].qsize() == 1
    assert counts == []


async def test_an_undecodable_message_of_an_actor_is_dead_lettered(
    tasks_app: Callable[..., Any],
) -> None:
    """The next job runs."""

    @dramatiq.actor
    def work() -> None:
        pass

    async with tasks_app() as app:
        tasks = app.get(Tasks)
        await tasks.use(lambda store: store.add([NewJob("x1", "default", "work", b"{")]))
        jobs = [await tasks.wait(id) for id in ("x1", work.send().message_id)]

    assert [job.state for job in jobs] == [JobState.DEAD, JobState.DONE]
