"""Jobs that RabbitMQ delivers."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
import redis

from actionhero_db.url import DatabaseUrl
from actionhero_redis.testing import ThrowAwayRedis, throw_away_redis
from actionhero_tasks.brokers import sender
from actionhero_tasks.brokers.rabbitmq import RabbitmqBackend, rabbitmq_broker
from actionhero_tasks.job import BrokerUnavailable, JobState
from actionhero_tasks.store_factory import reset_sent_jobs
from actionhero_tasks.stores.postgres.backend import connection_options
from actionhero_tasks.stores.postgres.store import PostgresStore
from actionhero_tasks.stores.redis.store import RedisStore
from actionhero_tasks.testing import BrokerContract, new_job, new_settlement
from actionhero_tasks.testing.stores import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actionhero_tasks.brokers.backend import BrokerBackend
    from actionhero_tasks.stores.store import JobStore
    from actionhero_tasks.testing.delivered_store import DeliveredStore
    from actionhero_tasks.testing.rabbitmq import ThrowAwayRabbitmq

_numbers = itertools.count()


@pytest.fixture(scope="module")
def redis_server() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis() as server:
        yield server


class RabbitmqContract(BrokerContract):
    """`BrokerContract` with RabbitMQ."""

    @pytest.fixture
    def backend(self) -> BrokerBackend:
        return RabbitmqBackend()

    @pytest.fixture
    def broker_url(self, rabbitmq_server: ThrowAwayRabbitmq) -> str:
        return rabbitmq_server.url


class TestRabbitmqWithSqlite(RabbitmqContract):
    """With SQLite."""

    def test_undecodable_messages_are_rejected(
        self, store: JobStore, producer: Any, queue: str
    ) -> None:
        """RabbitMQ dead-letters them; the messages after them are processed."""
        producer.declare_queue(queue, ensure=True)
        producer.channel.basic_publish("", queue, b"\xff no message", None)
        job = new_job(queue=queue)
        store.add([job])

        assert [claim.id for claim in self.wait_for_claims(store, 1)] == [job.id]
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while producer.get_queue_message_counts(queue) != (0, 0, 1):
            assert time.monotonic() < deadline
            store.settle_and_claim("one", None, 10)

    def test_a_job_whose_sender_was_killed_is_sent_again(
        self, store: JobStore, queue: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a timeout."""
        monkeypatch.setattr(sender, "SENDING_MS", -1)
        monkeypatch.setattr(sender, "POLL_SECONDS", 0.01)
        delivery = cast("DeliveredStore", store).delivery
        store.add([new_job(queue=queue)])
        outbox: Any = store.outbox()
        assert len(outbox.begin_sending(10)) == 1
        assert store.settle_and_claim("one", None, 10) == ([], [])

        delivery.start()

        self.wait_for_claims(store, 1)

    def test_jobs_run_without_the_broker_after_it_was_removed_from_the_settings(
        self, store: JobStore, queue: str
    ) -> None:
        """Jobs that were sent to it are ready in the store again."""
        job = new_job(queue=queue)
        store.add([job])
        delivered = cast("DeliveredStore", store)
        delivered.delivery.sender.send()
        assert delivered.store.settle_and_claim("one", None, 10) == ([], [])

        outbox = store.outbox()
        assert outbox is not None
        reset_sent_jobs(outbox, store.now_ms() + 1)

        claims, _ = delivered.store.settle_and_claim("one", None, 10)
        assert [claim.id for claim in claims] == [job.id]

    def test_jobs_wait_during_an_outage_of_rabbitmq_and_survive_the_loss_of_its_data(
        self, store: JobStore, rabbitmq_server: ThrowAwayRabbitmq, queue: str
    ) -> None:
        """It is killed, and started again without its data."""
        sent, unsent = new_job(queue=queue), new_job(queue=queue)
        delivery = cast("DeliveredStore", store).delivery
        store.add([sent])
        delivery.sender.send()
        rabbitmq_server.kill()

        assert store.add([unsent]) == [unsent.id]
        assert store.settle_and_claim("one", None, 10) == ([], [])
        with pytest.raises(BrokerUnavailable, match=r"RabbitMQ at test: .*refused"):
            delivery.ping()
        rabbitmq_server.delete_data()
        rabbitmq_server.start()

        ids: set[str] = set()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(ids) < 2:
            assert time.monotonic() < deadline
            delivery.sender.send()
            # Without the adapter, which closes the receivers.
            claims, _ = delivery.source.settle_and_claim("one", None, 10)
            ids |= {claim.id for claim in claims}
        assert ids == {sent.id, unsent.id}
        delivery.ping()

    def test_a_silent_rabbitmq_delays_no_worker(
        self, store: JobStore, rabbitmq_server: ThrowAwayRabbitmq, queue: str
    ) -> None:
        """Not until its receivers are open, nor after an error; it may hold a job meanwhile."""
        delivery = cast("DeliveredStore", store).delivery
        first, second = new_job(queue=queue), new_job(queue=queue)
        store.add([first])
        [claim] = self.wait_for_claims(store, 1)
        store.add([second])
        delivery.sender.send()
        delivery.start()
        rabbitmq_server.suspend()
        try:
            begin = time.monotonic()
            settled = delivery.source.settle_and_claim("one", None, 10, [new_settlement(claim)])
            delivery.receivers.note_error(ConnectionError("closed"))
            while delivery.has_outage:
                delivery.source.settle_and_claim("one", None, 10)
            claims, _ = delivery.source.settle_and_claim("one", None, 10)
            seconds = time.monotonic() - begin
        finally:
            rabbitmq_server.resume()

        deadline = time.monotonic() + TIMEOUT_SECONDS
        wake_event = threading.Event()
        store.wake_events.add(wake_event)
        while not claims:
            assert time.monotonic() < deadline
            wake_event.clear()
            claims, _ = delivery.source.settle_and_claim("one", None, 10)
            if not claims:
                delivery.source.wait("one", wake_event, 1000)
        record = store.find(first.id)
        assert settled == ([], [])
        assert record is not None
        assert record.state is JobState.DONE
        assert [claim.id for claim in claims] == [second.id]
        # To connect takes five seconds at least.
        assert seconds < 2

    def test_a_queue_declared_with_other_arguments_is_reported(
        self,
        store: JobStore,
        rabbitmq_server: ThrowAwayRabbitmq,
        queue: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """With the message of RabbitMQ. The job is stored."""
        plain: Any = rabbitmq_broker(rabbitmq_server.url)
        plain.max_priority = None
        plain.declare_queue(queue, ensure=True)
        plain.close()

        [id] = store.add([new_job(queue=queue)])
        cast("DeliveredStore", store).delivery.sender.send()

        assert "inequivalent arg 'x-max-priority'" in caplog.text
        assert "RabbitMQ cannot be reached; jobs are stored, and sent later" in caplog.text
        assert store.find(id) is not None


class TestRabbitmqWithRedis(RabbitmqContract):
    """With Redis."""

    @pytest.fixture
    def open_plain_store(self, redis_server: ThrowAwayRedis) -> Callable[[], JobStore]:
        prefix = f"suite-{next(_numbers)}:{{tasks}}:"
        return lambda: RedisStore(
            lambda: redis.Redis.from_url(redis_server.url),
            prefix,
            result_ttl_ms=60_000,
            lease_ms=60_000,
        )

    @pytest.fixture
    def kill_worker(self) -> Callable[[JobStore, str], None]:
        def kill_worker(store: Any, worker_id: str) -> None:
            store._client.zadd(store._key("workers"), {worker_id: store.now_ms() - 1})

        return kill_worker

    @pytest.fixture
    def advance_clock(self) -> Callable[[JobStore, int], None]:
        def advance_clock(store: Any, milliseconds: int) -> None:
            key, client = store._key, store._client
            for worker_id in client.zrange(key("workers"), 0, -1):
                client.zincrby(key("workers"), -milliseconds, worker_id)
            client.decrby(key("swept"), milliseconds)

        return advance_clock


class TestRabbitmqWithPostgres(RabbitmqContract):
    """With PostgreSQL."""

    @pytest.fixture
    def open_plain_store(self, postgres_url: str) -> Callable[[], JobStore]:
        options = connection_options(DatabaseUrl.parse(postgres_url).credentials)
        return lambda: PostgresStore(options, "jobs", result_ttl_ms=60_000, lease_ms=60_000)

    @pytest.fixture
    def kill_worker(self) -> Callable[[JobStore, str], None]:
        def kill_worker(store: Any, worker_id: str) -> None:
            end_lease = "UPDATE tasks.workers SET until_ms = 0 WHERE id = $1"
            store._value(end_lease, worker_id)

        return kill_worker

    @pytest.fixture
    def advance_clock(self) -> Callable[[JobStore, int], None]:
        def advance_clock(store: Any, milliseconds: int) -> None:
            store._value("UPDATE tasks.workers SET until_ms = until_ms - $1", milliseconds)
            store._value("UPDATE tasks.sweeps SET last_ms = last_ms - $1", milliseconds)

        return advance_clock


def test_the_fixture_starts_a_killed_server_again(
    shared_rabbitmq: ThrowAwayRabbitmq, request: pytest.FixtureRequest
) -> None:
    """So a test that kills the server and fails does not affect the next test."""
    shared_rabbitmq.kill()

    server: ThrowAwayRabbitmq = request.getfixturevalue("rabbitmq_server")

    assert server.is_running
    RabbitmqBackend().ping(rabbitmq_broker(server.url), "default")
