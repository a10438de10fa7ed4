"""The signals of dramatiq middleware for jobs of `Tasks` and for actors, in every store."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
from dramatiq.middleware import CurrentMessage, SkipMessage, TimeLimit
from dramatiq.results import Results
from dramatiq.results.backends import StubBackend
from dramatiq.worker import WorkerThread

import actionhero_db.plugin
import actionhero_redis.plugin
from actionhero import Action, Inputs, RunMode, hookimpl
from actionhero_redis.testing import ThrowAwayRedis, throw_away_redis
from actionhero_tasks import Task, Tasks
from actionhero_tasks.dramatiq.signals import ON_EVENT_LOOP, SignalTable, needs_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("limit")

SIGNALS = [name for name in vars(dramatiq.Middleware) if name.startswith(("before_", "after_"))]
#: They are emitted after the store has the job or its settlement, on which another worker acts.
OVERTAKEN = {"after_enqueue", "after_ack", "after_nack"}
#: Those of one job, in the order of dramatiq's worker.
SUCCESS = [
    "before_enqueue",
    "before_process_message",
    "after_process_message",
    "before_ack",
]


class Numbers(Inputs):
    a: int = 1


class Double(Action):
    """Double a number."""

    name = "double"

    async def run(self, inputs: Numbers) -> int:
        return 2 * inputs.a


class Fail(Action):
    """Fail once more than it is retried."""

    name = "fail"
    task = Task(retries=1, backoff=timedelta(0))

    async def run(self) -> None:
        raise RuntimeError("no")


class Recorder(dramatiq.Middleware):
    """Records the signals, with the message of each."""

    def __init__(self, *, runs_on_event_loop: bool) -> None:
        self.runs_on_event_loop = runs_on_event_loop
        self.calls: list[tuple[str, str, Any]] = []
        self.skipped: set[int] = set()

    def of(self, message_id: str) -> list[str]:
        """Return the signals of a message, except those that the next step may overtake."""
        signals = [signal for signal, id, _ in self.calls if id == message_id]
        for name in ("enqueue", "ack", "nack"):
            assert signals.count(f"after_{name}") == signals.count(f"before_{name}")
        return [signal for signal in signals if signal not in OVERTAKEN]

    def record(self, signal: str, subject: Any, detail: Any) -> None:
        """Record a signal."""
        self.calls.append((signal, getattr(subject, "message_id", str(subject)), detail))
        if signal == "before_process_message" and subject.kwargs.get("a") in self.skipped:
            raise SkipMessage("unlucky")


def _recording(signal: str) -> Callable[..., None]:
    def hook(self: Recorder, broker: Any, subject: Any = None, *args: Any, **detail: Any) -> None:
        self.record(signal, subject, detail or args)

    return hook


for _signal in SIGNALS:
    setattr(Recorder, _signal, _recording(_signal))


class Plugin:
    """Adds middleware."""

    def __init__(self, *middleware: dramatiq.Middleware) -> None:
        self._middleware = list(middleware)

    @hookimpl
    def actionhero_tasks_middleware(self) -> list[dramatiq.Middleware]:
        return self._middleware


@pytest.fixture(scope="module")
def redis_for_signals() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis() as server:
        yield server


@pytest.fixture(params=["embedded", "redis", "postgres", "rabbitmq"])
def stored_app(request: pytest.FixtureRequest, tasks_app: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs an application with each store."""

    def run(*parts: Any, **options: Any) -> Any:
        if request.param == "embedded":
            return tasks_app(*parts, **options)
        if request.param == "postgres":
            environ = {
                "DATABASE_URL": request.getfixturevalue("postgres_url"),
                "ACTIONHERO_APP__NAME": "signals",
            }
            plugin = actionhero_db.plugin
            return tasks_app(plugin, *parts, environ=environ, run_in_server=True, **options)
        environ = {
            "REDIS_URL": request.getfixturevalue("redis_for_signals").url,
            "ACTIONHERO_REDIS__PREFIX": f"{request.node.name}:",
            "ACTIONHERO_APP__NAME": "signals",
        }
        settings: dict[str, Any] = {"run_in_server": True}
        if request.param == "rabbitmq":
            settings["broker_url"] = request.getfixturevalue("rabbitmq_server").url
        return tasks_app(actionhero_redis.plugin, *parts, environ=environ, **settings, **options)

    return run


@pytest.mark.parametrize("on_event_loop", [True, False], ids=["loop", "thread"])
async def test_every_signal_of_an_action_is_emitted_in_order(
    stored_app: Callable[..., Any], on_event_loop: bool
) -> None:
    """Of a success, a retry, a dead letter and a skipped job."""
    recorder = Recorder(runs_on_event_loop=on_event_loop)
    recorder.skipped = {13}
    async with stored_app(Double, Fail, plugins=(Plugin(recorder),)) as app:
        tasks = app.get(Tasks)
        done, skipped = await tasks.enqueue(Double), await tasks.enqueue(Double, {"a": 13})
        dead = await tasks.enqueue(Fail)
        for id in (done, skipped, dead):
            await tasks.wait(id)

    assert recorder.of(done) == SUCCESS
    assert recorder.of(skipped) == [
        "before_enqueue",
        "before_process_message",
        "after_skip_message",
        "before_ack",
    ]
    assert recorder.of(dead) == [
        "before_enqueue",
        "before_process_message",
        "before_enqueue",
        "after_process_message",
        "before_ack",
        "before_process_message",
        "after_process_message",
        "before_nack",
    ]
    [result] = [d for s, id, d in recorder.calls if (s, id) == ("after_process_message", done)]
    assert result == {"result": 2}
    errors = [d for s, id, d in recorder.calls if (s, id) == ("after_process_message", dead)]
    assert all(type(error["exception"]).__name__ == "TypedError" for error in errors)


async def test_every_signal_of_an_actor_is_emitted_in_order(
    stored_app: Callable[..., Any],
) -> None:
    """As by dramatiq's worker, which emits the retry before other middleware sees the failure."""

    @dramatiq.actor(max_retries=1, min_backoff=1)
    def fail(a: int) -> None:
        raise RuntimeError("no")

    recorder = Recorder(runs_on_event_loop=True)
    recorder.skipped = {13}
    async with stored_app(plugins=(Plugin(recorder),)) as app:
        tasks = app.get(Tasks)
        dead, skipped = fail.send(a=1).message_id, fail.send(a=13).message_id
        for id in (dead, skipped):
            await tasks.wait(id)

    assert recorder.of(skipped) == [
        "before_enqueue",
        "before_process_message",
        "after_skip_message",
        "before_ack",
    ]
    assert recorder.of(dead) == [
        "before_enqueue",
        "before_process_message",
        "after_process_message",
        "before_enqueue",
        "before_ack",
        "before_process_message",
        "after_process_message",
        "before_nack",
    ]


async def test_the_signals_of_a_process_are_those_of_dramatiq(
    tasks_app: Callable[..., Any],
) -> None:
    """Of its declarations, and of its start and its end, in the order of dramatiq's worker."""

    @dramatiq.actor(queue_name="mail")
    def work() -> None:
        pass

    recorder = Recorder(runs_on_event_loop=True)
    async with tasks_app(Double, plugins=(Plugin(recorder),)) as app:
        await app.get(Tasks).wait(work.send().message_id)

    process = [signal for signal, id, _ in recorder.calls if id not in {"Actor(work)", "mail"}]
    declared = [signal for signal, id, _ in recorder.calls if id in {"Actor(work)", "mail"}]
    assert declared == [
        "before_declare_actor",
        "before_declare_queue",
        "after_declare_queue",
        "after_declare_actor",
    ]
    assert [s for s in process if "process_boot" in s or "worker_boot" in s or "shutdown" in s][
        :4
    ] == [
        "after_process_boot",
        "before_worker_boot",
        "after_worker_boot",
        "before_worker_shutdown",
    ]
    assert process[-1] == "after_worker_shutdown"
    assert [s for s in process if "thread" in s] == [
        "after_consumer_thread_boot",
        "after_worker_thread_boot",
        "before_consumer_thread_shutdown",
        "before_worker_thread_shutdown",
    ]


async def test_jobs_of_every_origin_have_signals(tasks_app: Callable[..., Any]) -> None:
    """Of `enqueue_many`, fan-outs and schedules. A duplicate is not enqueued."""
    recorder = Recorder(runs_on_event_loop=True)
    async with tasks_app(Double, plugins=(Plugin(recorder),), mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        many = await tasks.enqueue_many(Double, [{}, {}])
        fan_out = await tasks.fan_out(Double, [{}], then=None)
        jobs = [job async for job in tasks.fan_out_jobs(fan_out)]
        action = app.app.actions.find("double")
        now = await tasks.use(lambda store: store.now_ms())
        await tasks.use(lambda store: store.last_fire_time("double", now))
        assert await tasks.enqueue_scheduled(action, now + 1_000, overlap=True)
        assert not await tasks.enqueue_scheduled(action, now + 1_000, overlap=True)
        first = await tasks.enqueue(Double, key="k")
        second = await tasks.enqueue(Double, key="k")

    assert second == first
    for id in (*many, jobs[0].id, first):
        assert recorder.of(id) == ["before_enqueue"]
    before = [id for signal, id, _ in recorder.calls if signal == "before_enqueue"]
    after = [id for signal, id, _ in recorder.calls if signal == "after_enqueue"]
    assert (len(before), len(after)) == (7, 5)


async def test_middleware_can_add_options_to_messages(tasks_app: Callable[..., Any]) -> None:
    """Which the worker sees, as those of tracing."""
    seen: list[Any] = []

    class Tag(dramatiq.Middleware):
        def before_enqueue(self, broker: Any, message: Any, delay: Any) -> None:
            message.options["tag"] = message.actor_name

        def before_process_message(self, broker: Any, message: Any) -> None:
            seen.append(message.options["tag"])

    @dramatiq.actor
    def work() -> None:
        pass

    async with tasks_app(Double, plugins=(Plugin(Tag()),)) as app:
        tasks = app.get(Tasks)
        work_id = work.send().message_id
        sent = tasks.broker.get_actor("double").send()
        for id in (await tasks.enqueue(Double), sent.message_id, work_id):
            await tasks.wait(id)

    assert sorted(seen) == ["double", "double", "work"]


async def test_middleware_added_before_the_start_is_called(
    tasks_app: Callable[..., Any],
) -> None:
    """To the global broker, as packages do when they are imported."""
    recorder = Recorder(runs_on_event_loop=True)
    dramatiq.get_broker().add_middleware(recorder)
    try:
        async with tasks_app(Double) as app:
            id = await app.get(Tasks).enqueue(Double)
            await app.get(Tasks).wait(id)
    finally:
        dramatiq.get_broker()._added.clear()  # type: ignore[attr-defined]

    assert recorder.of(id) == SUCCESS


async def test_a_patched_worker_thread_runs_actions(
    tasks_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the patch imitates the attributes of the method."""
    names: list[str] = []
    process_message = WorkerThread.process_message

    class Patch:
        __code__ = process_message.__code__

        def __get__(self, thread: Any, class_: Any = None) -> Any:
            return self if thread is None else functools.partial(self, thread)

        def __call__(self, thread: Any, message: Any) -> None:
            names.append(message.actor_name)
            process_message(thread, message)

    monkeypatch.setattr(WorkerThread, "process_message", Patch())
    async with tasks_app(Double) as app:
        job = await app.get(Tasks).wait(await app.get(Tasks).enqueue(Double))

    assert (names, job.result) == (["double"], 2)


def test_middleware_is_recognized_by_its_attributes() -> None:
    """One with a backend or that interrupts threads needs threads; an attribute overrides it."""

    class Slots(dramatiq.Middleware):
        __slots__ = ()

    results = Results(backend=StubBackend())

    assert [needs_thread(item) for item in (results, TimeLimit(), CurrentMessage(), Slots())] == [
        *(True, True, False, False)
    ]
    setattr(results, ON_EVENT_LOOP, True)
    assert not needs_thread(results)


def test_signals_that_no_middleware_implements_have_no_hooks() -> None:
    """So that the default middleware costs jobs of actions nothing."""

    class Boot(dramatiq.Middleware):
        def after_worker_boot(self, broker: Any, worker: Any) -> None:
            pass

    table = SignalTable([Boot()])

    assert [signal for signal in SIGNALS if table.hooks(signal)] == ["after_worker_boot"]
