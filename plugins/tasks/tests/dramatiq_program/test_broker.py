"""`JobBroker`: dramatiq's actors and workers on a job store."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
import redis
from dramatiq.errors import BrokerConnectionError, QueueJoinTimeout, QueueNotFound
from dramatiq.middleware import Retries, SkipMessage

from actionhero import Action, Inputs, hookimpl
from actionhero.identifier import new_identifier
from actionhero_db.url import DatabaseUrl
from actionhero_redis.testing import ThrowAwayRedis, throw_away_redis
from actionhero_tasks import JobState, Tasks
from actionhero_tasks.brokers.delivery import BrokerDelivery
from actionhero_tasks.brokers.rabbitmq import RabbitmqBackend, rabbitmq_broker
from actionhero_tasks.dramatiq import consumer as consumer_module
from actionhero_tasks.dramatiq.broker import JobBroker
from actionhero_tasks.job import NewJob, StoreUnavailable
from actionhero_tasks.stores.postgres.backend import connection_options
from actionhero_tasks.stores.postgres.store import PostgresStore
from actionhero_tasks.stores.redis.store import RedisStore
from actionhero_tasks.stores.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from actionhero_tasks.stores.store import JobStore

TIMEOUT_MS = 30_000


def embedded_store(request: pytest.FixtureRequest) -> JobStore:
    folder: Path = request.getfixturevalue("tmp_path")
    return SqliteStore(folder, result_ttl_ms=60_000)


def redis_store(request: pytest.FixtureRequest) -> JobStore:
    url = request.getfixturevalue("redis_for_brokers").url
    prefix = f"{new_identifier()}:{{tasks}}:"
    return RedisStore(lambda: redis.Redis.from_url(url), prefix, result_ttl_ms=60_000)


def postgres_store(request: pytest.FixtureRequest) -> JobStore:
    url = DatabaseUrl.parse(request.getfixturevalue("postgres_url"))
    return PostgresStore(connection_options(url.credentials), "jobs", result_ttl_ms=60_000)


def open_delivery(store: JobStore, request: pytest.FixtureRequest) -> BrokerDelivery:
    outbox = store.outbox()
    assert outbox is not None
    broker = rabbitmq_broker(request.getfixturevalue("rabbitmq_server").url)
    delivery = BrokerDelivery(store, outbox, RabbitmqBackend(), broker, "rabbit")
    delivery.start()
    return delivery


@pytest.fixture(scope="module")
def redis_for_brokers() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis() as server:
        yield server


@pytest.fixture(params=["embedded", "redis", "postgres", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Iterator[JobBroker]:
    stores = {"embedded": embedded_store, "postgres": postgres_store}
    store = stores.get(request.param, redis_store)(request)
    delivery = open_delivery(store, request) if request.param == "rabbitmq" else None
    source = None if delivery is None else delivery.source
    yield JobBroker(store, [Retries(min_backoff=1, max_backoff=10)], source)
    if delivery is not None:
        delivery.close()
    store.close()


@pytest.fixture
def worker(broker: JobBroker) -> Iterator[dramatiq.Worker]:
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=4)
    worker.start()
    yield worker
    worker.stop()


@pytest.mark.usefixtures("worker")
def test_each_message_is_processed_once(broker: JobBroker) -> None:
    """By several threads of the worker."""
    numbers: list[int] = []

    @dramatiq.actor(broker=broker)
    def append(number: int) -> None:
        numbers.append(number)

    for number in range(50):
        append.send(number)
    broker.join("default", timeout=TIMEOUT_MS)

    assert sorted(numbers) == list(range(50))


@pytest.mark.usefixtures("worker")
def test_a_failing_actor_is_retried_then_dead_lettered(broker: JobBroker) -> None:
    """By dramatiq's middleware: each attempt is a job. The exception's message is not stored."""
    runs: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=2)
    def fail() -> None:
        runs.append(1)
        raise RuntimeError("hunter2")

    fail.send()
    broker.join("default", timeout=TIMEOUT_MS)

    [dead] = broker.store.jobs(JobState.DEAD)
    assert len(runs) == 3
    assert dead.action == "fail"
    assert b"RuntimeError was raised" in (dead.error or b"")
    assert b"hunter2" not in (dead.error or b"")


@pytest.mark.usefixtures("worker")
def test_a_message_for_an_unknown_actor_is_dead_lettered(broker: JobBroker) -> None:
    """So it can be retried after a deployment."""

    @dramatiq.actor(broker=broker)
    def known() -> None:
        pass

    message = known.message()
    broker.enqueue(message.copy(actor_name="unknown"))
    broker.join("default", timeout=TIMEOUT_MS)

    assert [job.action for job in broker.store.jobs(JobState.DEAD)] == ["unknown"]


def test_a_delayed_message_waits_in_the_store(broker: JobBroker) -> None:
    """Not in the memory of a worker."""

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


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"delay": 10**17}, ValueError, "the delay of 100000000000000000 ms is longer than 36500"),
        ({"delay": 10**19}, ValueError, "longer than 36500 days"),
        ({"delay": float("nan")}, ValueError, "longer than 36500 days"),
        ({"delay": "soon"}, TypeError, "delay is 'soon'; pass a number"),
        ({"broker_priority": 10**20}, ValueError, "the priority -100000000000000000000 is not"),
        ({"broker_priority": "high"}, TypeError, "broker_priority is 'high'; pass an integer"),
    ],
)
def test_options_out_of_bounds_are_refused(
    broker: JobBroker, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    """By every store; nothing is stored."""

    @dramatiq.actor(broker=broker)
    def later() -> None:
        pass

    with pytest.raises(error, match=text):
        later.send_with_options(**options)

    assert broker.store.counts() == []


def test_the_priority_of_an_actor_has_bounds(broker: JobBroker) -> None:
    """Those of jobs."""

    @dramatiq.actor(broker=broker, priority=10**20)
    def later() -> None:
        pass

    with pytest.raises(ValueError, match="the priority 100000000000000000000 is not between"):
        later.send()


def test_delays_are_whole_milliseconds(broker: JobBroker) -> None:
    """Also in the lists of jobs."""

    @dramatiq.actor(broker=broker)
    def later() -> None:
        pass

    delay: Any = 60_000.7
    later.send_with_options(delay=delay)
    later.send_with_options(delay=-5)

    [delayed] = broker.store.jobs(JobState.DELAYED)
    assert delayed.due_ms == delayed.created_ms + 60_000
    assert broker.store.counts()[0].ready == 1


def test_a_stopping_worker_releases_prefetched_messages(broker: JobBroker) -> None:
    """Their deliveries are not counted. Messages in process are finished."""
    started, go = threading.Semaphore(0), threading.Event()

    @dramatiq.actor(broker=broker)
    def hold() -> None:
        started.release()
        go.wait(TIMEOUT_MS / 1000)

    for _ in range(6):
        hold.send()
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=2)
    worker.start()
    for _ in range(2):
        assert started.acquire(timeout=TIMEOUT_MS / 1000)
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    go.set()
    stopping.join(TIMEOUT_MS / 1000)

    ready = broker.store.jobs(JobState.READY)
    done = broker.store.jobs(JobState.DONE)
    assert len(done) >= 2
    assert len(done) + len(ready) == 6
    assert {job.deliveries for job in ready} <= {0}


def test_an_undeclared_queue_is_not_found(broker: JobBroker) -> None:
    """As dramatiq specifies."""
    for method in (broker.consume, broker.join, broker.flush):
        with pytest.raises(QueueNotFound):
            method("unknown")


def test_an_unavailable_store_raises_the_error_of_dramatiq(
    broker: JobBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Because dramatiq's worker handles it."""

    def fail(*_: Any) -> None:
        raise StoreUnavailable("unavailable")

    @dramatiq.actor(broker=broker)
    def job() -> None:
        pass

    monkeypatch.setattr(broker.store, "add", fail)

    with pytest.raises(BrokerConnectionError, match="unavailable"):
        job.send()


@pytest.mark.usefixtures("worker")
def test_delays_are_independent(broker: JobBroker) -> None:
    """A message that was sent later may be processed first."""
    numbers: list[int] = []

    @dramatiq.actor(broker=broker)
    def append(number: int) -> None:
        numbers.append(number)

    append.send_with_options(args=(2,), delay=2000)
    append.send_with_options(args=(1,), delay=100)
    broker.join("default", timeout=TIMEOUT_MS)

    assert numbers == [1, 2]


def test_messages_are_consumed_by_priority(broker: JobBroker) -> None:
    """The highest `broker_priority` first, as in dramatiq."""

    @dramatiq.actor(broker=broker)
    def process(number: int) -> None:
        pass

    for level in (0, 3, 1):
        process.send_with_options(args=(level,), broker_priority=level)
    consumer = broker.consume("default", prefetch=3, timeout=TIMEOUT_MS)

    messages = [next_message(consumer) for _ in range(3)]
    consumer.close()

    assert [message.args for message in messages] == [(3,), (1,), (0,)]


def test_unacknowledged_messages_are_limited_by_prefetch(broker: JobBroker) -> None:
    """Acknowledging a message twice counts once."""

    @dramatiq.actor(broker=broker)
    def job() -> None:
        pass

    for _ in range(4):
        job.send()
    consumer = broker.consume("default", prefetch=2, timeout=10)

    first, second = next_message(consumer), next_message(consumer)
    beyond = next(consumer)
    consumer.ack(first)
    consumer.ack(first)
    third = next_message(consumer)
    still_beyond = next(consumer)
    consumer.nack(second)
    consumer.requeue([third])
    consumer.close()

    assert (beyond, still_beyond) == (None, None)
    [counts] = broker.store.counts()
    assert (counts.ready, counts.running, counts.dead) == (2, 0, 1)


def test_a_message_that_was_not_started_is_cancelled(
    broker: JobBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When its consumer sends its heartbeat; another one is processed."""
    monkeypatch.setattr(consumer_module, "HEARTBEAT_SECONDS", 0)

    @dramatiq.actor(broker=broker)
    def job() -> None:
        pass

    ids = [job.send().message_id for _ in range(2)]
    consumer = broker.consume("default", prefetch=2, timeout=10)
    messages = {(message := next_message(consumer)).message_id: message for _ in ids}

    assert broker.store.cancel(ids[0])
    assert next(consumer) is None
    with pytest.raises(SkipMessage, match="was cancelled"):
        broker.emit_before("process_message", messages[ids[0]])
    broker.emit_before("process_message", messages[ids[1]])
    for message in messages.values():
        consumer.ack(message)
    consumer.close()

    records = [broker.store.find(id) for id in ids]
    assert [record and record.state for record in records] == [JobState.CANCELLED, JobState.DONE]


def test_a_closed_consumer_releases_its_messages(broker: JobBroker) -> None:
    """Including messages that were not acknowledged."""

    @dramatiq.actor(broker=broker)
    def job() -> None:
        pass

    sent = job.send()
    first = broker.consume("default", timeout=TIMEOUT_MS)
    next_message(first)

    first.close()

    second = broker.consume("default", timeout=TIMEOUT_MS)
    again = next_message(second)
    second.ack(again)
    second.close()
    assert again.message_id == sent.message_id


def test_an_undecodable_job_is_dead_lettered(broker: JobBroker) -> None:
    """The next message is consumed."""

    @dramatiq.actor(broker=broker)
    def job() -> None:
        pass

    broker.store.add([NewJob(new_identifier(), "default", "job", b"\xff", priority=-1)])
    sent = job.send()
    consumer = broker.consume("default", timeout=100)

    message = next_message(consumer)
    consumer.close()

    assert message.message_id == sent.message_id
    assert len(broker.store.jobs(JobState.DEAD)) == 1


@pytest.mark.usefixtures("worker")
def test_a_message_skipped_by_middleware_is_done(broker: JobBroker) -> None:
    """Other exceptions in middleware do not prevent the processing."""
    numbers: list[int] = []

    class SkipThirteen(dramatiq.Middleware):
        def before_process_message(self, broker: Any, message: Any) -> None:
            if message.args == (13,):
                raise dramatiq.middleware.SkipMessage("unlucky")
            raise RuntimeError("an error")

        def after_process_message(
            self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
        ) -> None:
            raise RuntimeError("another")

    broker.add_middleware(SkipThirteen())

    @dramatiq.actor(broker=broker)
    def append(number: int) -> None:
        numbers.append(number)

    append.send(13)
    append.send(14)
    broker.join("default", timeout=TIMEOUT_MS)

    assert numbers == [14]
    assert broker.store.jobs(JobState.DEAD) == []


def test_a_paused_worker_processes_no_messages(broker: JobBroker) -> None:
    """Until it is resumed."""
    processed = threading.Event()

    @dramatiq.actor(broker=broker)
    def process() -> None:
        processed.set()

    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=1)
    worker.start()
    worker.pause()
    process.send()
    while_paused = processed.wait(0.3)

    worker.resume()

    assert processed.wait(TIMEOUT_MS / 1000)
    worker.stop()
    assert not while_paused


@pytest.mark.usefixtures("worker")
def test_a_dramatiq_worker_survives_an_outage_of_the_store(
    broker: JobBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens another consumer, and the message is processed."""
    processed = threading.Event()
    failed = threading.Event()
    settle_and_claim = broker.store.settle_and_claim

    @dramatiq.actor(broker=broker)
    def process() -> None:
        processed.set()

    def fail_once(*arguments: Any) -> Any:
        if not failed.is_set():
            failed.set()
            raise StoreUnavailable("unavailable")
        return settle_and_claim(*arguments)

    monkeypatch.setattr(broker.store, "settle_and_claim", fail_once)
    process.send()

    assert processed.wait(TIMEOUT_MS / 1000)
    assert failed.is_set()
    broker.join("default", timeout=TIMEOUT_MS)


def next_message(consumer: Any) -> Any:
    """Wait for the next message of a consumer."""
    deadline = time.monotonic() + TIMEOUT_MS / 1000
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


class Fail(Action):
    """Fail."""

    name = "fail"
    task = {"retries": 0}

    async def run(self) -> int:
        raise RuntimeError("no")


class RecordingMiddleware(dramatiq.Middleware):
    """Records its calls."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def after_worker_boot(self, broker: Any, worker: Any) -> None:
        self.calls.append("boot")

    def before_process_message(self, broker: Any, message: Any) -> None:
        if message.kwargs.get("a") == 13:
            raise dramatiq.middleware.SkipMessage("unlucky")
        self.calls.append(("before", message.actor_name, message.kwargs))

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
    ) -> None:
        self.calls.append(("after", result, type(exception).__name__))

    def after_skip_message(self, broker: Any, message: Any) -> None:
        self.calls.append("skipped")

    def before_worker_shutdown(self, broker: Any, worker: Any) -> None:
        self.calls.append("shutdown")


@pytest.mark.usefixtures("limit")
async def test_native_middleware_is_called_for_jobs_of_actions(
    tasks_app: Callable[..., Any],
) -> None:
    """In the order of dramatiq's worker. A job that it skips does not run."""
    middleware = RecordingMiddleware()

    class Plugin:
        @hookimpl
        def actionhero_tasks_middleware(self) -> list[dramatiq.Middleware]:
            return [middleware]

    async with tasks_app(Double, Fail, plugins=(Plugin(),)) as app:
        tasks = app.get(Tasks)
        done = await tasks.wait(await tasks.enqueue(Double, {"a": 2}))
        dead = await tasks.wait(await tasks.enqueue(Fail))
        skipped = await tasks.wait(await tasks.enqueue(Double, {"a": 13}))

    assert (done.result, dead.state, skipped.result) == (4, JobState.DEAD, None)
    assert middleware.calls == [
        "boot",
        ("before", "double", {"a": 2}),
        ("after", 4, "NoneType"),
        ("before", "fail", {}),
        ("after", None, "TypedError"),
        "skipped",
        "shutdown",
    ]


@pytest.mark.usefixtures("limit")
async def test_other_dramatiq_clients_can_enqueue_actions(tasks_app: Callable[..., Any]) -> None:
    """With inputs as keyword arguments; a job with positional ones is dead-lettered."""
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
    assert b"inputs must be passed by name" in (dead[0].error or b"")
