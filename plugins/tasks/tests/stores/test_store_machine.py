"""Random histories of every store, compared with a model: `StoreMachine`."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, cast

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from plugins.tasks.tests.stores.store_machine import StoreMachine

from actionhero_db.url import DatabaseUrl
from actionhero_redis.testing import throw_away_redis
from actionhero_tasks.brokers.delivery import BrokerDelivery
from actionhero_tasks.brokers.rabbitmq import RabbitmqBackend, rabbitmq_broker
from actionhero_tasks.stores.postgres.backend import connection_options
from actionhero_tasks.stores.postgres.store import PostgresStore
from actionhero_tasks.stores.redis.store import RedisStore
from actionhero_tasks.stores.sqlite.store import SqliteStore
from actionhero_tasks.testing.delivered_store import DeliveredStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from actionhero_redis.testing import ThrowAwayRedis
    from actionhero_tasks.stores.store import JobStore
    from actionhero_tasks.testing.rabbitmq import ThrowAwayRabbitmq

    MakeMachine = Callable[[], StoreMachine]

_numbers = itertools.count()
RESULT_TTL_MS = 3_600_000

lengths = pytest.mark.parametrize(
    ("examples", "steps"),
    [
        pytest.param(6, 30, id="short"),
        # 2,000 steps.
        pytest.param(40, 50, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)


@pytest.fixture(scope="module")
def redis_server() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis(options=["--appendonly", "no"]) as server:
        yield server


@pytest.fixture
def embedded(tmp_path: Path) -> MakeMachine:
    def make() -> StoreMachine:
        folder = tmp_path / str(next(_numbers))

        def kill_worker(store: JobStore, worker_id: str) -> None:
            assert isinstance(store, SqliteStore)
            store._worker_locks.release(worker_id)

        return StoreMachine(lambda: SqliteStore(folder, result_ttl_ms=RESULT_TTL_MS), kill_worker)

    return make


@pytest.fixture
def in_redis(redis_server: ThrowAwayRedis) -> MakeMachine:
    def make() -> StoreMachine:
        prefix = f"machine-{next(_numbers)}:{{tasks}}:"
        return StoreMachine(lambda: open_redis(redis_server, prefix), _expire_lease)

    return make


@pytest.fixture
def in_postgres(postgres_url: str) -> MakeMachine:
    options = connection_options(DatabaseUrl.parse(postgres_url).credentials)

    def kill_worker(store: JobStore, worker_id: str) -> None:
        assert isinstance(store, PostgresStore)
        store._value("UPDATE tasks.workers SET until_ms = 0 WHERE id = $1", worker_id)

    def make() -> StoreMachine:
        schema = f"machine_{next(_numbers)}"

        def open_store() -> JobStore:
            return PostgresStore(options, schema, result_ttl_ms=RESULT_TTL_MS, lease_ms=600_000)

        return StoreMachine(open_store, kill_worker)

    return make


@pytest.fixture
def in_redis_with_rabbitmq(
    redis_server: ThrowAwayRedis, rabbitmq_server: ThrowAwayRabbitmq
) -> MakeMachine:
    def make() -> StoreMachine:
        prefix = f"machine-{next(_numbers)}:{{tasks}}:"

        def open_store() -> JobStore:
            inner = open_redis(redis_server, prefix)
            outbox = inner.outbox()
            assert outbox is not None
            broker = rabbitmq_broker(rabbitmq_server.url)
            delivery = BrokerDelivery(inner, outbox, RabbitmqBackend(), broker, "rabbit")
            return cast("JobStore", DeliveredStore(inner, delivery))

        def kill_worker(store: JobStore, worker_id: str) -> None:
            _expire_lease(cast("DeliveredStore", store).store, worker_id)

        return StoreMachine(open_store, kill_worker, is_exact=False)

    return make


def open_redis(server: ThrowAwayRedis, prefix: str) -> RedisStore:
    """Open a store with leases that last longer than the test."""
    return RedisStore(
        lambda: redis.Redis.from_url(server.url),
        prefix,
        result_ttl_ms=RESULT_TTL_MS,
        lease_ms=600_000,
    )


def _expire_lease(store: JobStore, worker_id: str) -> None:
    assert isinstance(store, RedisStore)
    store._client.zadd(store._key("workers"), {worker_id: store.now_ms() - 1})


# Threads of the connections use it for their delays, at any moment.
@pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
@lengths
@pytest.mark.parametrize("store", ["embedded", "in_redis", "in_postgres", "in_redis_with_rabbitmq"])
def test_a_store_behaves_like_the_model(
    request: pytest.FixtureRequest, store: str, examples: int, steps: int
) -> None:
    """After every operation: all jobs, counts, fan-outs and requests. At the end none is lost."""
    make: MakeMachine = request.getfixturevalue(store)

    run_state_machine_as_test(
        make,  # type: ignore[arg-type]  # a function is documented too
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            # Shrinking a history of a server takes many minutes; a failure prints all its steps.
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
