"""Stores whose jobs wait in RabbitMQ."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis
from dramatiq import Message
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from actionhero.identifier import new_identifier
from actionhero_redis.testing import ThrowAwayRedis, throw_away_redis
from actionhero_tasks.brokered_store import BrokeredStore
from actionhero_tasks.job import BrokerUnavailable, StoreUnavailable
from actionhero_tasks.outbox import ReadyJob
from actionhero_tasks.rabbitmq_tickets import RabbitmqTickets
from actionhero_tasks.redis_store import RedisStore
from actionhero_tasks.sqlite_store import SqliteStore
from actionhero_tasks.store_factory import take_back
from actionhero_tasks.testing import StoreContract, new_job
from actionhero_tasks.testing.stores import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from actionhero_tasks.job import Claim
    from actionhero_tasks.store import JobStore
    from actionhero_tasks.testing.rabbitmq import ThrowAwayRabbitmq

_numbers = itertools.count()


@pytest.fixture(scope="module")
def redis_server() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis() as server:
        yield server


def brokered(inner: JobStore, server: ThrowAwayRabbitmq, *queues: str) -> BrokeredStore:
    outbox = inner.outbox()
    assert outbox is not None
    return BrokeredStore(inner, outbox, RabbitmqTickets(server.url, "rabbit"), queues)


class TestRabbitmqWithSqlite(StoreContract):
    """The suite of all stores: jobs kept in a file, tickets in RabbitMQ."""

    @pytest.fixture
    def open_store(
        self, rabbitmq_server: ThrowAwayRabbitmq, tmp_path: Path
    ) -> Callable[[], JobStore]:
        return lambda: brokered(SqliteStore(tmp_path, result_ttl_ms=60_000), rabbitmq_server)

    @pytest.fixture
    def vanish(self) -> Callable[[JobStore, str], None]:
        def vanish(store: JobStore, owner: str) -> None:
            assert isinstance(store, BrokeredStore)
            assert isinstance(store.inner, SqliteStore)
            store.inner._owners.drop(owner)

        return vanish


class TestRabbitmqWithRedis(StoreContract):
    """The suite of all stores: jobs kept in Redis, tickets in RabbitMQ."""

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
    def vanish(self) -> Callable[[JobStore, str], None]:
        def vanish(store: JobStore, owner: str) -> None:
            assert isinstance(store, BrokeredStore)
            assert isinstance(store.inner, RedisStore)
            store.inner._client.zadd(store.inner._key("owners"), {owner: store.now_ms() - 1})

        return vanish


@pytest.fixture
def queue() -> str:
    """Name a queue that no other test has."""
    return f"queue-{new_identifier()}"


@pytest.fixture
def inner(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path, result_ttl_ms=60_000)


@pytest.fixture
def store(
    inner: SqliteStore, rabbitmq_server: ThrowAwayRabbitmq, queue: str
) -> Iterator[BrokeredStore]:
    store = brokered(inner, rabbitmq_server, queue)
    store.join("one")
    yield store
    store.close()


@pytest.fixture
def producer(rabbitmq_server: ThrowAwayRabbitmq) -> Iterator[RabbitmqBroker]:
    """Give the broker of somebody who speaks dramatiq, and knows nothing of us."""
    broker = RabbitmqBroker(url=rabbitmq_server.url, middleware=[], max_priority=10)
    yield broker
    broker.close()


def claimed(store: BrokeredStore, count: int) -> list[Claim]:
    """Return so many claims, as soon as there are."""
    claims: list[Claim] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(claims) < count:
        assert time.monotonic() < deadline, f"only {claims}"
        claims += store.trade("one", None, 10)[0]
        store.sweep()
    return claims


def test_what_others_send_is_kept_and_run_as_a_job(
    store: BrokeredStore, producer: RabbitmqBroker, queue: str
) -> None:
    """Under the id of the message, once; with a delay not before its time."""
    soon: Message[Any] = Message(queue, "double", (), {"a": 2}, {})
    later: Message[Any] = Message(queue, "double", (), {"a": 3}, {})
    producer.enqueue(later, delay=200)
    producer.enqueue(soon)
    producer.enqueue(soon)

    claims = claimed(store, 2)

    assert [claim.id for claim in claims] == [soon.message_id, later.message_id]
    assert {claim.action for claim in claims} == {"double"}
    assert Message.decode(claims[1].body).kwargs == {"a": 3}
    assert Message.decode(claims[1].body).queue_name == queue
    assert store.trade("one", None, 10) == ([], [])
    assert store.broker.waiting(queue) == 0


def test_what_is_no_message_is_rejected(
    store: BrokeredStore, producer: RabbitmqBroker, queue: str
) -> None:
    """To the dead letters of RabbitMQ; what comes behind it runs."""
    store.add([new_job(queue=queue, priority=5)])
    producer.channel.basic_publish("", queue, b"\xff no message", None)
    claimed(store, 1)

    assert store.trade("one", None, 10) == ([], [])

    deadline = time.monotonic() + PATIENCE_SECONDS
    while producer.get_queue_message_counts(queue) != (0, 0, 1):
        assert time.monotonic() < deadline
        store.trade("one", None, 10)


def test_a_ticket_for_what_has_begun_or_will_not_begin_is_dropped(
    store: BrokeredStore, queue: str
) -> None:
    """Each job begins once, however often RabbitMQ hands it out."""
    twice, cancelled = new_job(queue=queue), new_job(queue=queue)
    store.add([twice, cancelled])
    store.cancel(cancelled.id)
    store.broker.send([ReadyJob(twice.id, queue, "add", 0)])
    store.broker.send([ReadyJob("nobody knows it", queue, "add", 0)])

    claims, _ = store.trade("one", None, 10)

    assert [claim.id for claim in claims] == [twice.id]
    assert store.broker.waiting(queue) == 0


def test_no_ticket_is_held_that_nothing_was_claimed_for(
    store: BrokeredStore, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither ahead of a job that ends, nor when the store is away: others can have it."""
    store.add([new_job(queue=queue) for _ in range(5)])

    claims, _ = store.trade("one", None, 2)
    left = store.broker.waiting(queue)
    with monkeypatch.context() as patched:

        def fail(owner: str, queues: object, ids: list[str]) -> list[Claim]:
            if ids:
                raise StoreUnavailable("gone")
            return []

        patched.setattr(store._outbox, "claim", fail)
        with pytest.raises(StoreUnavailable, match="gone"):
            store.trade("one", None, 2)

    assert (len(claims), left) == (2, 3)
    assert len(claimed(store, 3)) == 3


def test_a_job_whose_sender_was_killed_is_sent_by_another(
    store: BrokeredStore, inner: SqliteStore, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while: until then it may be on its way."""
    inner.add([new_job(queue=queue)])
    assert len(store._outbox.begin_sending(10)) == 1
    assert store.sweep() == 0
    assert store.trade("one", None, 10) == ([], [])

    monkeypatch.setattr("actionhero_tasks.brokered_store.SENDING_MS", -1)

    assert len(claimed(store, 1)) == 1


def test_jobs_go_on_without_a_broker_when_there_is_none_any_more(
    store: BrokeredStore, inner: SqliteStore, queue: str
) -> None:
    """What waits in it is given back to the store."""
    job = new_job(queue=queue)
    store.add([job])
    assert inner.trade("one", None, 10) == ([], [])

    take_back(inner.outbox(), inner.now_ms() + 1)

    assert [claim.id for claim in inner.trade("one", None, 10)[0]] == [job.id]


def test_jobs_wait_while_rabbitmq_is_away_and_run_though_it_has_forgotten_all(
    store: BrokeredStore, rabbitmq_server: ThrowAwayRabbitmq, queue: str
) -> None:
    """Killed, and started again with empty hands."""
    sent, kept = new_job(queue=queue), new_job(queue=queue)
    store.add([sent])
    rabbitmq_server.kill()

    assert store.add([kept]) == [kept.id]
    assert store.trade("one", None, 10) == ([], [])
    with pytest.raises(BrokerUnavailable, match=r"RabbitMQ at rabbit: .*refused"):
        store.ping()
    rabbitmq_server.forget()
    rabbitmq_server.start()

    claims = claimed(store, 2)
    assert {claim.id for claim in claims} == {sent.id, kept.id}
    store.ping()


def test_a_queue_that_others_have_made_in_another_way_is_told(
    store: BrokeredStore, rabbitmq_server: ThrowAwayRabbitmq, queue: str
) -> None:
    """In the words of RabbitMQ. The job is kept all the same."""
    plain = RabbitmqBroker(url=rabbitmq_server.url, middleware=[])
    plain.declare_queue(queue, ensure=True)
    plain.close()

    [id] = store.add([new_job(queue=queue)])

    with pytest.raises(BrokerUnavailable, match="inequivalent arg 'x-max-priority'"):
        store.broker.waiting(queue)
    assert store.find(id) is not None


def test_a_server_that_was_left_dead_runs_for_the_next_test(
    shared_rabbitmq: ThrowAwayRabbitmq, request: pytest.FixtureRequest
) -> None:
    """A test that kills it and fails before it starts again spoils no other."""
    shared_rabbitmq.kill()

    server: ThrowAwayRabbitmq = request.getfixturevalue("rabbitmq_server")

    assert server.runs
    tickets = RabbitmqTickets(server.url, "rabbit")
    tickets.ping()
    tickets.close()
