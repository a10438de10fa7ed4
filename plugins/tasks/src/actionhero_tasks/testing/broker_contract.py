"""`BrokerContract`: the test suite of every message broker."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
from dramatiq import Message

from actionhero.transport import new_identifier
from actionhero_tasks.broker_url import BrokerUrl
from actionhero_tasks.brokers import broker_queue
from actionhero_tasks.brokers.delivery import BrokerDelivery
from actionhero_tasks.brokers.messages import message_for
from actionhero_tasks.job import StoreUnavailable
from actionhero_tasks.stores.outbox import ReadyJob
from actionhero_tasks.stores.sqlite.store import SqliteStore
from actionhero_tasks.testing.delivered_store import DeliveredStore
from actionhero_tasks.testing.jobs import new_job
from actionhero_tasks.testing.store_contract import StoreContract
from actionhero_tasks.testing.stores import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dramatiq import Broker

    from actionhero_tasks.brokers.backend import BrokerBackend
    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.store import JobStore


class BrokerContract(StoreContract):
    """Inherit from it in a class whose name begins with `Test`.

    Define the fixtures `backend` and `broker_url`. The jobs are stored in SQLite, unless you define
    `open_plain_store`, `kill_worker` and `advance_clock`.
    """

    #: Whether the broker delivers urgent messages first. If not, it delivers them by age.
    has_priorities: ClassVar[bool] = True

    @pytest.fixture
    def backend(self) -> BrokerBackend:
        """Return the backend."""
        raise NotImplementedError("subclasses define the fixture 'backend'")

    @pytest.fixture
    def broker_url(self) -> str:
        """Return the URL of a server for tests."""
        raise NotImplementedError("subclasses define the fixture 'broker_url'")

    @pytest.fixture
    def open_plain_store(self, tmp_path: Path) -> Callable[[], JobStore]:
        """Return a function that opens the store of the jobs."""
        return lambda: SqliteStore(tmp_path, result_ttl_ms=60_000)

    @pytest.fixture
    def kill_worker(self) -> Callable[[JobStore, str], None]:
        """Return a function that makes a worker look killed to the sweep of the store."""
        return lambda store, worker_id: cast("Any", store)._worker_locks.release(worker_id)

    @pytest.fixture
    def advance_clock(self) -> Callable[[JobStore, int], None]:
        """Return a function that lets time pass for leases, of which SQLite has none."""
        return lambda store, milliseconds: None

    @pytest.fixture
    def open_broker(self, backend: BrokerBackend, broker_url: str) -> Callable[[], Broker]:
        """Return a function that opens the broker. It gets no application."""
        return lambda: backend.open(cast("Any", None), BrokerUrl.parse(broker_url))

    @pytest.fixture
    def open_store(
        self,
        open_plain_store: Callable[[], JobStore],
        backend: BrokerBackend,
        open_broker: Callable[[], Broker],
        queue: str,
    ) -> Callable[[], JobStore]:
        """Return a function that opens a store whose jobs the broker delivers."""

        def open_store() -> JobStore:
            store = open_plain_store()
            outbox = store.outbox()
            assert outbox is not None
            delivery = BrokerDelivery(store, outbox, backend, open_broker(), "test", [queue])
            return cast("JobStore", DeliveredStore(store, delivery))

        return open_store

    @pytest.fixture
    def queue(self) -> str:
        """Return the name of a queue for one test."""
        return f"queue-{new_identifier()}"

    @pytest.fixture
    def producer(self, open_broker: Callable[[], Broker], queue: str) -> Iterator[Broker]:
        """Return the broker of another dramatiq client."""
        broker = open_broker()
        broker.declare_queue(queue)
        yield broker
        broker.close()

    def wait_for_claims(self, store: JobStore, count: int, worker_id: str = "one") -> list[Claim]:
        """Wait until a worker has a number of claims."""
        claims: list[Claim] = []
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(claims) < count:
            assert time.monotonic() < deadline, f"only {claims}"
            claims += store.settle_and_claim(worker_id, None, count - len(claims))[0]
        return claims

    # -- tests ---------------------------------------------------------------------------------

    def test_jobs_are_claimed_by_priority_then_by_age(self, store: JobStore) -> None:
        """Without priorities, only within one claim."""
        late, first, second, urgent = (new_job(priority=priority) for priority in (5, 0, 0, -5))
        store.add([late, first, second])
        cast("DeliveredStore", store).delivery.sender.send()
        store.add([urgent])

        claims = [claim for _ in range(2) for claim in store.settle_and_claim("one", None, 3)[0]]

        in_order = [urgent, first, second, late]
        by_age = [first, second, late, urgent]
        expected = in_order if self.has_priorities else by_age
        assert [claim.id for claim in claims] == [job.id for job in expected]

    def test_messages_of_other_clients_run_as_jobs(
        self, store: JobStore, producer: Broker, queue: str
    ) -> None:
        """Once, with the id and the delay of the message."""
        soon: Message[Any] = Message(queue, "double", (), {"a": 2}, {})
        later: Message[Any] = Message(queue, "double", (), {"a": 3}, {})
        producer.enqueue(later, delay=1000)
        producer.enqueue(soon)
        producer.enqueue(soon)

        claims = self.wait_for_claims(store, 2)

        assert [claim.id for claim in claims] == [soon.message_id, later.message_id]
        assert {claim.action for claim in claims} == {"double"}
        assert Message.decode(claims[1].body).kwargs == {"a": 3}
        assert Message.decode(claims[1].body).queue_name == queue
        assert store.settle_and_claim("one", None, 10) == ([], [])

    def test_messages_of_started_cancelled_and_unknown_jobs_are_dropped(
        self, store: JobStore, backend: BrokerBackend, producer: Broker, queue: str
    ) -> None:
        """Each job starts once, however often the broker delivers it."""
        twice, cancelled = new_job(queue=queue), new_job(queue=queue)
        store.add([twice, cancelled])
        cast("DeliveredStore", store).delivery.sender.send()
        store.cancel(cancelled.id)
        backend.publish(
            producer, [message_for(ReadyJob(id, queue, "add", 0)) for id in (twice.id, "unknown")]
        )

        assert [claim.id for claim in self.wait_for_claims(store, 1)] == [twice.id]
        assert store.settle_and_claim("one", None, 10) == ([], [])

    def test_messages_that_cannot_be_stored_are_rejected(
        self, store: JobStore, producer: Broker, queue: str
    ) -> None:
        """Those after them are stored, and the broker is not considered unavailable."""
        fields: list[dict[str, Any]] = [
            {"message_id": "null\0"},
            {"message_id": "i" * 3000},
            {"message_id": 7},
            {"actor_name": "\ud800"},
            {"options": {"max_retries": "many"}},
            {"options": {"eta": 10**20}},
            {"options": {"eta": float("nan")}},
            {"options": {"actionhero_job": "null\0"}},
        ]
        sample: Message[Any] = Message(queue, "double", (), {}, {})
        sent = [dataclasses.replace(sample, **values) for values in fields]
        good: Message[Any] = Message(queue, "double", (), {}, {"broker_priority": 0})
        for message in [*sent, good]:
            producer.enqueue(message)

        claims = self.wait_for_claims(store, 1)

        assert [claim.id for claim in claims] == [good.message_id]
        assert store.settle_and_claim("one", None, 10) == ([], [])
        assert not cast("DeliveredStore", store).delivery.has_outage
        assert store.counts()[0].ready == 0

    def test_messages_without_a_claim_are_delivered_again(
        self, store: JobStore, queue: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After an error of the store, and after a worker has no capacity."""
        store.add([new_job(queue=queue) for _ in range(5)])
        claims = self.wait_for_claims(store, 2)

        def fail(worker_id: str, queues: object, ids: list[str]) -> list[Claim]:
            if ids:
                raise StoreUnavailable("unavailable")
            return []

        with monkeypatch.context() as patched:
            source = cast("DeliveredStore", store).delivery.source
            patched.setattr(source._outbox, "claim", fail)
            with pytest.raises(StoreUnavailable, match="unavailable"):
                self.wait_for_claims(store, 2)

        rest = self.wait_for_claims(store, 3, "two")
        assert len({claim.id for claim in (*claims, *rest)}) == 5

    def test_jobs_whose_messages_were_lost_are_sent_again(
        self, store: JobStore, producer: Broker, queue: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When their queue has been empty for a while."""
        monkeypatch.setattr(broker_queue, "LOST_SECONDS", 0.2)
        job = new_job(queue=queue)
        store.add([job])
        delivery = cast("DeliveredStore", store).delivery
        delivery.sender.send()
        producer.flush(queue)

        deadline = time.monotonic() + TIMEOUT_SECONDS
        claims: list[Claim] = []
        while not claims:
            assert time.monotonic() < deadline
            # Without the adapter, which closes the receivers.
            claims, _ = delivery.source.settle_and_claim("one", None, 1)
            delivery.sender.send()

        assert [claim.id for claim in claims] == [job.id]
