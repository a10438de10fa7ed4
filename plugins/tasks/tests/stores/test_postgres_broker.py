"""A store whose jobs wait in PostgreSQL, through dramatiq-postgres."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from dramatiq import Message
from dramatiq_postgres import PostgresBroker  # type: ignore[import-untyped]

from actionhero_db.testing import ThrowAwayPostgres, throw_away_postgres
from actionhero_tasks.brokered_store import BrokeredStore
from actionhero_tasks.job import BrokerUnavailable
from actionhero_tasks.postgres_tickets import PostgresTickets
from actionhero_tasks.sqlite_store import SqliteStore
from actionhero_tasks.testing import StoreContract, new_job
from actionhero_tasks.testing.stores import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from actionhero_tasks.job import Claim
    from actionhero_tasks.store import JobStore


@pytest.fixture(scope="module")
def server() -> Iterator[ThrowAwayPostgres]:
    with throw_away_postgres() as server:
        yield server


@pytest.fixture
def url(server: ThrowAwayPostgres) -> str:
    return server.new_database()


def brokered(folder: Path, url: str) -> BrokeredStore:
    inner = SqliteStore(folder, result_ttl_ms=60_000)
    return BrokeredStore(inner, inner.outbox(), PostgresTickets(url, "postgres"))


class TestPostgresWithSqlite(StoreContract):
    """The suite of all stores, but for what needs priorities."""

    @pytest.fixture
    def open_store(self, url: str, tmp_path: Path) -> Callable[[], JobStore]:
        return lambda: brokered(tmp_path, url)

    @pytest.fixture
    def vanish(self) -> Callable[[JobStore, str], None]:
        def vanish(store: JobStore, owner: str) -> None:
            assert isinstance(store, BrokeredStore)
            assert isinstance(store.inner, SqliteStore)
            store.inner._owners.drop(owner)

        return vanish

    def test_the_most_urgent_is_claimed_first_and_the_oldest_among_equals(
        self, store: JobStore
    ) -> None:
        """Only of what is claimed at once: dramatiq-postgres hands out by age."""
        late, first, second, urgent = (new_job(priority=priority) for priority in (5, 0, 0, -5))
        store.add([late])
        store.add([first])
        store.add([second])
        store.add([urgent])

        claims = store.trade("one", None, 3)[0] + store.trade("one", None, 3)[0]

        assert [claim.id for claim in claims] == [first.id, second.id, late.id, urgent.id]


def test_jobs_wait_while_postgresql_is_away(tmp_path: Path, server: ThrowAwayPostgres) -> None:
    """And run when it is back."""
    store = brokered(tmp_path, server.new_database())
    store.join("one")
    first, second = new_job(), new_job()
    store.add([first])
    server.stop()

    store.add([second])
    with pytest.raises(BrokerUnavailable, match="PostgreSQL at postgres: "):
        store.ping()
    server.start()

    deadline = time.monotonic() + PATIENCE_SECONDS
    claims: list[Claim] = []
    while len(claims) < 2:
        assert time.monotonic() < deadline
        claims += store.trade("one", None, 10)[0]
        store.sweep()
    store.close()
    assert {claim.id for claim in claims} == {first.id, second.id}


def test_what_others_send_is_kept_and_run_as_a_job(tmp_path: Path, url: str) -> None:
    """Under the id of the message, once."""
    store = brokered(tmp_path, url)
    store.join("one")
    store.ping()
    producer = PostgresBroker(url=url, middleware=[], results=False, listen=False)
    message: Message[Any] = Message("default", "double", (), {"a": 2}, {})
    producer.enqueue(message)
    producer.enqueue(Message("default", "double", (), {"a": 3}, {}), delay=60_000)
    producer.close()

    claims, _ = store.trade("one", ["default"], 10)
    store.close()

    assert [claim.id for claim in claims] == [message.message_id]
