"""Stores whose jobs wait in RabbitMQ."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import redis

from actionhero_redis.testing import ThrowAwayRedis, throw_away_redis
from actionhero_tasks.brokered_store import BrokeredStore
from actionhero_tasks.rabbitmq_tickets import RabbitmqTickets
from actionhero_tasks.redis_store import RedisStore
from actionhero_tasks.sqlite_store import SqliteStore
from actionhero_tasks.testing import StoreContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from actionhero_tasks.store import JobStore
    from actionhero_tasks.testing.rabbitmq import ThrowAwayRabbitmq

_numbers = itertools.count()


@pytest.fixture(scope="module")
def redis_server() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis() as server:
        yield server


def brokered(inner: JobStore, server: ThrowAwayRabbitmq) -> BrokeredStore:
    outbox = inner.outbox()
    assert outbox is not None
    return BrokeredStore(inner, outbox, RabbitmqTickets(server.url, "rabbit"))


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
