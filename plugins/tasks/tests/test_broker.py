"""The store as a broker of dramatiq: its own actors and its own worker run on it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
import redis
from dramatiq.errors import BrokerConnectionError, QueueJoinTimeout, QueueNotFound
from dramatiq.middleware import Retries

from actionhero import Action, Inputs, hookimpl
from actionhero.identifier import new_identifier
from actionhero_redis.testing import ThrowAwayRedis, throw_away_redis
from actionhero_tasks import JobState, Tasks
from actionhero_tasks.broker import JobBroker
from actionhero_tasks.brokered_store import BrokeredStore
from actionhero_tasks.job import NewJob, StoreUnavailable
from actionhero_tasks.rabbitmq_tickets import RabbitmqTickets
from actionhero_tasks.redis_store import RedisStore
from actionhero_tasks.sqlite_store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from actionhero_tasks.store import JobStore

PATIENCE_MS = 30_000


def embedded_store(request: pytest.FixtureRequest) -> JobStore:
    folder: Path = request.getfixturevalue("tmp_path")
    return SqliteStore(folder, result_ttl_ms=60_000)


def redis_store(request: pytest.FixtureRequest) -> JobStore:
    url = request.getfixturevalue("redis_for_brokers").url
    prefix = f"{new_identifier()}:{{tasks}}:"
    return RedisStore(lambda: redis.Redis.from_url(url), prefix, result_ttl_ms=60_000)


def rabbitmq_store(request: pytest.FixtureRequest) -> JobStore:
    inner = redis_store(request)
    outbox = inner.outbox()
    assert outbox is not None
    url = request.getfixturevalue("rabbitmq_server").url
    return BrokeredStore(inner, outbox, RabbitmqTickets(url, "rabbit"))


@pytest.fixture(scope="module")
def redis_for_brokers() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis() as server:
        yield server


@pytest.fixture(
    params=[embedded_store, redis_store, rabbitmq_store], ids=["embedded", "redis", "rabbitmq"]
)
def broker(request: pytest.FixtureRequest) -> Iterator[JobBroker]:
    store: JobStore = request.param(request)
    yield JobBroker(store, [Retries(min_backoff=1, max_backoff=10)])
    store.close()


@pytest.fixture
def worker(broker: JobBroker) -> Iterator[dramatiq.Worker]:
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=4)
    worker.start()
    yield worker
    worker.stop()


@pytest.mark.usefixtures("worker")
def test_an_actor_of_dramatiq_gets_what_was_sent_to_it(broker: JobBroker) -> None:
    """By any of its threads, each once."""
    got: list[int] = []

    @dramatiq.actor(broker=broker)
    def put(number: int) -> None:
        got.append(number)

    for number in range(50):
        put.send(number)
    broker.join("default", timeout=PATIENCE_MS)

    assert sorted(got) == list(range(50))


@pytest.mark.usefixtures("worker")
def test_an_actor_that_fails_is_tried_again_and_then_a_dead_letter(broker: JobBroker) -> None:
    """By dramatiq's own rules: each time is a job of its own. What was raised is not repeated."""
    runs: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=2)
    def fail() -> None:
        runs.append(1)
        raise RuntimeError("hunter2")

    fail.send()
    broker.join("default", timeout=PATIENCE_MS)

    [dead] = broker.store.jobs(JobState.DEAD)
    assert len(runs) == 3
    assert dead.action == "fail"
    assert b"RuntimeError was raised" in (dead.error or b"")
    assert b"hunter2" not in (dead.error or b"")


@pytest.mark.usefixtures("worker")
def test_a_message_for_nobody_is_a_dead_letter(broker: JobBroker) -> None:
    """Somebody may have renamed the actor, and lets it run again later."""

    @dramatiq.actor(broker=broker)
    def known() -> None:
        pass

    message = known.message()
    broker.enqueue(message.copy(actor_name="unknown"))
    broker.join("default", timeout=PATIENCE_MS)

    assert [job.action for job in broker.store.jobs(JobState.DEAD)] == ["unknown"]


def test_a_delayed_message_waits_in_the_store(broker: JobBroker) -> None:
    """And not in the memory of a worker."""

    @dramatiq.actor(broker=broker)
    def later() -> None:
        pass

    later.send_with_options(delay=60_000)

    [job] = broker.store.jobs(JobState.DELAYED)
    assert job.action == "later"
    with pytest.raises(QueueJoinTimeout):
        broker.join("default", timeout=1)
    broker.flush_all()
    assert broker.store.counts() == []


def test_what_a_worker_has_and_has_not_begun_goes_back_when_it_stops(broker: JobBroker) -> None:
    """At once, and uncounted. What it has begun is finished."""
    begun, go = threading.Semaphore(0), threading.Event()

    @dramatiq.actor(broker=broker)
    def hold() -> None:
        begun.release()
        go.wait(PATIENCE_MS / 1000)

    for _ in range(6):
        hold.send()
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=2)
    worker.start()
    for _ in range(2):
        assert begun.acquire(timeout=PATIENCE_MS / 1000)
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    go.set()
    stopping.join(PATIENCE_MS / 1000)

    ready = broker.store.jobs(JobState.READY)
    done = broker.store.jobs(JobState.DONE)
    assert len(done) >= 2
    assert len(done) + len(ready) == 6
    assert {job.deliveries for job in ready} <= {0}


def test_a_queue_that_was_not_declared_is_not_found(broker: JobBroker) -> None:
    """As dramatiq wants it."""
    for ask in (broker.consume, broker.join, broker.flush):
        with pytest.raises(QueueNotFound):
            ask("nowhere")


def test_a_store_that_is_away_is_told_as_dramatiq_knows_it(
    broker: JobBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that its worker tries again."""

    def fail(*_: Any) -> None:
        raise StoreUnavailable("gone")

    @dramatiq.actor(broker=broker)
    def job() -> None:
        pass

    monkeypatch.setattr(broker.store, "add", fail)

    with pytest.raises(BrokerConnectionError, match="gone"):
        job.send()


@pytest.mark.usefixtures("worker")
def test_messages_are_delayed_independently_of_one_another(broker: JobBroker) -> None:
    """The one that was sent last may be the first."""
    got: list[int] = []

    @dramatiq.actor(broker=broker)
    def put(number: int) -> None:
        got.append(number)

    put.send_with_options(args=(2,), delay=2000)
    put.send_with_options(args=(1,), delay=100)
    broker.join("default", timeout=PATIENCE_MS)

    assert got == [1, 2]


def test_the_most_urgent_message_is_handed_out_first(broker: JobBroker) -> None:
    """The one with the highest `broker_priority`, as dramatiq counts."""

    @dramatiq.actor(broker=broker)
    def put(number: int) -> None:
        pass

    for level in (0, 3, 1):
        put.send_with_options(args=(level,), broker_priority=level)
    consumer = broker.consume("default", prefetch=3, timeout=PATIENCE_MS)

    got = [received(consumer) for _ in range(3)]
    consumer.close()

    assert [message.args for message in got] == [(3,), (1,), (0,)]


def test_no_more_messages_are_out_than_were_asked_for(broker: JobBroker) -> None:
    """One that is acknowledged, however often, makes room for one."""

    @dramatiq.actor(broker=broker)
    def job() -> None:
        pass

    for _ in range(4):
        job.send()
    consumer = broker.consume("default", prefetch=2, timeout=10)

    first, second = received(consumer), received(consumer)
    beyond = next(consumer)
    consumer.ack(first)
    consumer.ack(first)
    third = received(consumer)
    still_beyond = next(consumer)
    consumer.nack(second)
    consumer.requeue([third])
    consumer.close()

    assert (beyond, still_beyond) == (None, None)
    [counts] = broker.store.counts()
    assert (counts.ready, counts.running, counts.dead) == (2, 0, 1)


def test_what_a_consumer_has_is_somebody_elses_when_it_closes(broker: JobBroker) -> None:
    """Also what it has handed out, and was not told of."""

    @dramatiq.actor(broker=broker)
    def job() -> None:
        pass

    sent = job.send()
    first = broker.consume("default", timeout=PATIENCE_MS)
    received(first)

    first.close()

    second = broker.consume("default", timeout=PATIENCE_MS)
    again = received(second)
    second.ack(again)
    second.close()
    assert again.message_id == sent.message_id


def test_what_is_no_message_is_a_dead_letter_and_the_next_is_handed_out(broker: JobBroker) -> None:
    """Whoever wrote it."""

    @dramatiq.actor(broker=broker)
    def job() -> None:
        pass

    broker.store.add([NewJob(new_identifier(), "default", "job", b"\xff", priority=-1)])
    sent = job.send()
    consumer = broker.consume("default", timeout=100)

    got = received(consumer)
    consumer.close()

    assert got.message_id == sent.message_id
    assert len(broker.store.jobs(JobState.DEAD)) == 1


@pytest.mark.usefixtures("worker")
def test_a_message_that_middleware_skips_is_done(broker: JobBroker) -> None:
    """And what fails in middleware keeps no message from its actor."""
    got: list[int] = []

    class Picky(dramatiq.Middleware):
        def before_process_message(self, broker: Any, message: Any) -> None:
            if message.args == (13,):
                raise dramatiq.middleware.SkipMessage("unlucky")
            raise RuntimeError("a mistake")

        def after_process_message(
            self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
        ) -> None:
            raise RuntimeError("another")

    broker.add_middleware(Picky())

    @dramatiq.actor(broker=broker)
    def put(number: int) -> None:
        got.append(number)

    put.send(13)
    put.send(14)
    broker.join("default", timeout=PATIENCE_MS)

    assert got == [14]
    assert broker.store.jobs(JobState.DEAD) == []


def test_a_worker_that_pauses_hands_out_nothing_until_it_goes_on(broker: JobBroker) -> None:
    """What is sent meanwhile waits."""
    got = threading.Event()

    @dramatiq.actor(broker=broker)
    def put() -> None:
        got.set()

    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=1)
    worker.start()
    worker.pause()
    put.send()
    while_paused = got.wait(0.3)

    worker.resume()

    assert got.wait(PATIENCE_MS / 1000)
    worker.stop()
    assert not while_paused


@pytest.mark.usefixtures("worker")
def test_a_worker_of_dramatiq_goes_on_after_its_store_was_away(
    broker: JobBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens another consumer, and the message is run."""
    got = threading.Event()
    failed = threading.Event()
    trade = broker.store.trade

    @dramatiq.actor(broker=broker)
    def put() -> None:
        got.set()

    def fail_once(*given: Any) -> Any:
        if not failed.is_set():
            failed.set()
            raise StoreUnavailable("gone")
        return trade(*given)

    monkeypatch.setattr(broker.store, "trade", fail_once)
    put.send()

    assert got.wait(PATIENCE_MS / 1000)
    assert failed.is_set()
    broker.join("default", timeout=PATIENCE_MS)


def received(consumer: Any) -> Any:
    """Return the next message of a consumer."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while (message := next(consumer)) is None:
        assert time.monotonic() < deadline
    return message


class Numbers(Inputs):
    a: int


class Double(Action):
    """Double a number."""

    name = "double"

    async def run(self, inputs: Numbers) -> int:
        return 2 * inputs.a


class Refuse(Action):
    """Fail."""

    name = "refuse"
    task = {"retries": 0}

    async def run(self) -> int:
        raise RuntimeError("no")


class Notes(dramatiq.Middleware):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.notes: list[Any] = []

    def after_worker_boot(self, broker: Any, worker: Any) -> None:
        self.notes.append("boot")

    def before_process_message(self, broker: Any, message: Any) -> None:
        if message.kwargs.get("a") == 13:
            raise dramatiq.middleware.SkipMessage("unlucky")
        self.notes.append(("before", message.actor_name, message.kwargs))

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
    ) -> None:
        self.notes.append(("after", result, type(exception).__name__))

    def after_skip_message(self, broker: Any, message: Any) -> None:
        self.notes.append("skipped")

    def before_worker_shutdown(self, broker: Any, worker: Any) -> None:
        self.notes.append("shutdown")


@pytest.mark.usefixtures("limit")
async def test_native_middleware_is_told_of_the_jobs_that_actions_run(
    tasks_app: Callable[..., Any],
) -> None:
    """In the order of dramatiq's own worker; a job that it skips does not run."""
    middleware = Notes()

    class Plugin:
        @hookimpl
        def actionhero_tasks_middleware(self) -> list[dramatiq.Middleware]:
            return [middleware]

    async with tasks_app(Double, Refuse, plugins=(Plugin(),)) as app:
        tasks = app.get(Tasks)
        done = await tasks.wait(await tasks.enqueue(Double, {"a": 2}))
        dead = await tasks.wait(await tasks.enqueue(Refuse))
        skipped = await tasks.wait(await tasks.enqueue(Double, {"a": 13}))

    assert (done.result, dead.state, skipped.result) == (4, JobState.DEAD, None)
    assert middleware.notes == [
        "boot",
        ("before", "double", {"a": 2}),
        ("after", 4, "NoneType"),
        ("before", "refuse", {}),
        ("after", None, "TypedError"),
        "skipped",
        "shutdown",
    ]


@pytest.mark.usefixtures("limit")
async def test_somebody_who_speaks_dramatiq_can_enqueue_an_action(
    tasks_app: Callable[..., Any],
) -> None:
    """By its name and its inputs; what has no name is refused as unreadable."""
    async with tasks_app(Double) as app:
        tasks = app.get(Tasks)
        broker = JobBroker(tasks.store, [])
        broker.enqueue(dramatiq.Message("default", "double", (), {"a": 21}, {}))
        broker.enqueue(dramatiq.Message("default", "double", (21,), {}, {}))
        while len(dead := await tasks.use(lambda store: store.jobs(JobState.DEAD))) < 1:
            pass
        while len(done := await tasks.use(lambda store: store.jobs(JobState.DONE))) < 1:
            pass

    assert done[0].result == b"42"
    assert b"inputs are given by name" in (dead[0].error or b"")
