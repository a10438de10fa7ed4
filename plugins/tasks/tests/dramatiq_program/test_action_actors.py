"""Actions as actors of the application's broker."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import dramatiq
import pytest
from dramatiq import group, pipeline
from dramatiq.middleware import GroupCallbacks
from dramatiq.rate_limits.backends import StubBackend as StubRateLimits
from dramatiq.results import Results
from dramatiq.results.backends import StubBackend as StubResults

from actionhero import Action, BootError, Call, Inputs, InvalidInput, RunMode, Secret, hookimpl
from actionhero_tasks import JobState, Task, Tasks
from actionhero_tasks.dramatiq import consumer as consumer_module
from actionhero_tasks.dramatiq.event_loop import ApplicationLoop
from actionhero_tasks.testing import drain
from actionhero_tasks.worker.runner import JobRunner

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("limit")


class Numbers(Inputs):
    a: int
    b: int = 0


class Add(Action):
    """Add two numbers."""

    name = "number:add"
    task = Task(queue="numbers", priority=2)

    async def run(self, inputs: Numbers) -> int:
        return inputs.a + inputs.b


class SignInInputs(Inputs):
    name: str
    password: Secret[str]


class SignIn(Action):
    """Return the length of a password."""

    name = "sign-in"

    async def run(self, inputs: SignInInputs) -> int:
        return len(inputs.password)


class Send(Action):
    """Send a message to an actor."""

    name = "send"

    async def run(self) -> str:
        return dramatiq.get_broker().get_actor("number:add").send(a=1).message_id


class WhoAmI(Action):
    """Return the user and the request id of a job."""

    name = "whoami"
    task = {"queue": "numbers"}

    async def run(self, call: Call) -> list[Any]:
        return [call.session.get("userId"), call.request_id]


class Compose(Action):
    """Run a pipeline as the user of a call."""

    name = "compose"

    async def run(self, call: Call) -> str:
        call.session["userId"] = 7
        broker = dramatiq.get_broker()
        whoami = broker.get_actor("whoami")
        second = whoami.message_with_options(pipe_ignore=True)
        pipeline([whoami.message(), second]).run()
        return second.message_id


class Composition:
    """The middleware of composed messages."""

    def __init__(self) -> None:
        self.results = StubResults()
        self.rate_limits = StubRateLimits()

    @hookimpl
    def actionhero_tasks_middleware(self) -> list[dramatiq.Middleware]:
        return [
            Results(backend=self.results, store_results=True),
            GroupCallbacks(self.rate_limits),
        ]


async def test_a_sent_action_runs_as_a_job(tasks_app: Callable[..., Any]) -> None:
    """With the id of its message, and the queue and the priority of its task."""
    async with tasks_app(Add) as app:
        tasks = app.get(Tasks)
        message = dramatiq.get_broker().get_actor("number:add").send(a=1, b=2)
        job = await tasks.wait(message.message_id)
        record = await tasks.use(lambda store: store.find(job.id))

    assert (job.result, job.queue, job.inputs) == (3, "numbers", {"a": 1, "b": 2})
    assert record is not None
    assert record.priority == 2


async def test_the_broker_is_the_global_one_while_the_application_runs(
    tasks_app: Callable[..., Any],
) -> None:
    """And the previous one afterwards, in any order of stops."""
    before = dramatiq.get_broker()
    async with tasks_app(Add) as first:
        assert dramatiq.get_broker() is first.get(Tasks).broker
        async with tasks_app(Add, mode=RunMode.CLI) as second:
            assert dramatiq.get_broker() is second.get(Tasks).broker
        assert dramatiq.get_broker() is first.get(Tasks).broker

    assert dramatiq.get_broker() is before


async def test_the_inputs_of_a_sent_action_are_validated(tasks_app: Callable[..., Any]) -> None:
    """Nothing is enqueued if they are invalid."""
    async with tasks_app(Add, mode=RunMode.CLI) as app:
        add = app.get(Tasks).broker.get_actor("number:add")
        with pytest.raises(InvalidInput, match="a"):
            add.send(a="x")
        with pytest.raises(TypeError, match="has 2 inputs, and 3 positional"):
            add.send(1, 2, 3)
        counts = await app.get(Tasks).use(lambda store: store.counts())

    assert counts == []


async def test_invalid_inputs_in_a_call_are_no_error_of_the_client(
    tasks_app: Callable[..., Any],
) -> None:
    """As with `Tasks.enqueue`."""

    class SendInvalid(Action):
        """Send a message without inputs."""

        name = "send-invalid"

        async def run(self) -> None:
            dramatiq.get_broker().get_actor("number:add").send()

    async with tasks_app(Add, SendInvalid, mode=RunMode.CLI) as app:
        outcome = await app.connect().outcome("send-invalid")

    assert isinstance(outcome.error.__cause__, TypeError)


async def test_positional_arguments_are_inputs_in_their_order(
    tasks_app: Callable[..., Any],
) -> None:
    """An input that is passed by name is skipped."""
    async with tasks_app(Add, mode=RunMode.CLI) as app:
        add = app.get(Tasks).broker.get_actor("number:add")
        add.send(3, 4)
        add.send(3, a=1)
        jobs = await drain(app)

    assert [(job.result, job.inputs) for job in jobs] == [
        (7, {"a": 3, "b": 4}),
        (4, {"a": 1, "b": 3}),
    ]


async def test_the_options_of_a_message_are_those_of_its_job(
    tasks_app: Callable[..., Any],
) -> None:
    """The delay and the priority, of which high numbers are urgent in dramatiq."""
    async with tasks_app(Add, mode=RunMode.CLI) as app:
        add = app.get(Tasks).broker.get_actor("number:add")
        sent = add.send_with_options(kwargs={"a": 1}, delay=timedelta(minutes=1), broker_priority=3)
        job = await app.get(Tasks).use(lambda store: store.find(sent.message_id))

    assert job is not None
    assert (job.state, job.priority) == (JobState.DELAYED, -3)
    assert job.due_ms is not None
    assert job.due_ms - job.created_ms == 60_000


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"delay": 10**19}, ValueError, "longer than 36500 days"),
        ({"broker_priority": 10**20}, InvalidInput, "is not between"),
    ],
)
async def test_the_options_of_a_message_have_bounds(
    tasks_app: Callable[..., Any], options: dict[str, Any], error: type[Exception], text: str
) -> None:
    """Those of `enqueue`."""
    async with tasks_app(Add, mode=RunMode.CLI) as app:
        add = app.get(Tasks).broker.get_actor("number:add")
        with pytest.raises(error, match=text):
            add.send_with_options(kwargs={"a": 1}, **options)


async def test_secret_inputs_are_encrypted_in_messages(tasks_app: Callable[..., Any]) -> None:
    """Also in those that are parts of others; the actions have them."""
    async with tasks_app(
        Add, SignIn, mode=RunMode.CLI, environ={"ACTIONHERO_APP__SECRET_KEY": "k" * 40}
    ) as app:
        broker = app.get(Tasks).broker
        sign_in, add = broker.get_actor("sign-in"), broker.get_actor("number:add")
        secret = sign_in.message_with_options(
            kwargs={"name": "Ada", "password": "hunter2"}, pipe_ignore=True
        )
        sign_in.send(name="Ada", password="hunter2")
        (add.message(a=1) | secret | add.message(b=1)).run()
        bodies = await app.get(Tasks).use(
            lambda store: [job.body for job in store.jobs(JobState.READY)]
        )
        jobs = await drain(app)

    assert secret.kwargs == {"name": "Ada"}
    assert len(bodies) == 2
    assert not any(b"hunter2" in body for body in bodies)
    assert sorted(job.result for job in jobs) == [1, 7, 7, 8]


async def test_a_pipeline_passes_results_on(tasks_app: Callable[..., Any]) -> None:
    """A result is the first input that is not passed. A pipeline can run again."""
    composition = Composition()
    async with tasks_app(Add, mode=RunMode.SERVER, plugins=(composition,)) as app:
        add = app.get(Tasks).broker.get_actor("number:add")
        steps = pipeline([add.message(a=1), add.message(b=10), add.message(b=100)])
        steps.run()
        result = await asyncio.to_thread(steps.get_result, block=True, timeout=30_000)
        count = steps.completed_count
        await asyncio.to_thread(wait_for_jobs, app.get(Tasks), 3)
        steps.run()
        await asyncio.to_thread(wait_for_jobs, app.get(Tasks), 6)

    assert (result, count) == (111, 3)


async def test_a_group_collects_results_and_calls_back(tasks_app: Callable[..., Any]) -> None:
    """Its messages may be pipelines."""
    composition = Composition()
    async with tasks_app(Add, plugins=(composition,)) as app:
        add = app.get(Tasks).broker.get_actor("number:add")
        jobs = group([add.message(a=1), add.message(a=1) | add.message(b=1)])
        callback = add.message(a=41, b=1)
        jobs.add_completion_callback(callback)
        jobs.run()
        results = await asyncio.to_thread(
            lambda: list(jobs.get_results(block=True, timeout=30_000))
        )
        called = await asyncio.to_thread(callback.get_result, block=True, timeout=30_000)

    assert (results, called) == ([1, 2], 42)


async def test_the_jobs_of_a_pipeline_have_the_user_of_the_first(
    tasks_app: Callable[..., Any],
) -> None:
    """And its request id, although dramatiq's middleware enqueues them."""
    async with tasks_app(WhoAmI, Compose) as app:
        tasks = app.get(Tasks)
        caller = app.connect()
        second_id = await caller.call("compose")
        while (await tasks.use(lambda store: store.find(second_id))) is None:
            pass
        second = await tasks.wait(second_id)

    user, request_id = second.result
    assert user == 7
    assert request_id


async def test_an_action_can_send_messages(tasks_app: Callable[..., Any]) -> None:
    """While the application runs a single command, too."""
    async with tasks_app(Add, Send, mode=RunMode.CLI) as app:
        id = await app.call("send")
        [job] = await drain(app)

    assert (job.id, job.result) == (id, 1)


async def test_an_actor_of_an_action_runs_in_workers_only(tasks_app: Callable[..., Any]) -> None:
    """A direct call would have no job."""
    async with tasks_app(Add, mode=RunMode.CLI) as app:
        add = app.get(Tasks).broker.get_actor("number:add")
        with pytest.raises(RuntimeError, match=r"'number:add' is an action.*use actor.send"):
            add(a=1)


async def test_an_actor_with_the_name_of_an_action_is_refused(
    tasks_app: Callable[..., Any],
) -> None:
    """The message names both."""

    @dramatiq.actor(actor_name="number:add")
    def add() -> None:
        pass

    with pytest.raises(BootError, match=r"actor 'number:add' .* has the name of an action"):
        async with tasks_app(Add):
            pass


async def test_an_action_that_fails_is_retried_by_its_task(tasks_app: Callable[..., Any]) -> None:
    """Not by the options of dramatiq's middleware, also when it runs in a thread."""
    runs: list[int] = []

    class Fail(Action):
        """Fail once."""

        name = "fail"
        task = Task(retries=1, backoff=timedelta(0))

        async def run(self) -> int:
            runs.append(1)
            if len(runs) == 1:
                raise RuntimeError("no")
            return len(runs)

    async with tasks_app(Fail, plugins=(Composition(),)) as app:
        tasks = app.get(Tasks)
        message = tasks.broker.get_actor("fail").send()
        job = await tasks.wait(message.message_id)

    assert (job.result, job.attempts) == (2, 1)


async def test_a_cancelled_action_in_a_thread_ends(tasks_app: Callable[..., Any]) -> None:
    """With its thread, which waits for it."""
    started, cancelled = asyncio.Event(), asyncio.Event()

    class Wait(Action):
        """Wait until it is cancelled."""

        name = "wait"

        async def run(self) -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

    async with tasks_app(Wait, plugins=(Composition(),)) as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(Wait)
        await started.wait()
        await tasks.cancel(id)
        job = await tasks.wait(id)
        await cancelled.wait()

    assert job.state is JobState.CANCELLED


def wait_for_jobs(tasks: Tasks, count: int) -> None:
    """Wait until so many jobs are done."""
    while len(tasks.store.jobs(JobState.DONE)) < count:
        pass


class Forever(Action):
    """Wait without end."""

    name = "forever"
    started: ClassVar[asyncio.Event]
    interrupted: ClassVar[list[str]]

    async def run(self) -> None:
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.interrupted.append("action")
            raise


async def test_the_worker_of_dramatiq_cancels_running_jobs(
    tasks_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Actions and asynchronous actors, with the heartbeat of their queue; they are not retried."""
    monkeypatch.setattr(consumer_module, "HEARTBEAT_SECONDS", 0)
    Forever.started, Forever.interrupted = asyncio.Event(), []
    actor_started = asyncio.Event()

    async with tasks_app(Forever, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        broker = tasks.broker

        @dramatiq.actor(max_retries=3, min_backoff=1, broker=broker)
        async def wait_forever() -> None:
            actor_started.set()
            try:
                await asyncio.Event().wait()
            finally:
                Forever.interrupted.append("actor")

        broker.execute = JobRunner(app.app, lambda *_: None).execute
        broker.loop = ApplicationLoop(asyncio.get_running_loop())
        worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=2)
        worker.start()
        messages = [broker.get_actor("forever").message(), wait_forever.message()]
        for message in messages:
            await asyncio.to_thread(broker.enqueue, message)
        await Forever.started.wait()
        await actor_started.wait()

        for message in messages:
            assert await tasks.cancel(message.message_id)
        jobs = [await tasks.wait(message.message_id) for message in messages]

        await asyncio.to_thread(worker.stop)
        broker.loop.remove()

    assert [job.state for job in jobs] == [JobState.CANCELLED] * 2
    assert sorted(Forever.interrupted) == ["action", "actor"]
