"""Stores whose jobs RabbitMQ delivers."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis
from dramatiq import Message
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from actionhero.identifier import new_identifier
from actionhero_db.url import DatabaseUrl
from actionhero_redis.testing import ThrowAwayRedis, throw_away_redis
from actionhero_tasks.brokers.brokered_store import BrokeredStore
from actionhero_tasks.brokers.rabbitmq import RabbitmqMessageBroker
from actionhero_tasks.job import BrokerUnavailable, StoreUnavailable
from actionhero_tasks.store_factory import reset_sent_jobs
from actionhero_tasks.stores.outbox import ReadyJob
from actionhero_tasks.stores.postgres.backend import connection_options
from actionhero_tasks.stores.postgres.store import PostgresStore
from actionhero_tasks.stores.redis.store import RedisStore
from actionhero_tasks.stores.sqlite.store import SqliteStore
from actionhero_tasks.testing import StoreContract, new_job
from actionhero_tasks.testing.stores import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.store import JobStore
    from actionhero_tasks.testing.rabbitmq import ThrowAwayRabbitmq

_numbers = itertools.count()


@pytest.fixture(scope="module")
def redis_server() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis() as server:
        yield server


def brokered(inner: JobStore, server: ThrowAwayRabbitmq, *queues: str) -> BrokeredStore:
    outbox = inner.outbox()
    assert outbox is not None
    return BrokeredStore(inner, outbox, RabbitmqMessageBroker(server.url, "rabbit"), queues)


class TestRabbitmqWithSqlite(StoreContract):
    """`StoreContract` with SQLite and RabbitMQ."""

    @pytest.fixture
    def open_store(
        self, rabbitmq_server: ThrowAwayRabbitmq, tmp_path: Path
    ) -> Callable[[], JobStore]:
        return lambda: brokered(SqliteStore(tmp_path, result_ttl_ms=60_000), rabbitmq_server)

    @pytest.fixture
    def kill_worker(self) -> Callable[[JobStore, str], None]:
        def kill_worker(store: JobStore, worker_id: str) -> None:
            assert isinstance(store, BrokeredStore)
            assert isinstance(store.inner, SqliteStore)
            store.inner._worker_locks.release(worker_id)

        return kill_worker

    @pytest.fixture
    def advance_clock(self) -> Callable[[JobStore, int], None]:
        # It has no leases.
        return lambda store, milliseconds: None


class TestRabbitmqWithRedis(StoreContract):
    """`StoreContract` with Redis and RabbitMQ."""

    @pytest.fixture
    def open_store(
        self, rabbitmq_server: ThrowAwayRabbitmq, redis_server: ThrowAwayRedis
    ) -> Callable[[], JobStore]:
        prefix = f"suite-{next(_numbers)}:{{tasks}}:"
        return lambda: brokered(
            RedisStore(
                lambda: redis.Redis.from_url(redis_server.url),
                prefix,
                result_ttl_ms=60_000,
                lease_ms=60_000,
            ),
            rabbitmq_server,
        )

    @pytest.fixture
    def kill_worker(self) -> Callable[[JobStore, str], None]:
        def kill_worker(store: JobStore, worker_id: str) -> None:
            assert isinstance(store, BrokeredStore)
            assert isinstance(store.inner, RedisStore)
            store.inner._client.zadd(store.inner._key("workers"), {worker_id: store.now_ms() - 1})

        return kill_worker

    @pytest.fixture
    def advance_clock(self) -> Callable[[JobStore, int], None]:
        def advance_clock(store: JobStore, milliseconds: int) -> None:
            assert isinstance(store, BrokeredStore)
            assert isinstance(store.inner, RedisStore)
            key, client = store.inner._key, store.inner._client
            for worker_id in client.zrange(key("workers"), 0, -1):
                client.zincrby(key("workers"), -milliseconds, worker_id)
            client.decrby(key("swept"), milliseconds)

        return advance_clock


class TestRabbitmqWithPostgres(StoreContract):
    """`StoreContract` with PostgreSQL and RabbitMQ."""

    @pytest.fixture
    def open_store(
        self, rabbitmq_server: ThrowAwayRabbitmq, postgres_url: str
    ) -> Callable[[], JobStore]:
        options = connection_options(DatabaseUrl.parse(postgres_url).credentials)
        return lambda: brokered(
            PostgresStore(options, "jobs", result_ttl_ms=60_000, lease_ms=60_000), rabbitmq_server
        )

    @pytest.fixture
    def kill_worker(self) -> Callable[[JobStore, str], None]:
        def kill_worker(store: JobStore, worker_id: str) -> None:
            assert isinstance(store, BrokeredStore)
            assert isinstance(store.inner, PostgresStore)
            end_lease = "UPDATE tasks.workers SET until_ms = 0 WHERE id = $1"
            store.inner._value(end_lease, worker_id)

        return kill_worker

    @pytest.fixture
    def advance_clock(self) -> Callable[[JobStore, int], None]:
        def advance_clock(store: JobStore, milliseconds: int) -> None:
            assert isinstance(store, BrokeredStore)
            assert isinstance(store.inner, PostgresStore)
            store.inner._value("UPDATE tasks.workers SET until_ms = until_ms - $1", milliseconds)
            store.inner._value("UPDATE tasks.sweeps SET last_ms = last_ms - $1", milliseconds)

        return advance_clock


@pytest.fixture
def queue() -> str:
    """A queue for one test."""
    return f"queue-{new_identifier()}"


@pytest.fixture
def inner(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path, result_ttl_ms=60_000)


@pytest.fixture
def store(
    inner: SqliteStore, rabbitmq_server: ThrowAwayRabbitmq, queue: str
) -> Iterator[BrokeredStore]:
    store = brokered(inner, rabbitmq_server, queue)
    store.register_worker("one")
    yield store
    store.close()


@pytest.fixture
def producer(rabbitmq_server: ThrowAwayRabbitmq) -> Iterator[RabbitmqBroker]:
    """The broker of another dramatiq client."""
    broker = RabbitmqBroker(url=rabbitmq_server.url, middleware=[], max_priority=10)
    yield broker
    broker.close()


def wait_for_claims(store: BrokeredStore, count: int) -> list[Claim]:
    """Wait for a number of claims."""
    claims: list[Claim] = []
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while len(claims) < count:
        assert time.monotonic() < deadline, f"only {claims}"
        claims += store.settle_and_claim("one", None, 10)[0]
        store.sweep()
    return claims


def test_messages_of_other_clients_run_as_jobs(
    store: BrokeredStore, producer: RabbitmqBroker, queue: str
) -> None:
    """Once, with the id and the delay of the message."""
    soon: Message[Any] = Message(queue, "double", (), {"a": 2}, {})
    later: Message[Any] = Message(queue, "double", (), {"a": 3}, {})
    producer.enqueue(later, delay=200)
    producer.enqueue(soon)
    producer.enqueue(soon)

    claims = wait_for_claims(store, 2)

    assert [claim.id for claim in claims] == [soon.message_id, later.message_id]
    assert {claim.action for claim in claims} == {"double"}
    assert Message.decode(claims[1].body).kwargs == {"a": 3}
    assert Message.decode(claims[1].body).queue_name == queue
    assert store.settle_and_claim("one", None, 10) == ([], [])
    assert store.broker.count_waiting(queue) == 0


def test_undecodable_messages_are_rejected(
    store: BrokeredStore, producer: RabbitmqBroker, queue: str
) -> None:
    """RabbitMQ dead-letters them; the messages after them are processed."""
    store.add([new_job(queue=queue, priority=5)])
    producer.channel.basic_publish("", queue, b"\xff no message", None)
    wait_for_claims(store, 1)

    assert store.settle_and_claim("one", None, 10) == ([], [])

    deadline = time.monotonic() + TIMEOUT_SECONDS
    while producer.get_queue_message_counts(queue) != (0, 0, 1):
        assert time.monotonic() < deadline
        store.settle_and_claim("one", None, 10)


def test_messages_of_started_cancelled_and_unknown_jobs_are_dropped(
    store: BrokeredStore, queue: str
) -> None:
    """Each job starts once, however often RabbitMQ delivers it."""
    twice, cancelled = new_job(queue=queue), new_job(queue=queue)
    store.add([twice, cancelled])
    store.cancel(cancelled.id)
    store.broker.publish([ReadyJob(twice.id, queue, "add", 0)])
    store.broker.publish([ReadyJob("unknown", queue, "add", 0)])

    claims, _ = store.settle_and_claim("one", None, 10)

    assert [claim.id for claim in claims] == [twice.id]
    assert store.broker.count_waiting(queue) == 0


def test_messages_without_a_claim_are_requeued(
    store: BrokeredStore, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No messages are prefetched, and after an error of the store they are requeued."""
    store.add([new_job(queue=queue) for _ in range(5)])

    claims, _ = store.settle_and_claim("one", None, 2)
    waiting = store.broker.count_waiting(queue)
    with monkeypatch.context() as patched:

        def fail(worker_id: str, queues: object, ids: list[str]) -> list[Claim]:
            if ids:
                raise StoreUnavailable("unavailable")
            return []

        patched.setattr(store._outbox, "claim", fail)
        with pytest.raises(StoreUnavailable, match="unavailable"):
            store.settle_and_claim("one", None, 2)

    assert (len(claims), waiting) == (2, 3)
    assert len(wait_for_claims(store, 3)) == 3


def test_a_job_whose_sender_was_killed_is_sent_again(
    store: BrokeredStore, inner: SqliteStore, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a timeout."""
    inner.add([new_job(queue=queue)])
    assert len(store._outbox.begin_sending(10)) == 1
    assert store.sweep() == 0
    assert store.settle_and_claim("one", None, 10) == ([], [])

    monkeypatch.setattr("actionhero_tasks.brokers.brokered_store.SENDING_MS", -1)

    assert len(wait_for_claims(store, 1)) == 1


def test_jobs_run_without_the_broker_after_it_was_removed_from_the_settings(
    store: BrokeredStore, inner: SqliteStore, queue: str
) -> None:
    """Jobs that were sent to it are ready in the store again."""
    job = new_job(queue=queue)
    store.add([job])
    assert inner.settle_and_claim("one", None, 10) == ([], [])

    reset_sent_jobs(inner.outbox(), inner.now_ms() + 1)

    assert [claim.id for claim in inner.settle_and_claim("one", None, 10)[0]] == [job.id]


def test_jobs_wait_during_an_outage_of_rabbitmq_and_survive_the_loss_of_its_data(
    store: BrokeredStore, rabbitmq_server: ThrowAwayRabbitmq, queue: str
) -> None:
    """It is killed, and started again without its data."""
    sent, unsent = new_job(queue=queue), new_job(queue=queue)
    store.add([sent])
    rabbitmq_server.kill()

    assert store.add([unsent]) == [unsent.id]
    assert store.settle_and_claim("one", None, 10) == ([], [])
    with pytest.raises(BrokerUnavailable, match=r"RabbitMQ at rabbit: .*refused"):
        store.ping()
    rabbitmq_server.delete_data()
    rabbitmq_server.start()

    claims = wait_for_claims(store, 2)
    assert {claim.id for claim in claims} == {sent.id, unsent.id}
    store.ping()


def test_a_queue_declared_with_other_arguments_is_reported(
    store: BrokeredStore, rabbitmq_server: ThrowAwayRabbitmq, queue: str
) -> None:
    """With the message of RabbitMQ. The job is stored."""
    plain = RabbitmqBroker(url=rabbitmq_server.url, middleware=[])
    plain.declare_queue(queue, ensure=True)
    plain.close()

    [id] = store.add([new_job(queue=queue)])

    with pytest.raises(BrokerUnavailable, match="inequivalent arg 'x-max-priority'"):
        store.broker.count_waiting(queue)
    assert store.find(id) is not None


def test_the_fixture_starts_a_killed_server_again(
    shared_rabbitmq: ThrowAwayRabbitmq, request: pytest.FixtureRequest
) -> None:
    """So a test that kills the server and fails does not affect the next test."""
    shared_rabbitmq.kill()

    server: ThrowAwayRabbitmq = request.getfixturevalue("rabbitmq_server")

    assert server.is_running
    broker = RabbitmqMessageBroker(server.url, "rabbit")
    broker.ping()
    broker.close()
