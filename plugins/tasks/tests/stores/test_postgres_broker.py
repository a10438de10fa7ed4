"""A store whose jobs PostgreSQL delivers, with dramatiq-postgres."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from dramatiq import Message
from dramatiq_postgres import PostgresBroker  # type: ignore[import-untyped]

from actionhero_db.testing import ThrowAwayPostgres, throw_away_postgres
from actionhero_tasks.brokers.brokered_store import BrokeredStore
from actionhero_tasks.brokers.postgres import PostgresMessageBroker
from actionhero_tasks.job import BrokerUnavailable
from actionhero_tasks.stores.sqlite.store import SqliteStore
from actionhero_tasks.testing import StoreContract, new_job
from actionhero_tasks.testing.stores import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.store import JobStore


@pytest.fixture(scope="module")
def server() -> Iterator[ThrowAwayPostgres]:
    with throw_away_postgres() as server:
        yield server


@pytest.fixture
def url(server: ThrowAwayPostgres) -> str:
    return server.new_database()


def brokered(folder: Path, url: str) -> BrokeredStore:
    inner = SqliteStore(folder, result_ttl_ms=60_000)
    return BrokeredStore(inner, inner.outbox(), PostgresMessageBroker(url, "postgres"))


class TestPostgresWithSqlite(StoreContract):
    """`StoreContract` with a weaker test of priorities."""

    @pytest.fixture
    def open_store(self, url: str, tmp_path: Path) -> Callable[[], JobStore]:
        return lambda: brokered(tmp_path, url)

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

    def test_jobs_are_claimed_by_priority_then_by_age(self, store: JobStore) -> None:
        """Only within one claim: dramatiq-postgres delivers by age."""
        late, first, second, urgent = (new_job(priority=priority) for priority in (5, 0, 0, -5))
        store.add([late])
        store.add([first])
        store.add([second])
        store.add([urgent])

        claims = [claim for _ in range(2) for claim in store.settle_and_claim("one", None, 3)[0]]

        assert [claim.id for claim in claims] == [first.id, second.id, late.id, urgent.id]


def test_jobs_wait_during_an_outage_of_postgresql(
    tmp_path: Path, server: ThrowAwayPostgres
) -> None:
    """And run after it."""
    store = brokered(tmp_path, server.new_database())
    store.register_worker("one")
    first, second = new_job(), new_job()
    store.add([first])
    server.stop()

    store.add([second])
    with pytest.raises(BrokerUnavailable, match="PostgreSQL at postgres: "):
        store.ping()
    server.start()

    deadline = time.monotonic() + TIMEOUT_SECONDS
    claims: list[Claim] = []
    while len(claims) < 2:
        assert time.monotonic() < deadline
        claims += store.settle_and_claim("one", None, 10)[0]
        store.sweep()
    store.close()
    assert {claim.id for claim in claims} == {first.id, second.id}


def test_messages_of_other_clients_run_as_jobs(tmp_path: Path, url: str) -> None:
    """Once, with the id of the message."""
    store = brokered(tmp_path, url)
    store.register_worker("one")
    store.ping()
    producer = PostgresBroker(url=url, middleware=[], results=False, listen=False)
    message: Message[Any] = Message("default", "double", (), {"a": 2}, {})
    producer.enqueue(message)
    producer.enqueue(Message("default", "double", (), {"a": 3}, {}), delay=60_000)
    producer.close()

    claims, _ = store.settle_and_claim("one", ["default"], 10)
    store.close()

    assert [claim.id for claim in claims] == [message.message_id]
