"""A store and a broker of another distribution, found through its entry point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Place

    from actionhero_redis.testing import ThrowAwayRedis

PLUGIN = '''
from actionhero import Action, Inputs, hookimpl
from actionhero_tasks import BrokerBackend, StoreBackend, Task


class Number(Inputs):
    n: int


class Double(Action):
    """Double a number."""

    name = "double"
    task = Task(queue="numbers")

    async def run(self, inputs: Number) -> int:
        return inputs.n * 2


class Ledger(StoreBackend):
    name = "ledger"
    place = "a ledger"

    def open(self, app):
        from actionhero.settings import AppSettings
        from actionhero_tasks.stores.sqlite.store import SqliteStore

        folder = app.get(AppSettings).make_data_dir() / "ledger"
        return SqliteStore(folder, result_ttl_ms=60_000)


class RedisQueue(BrokerBackend):
    """dramatiq's own broker for Redis."""

    title = "the queue in Redis"
    schemes = frozenset({"redis"})
    form = "redis://host:6379/0"

    def open(self, app, url):
        from dramatiq.brokers.redis import RedisBroker

        return RedisBroker(url=url.text, middleware=[])


@hookimpl
def actionhero_actions():
    return [Double]


@hookimpl
def actionhero_tasks_stores():
    return [Ledger()]


@hookimpl
def actionhero_tasks_brokers():
    return [RedisQueue()]
'''


@pytest.fixture
def redis_server() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis() as server:
        yield server


def test_jobs_of_a_foreign_store_run_through_a_foreign_broker(
    place: Place, redis_server: ThrowAwayRedis
) -> None:
    """Enqueued by one process, and run by another."""
    place.install("ledger-jobs", PLUGIN)
    place.enabled.append("tasks")
    variables = {
        "ACTIONHERO_TASKS__STORE": "ledger",
        "ACTIONHERO_TASKS__BROKER_URL": redis_server.url,
    }
    worker = place.start("worker", **variables)
    enqueued = place.run("enqueue", "double", "--n", "21", **variables)
    id = enqueued.stdout.strip()
    result = place.run("job", "result", id, "--wait", "60", **variables)
    doctor = place.run("doctor", **variables)
    stopped = worker.stop()

    assert (enqueued.code, result.code, stopped.code) == (0, 0, 0), (enqueued, result, stopped)
    assert result.stdout.strip() == "42"
    assert (place.folder / ".actionhero" / "ledger" / "jobs.sqlite3").exists()
    lines = " ".join(doctor.stdout.split())
    assert "jobs are stored in a ledger" in lines
    assert "ready jobs are delivered through the queue in Redis at" in lines


def test_an_unknown_store_or_broker_is_reported_at_the_start(place: Place) -> None:
    """With those that are available."""
    place.install("ledger-jobs", PLUGIN)
    place.enabled.append("tasks")

    completed = place.run(
        "worker",
        ACTIONHERO_TASKS__STORE="leger",
        ACTIONHERO_TASKS__BROKER_URL="kafka://host",
    )

    assert completed.code == 78
    assert "tasks.store is 'leger', which no plugin provides; available: auto, " in completed.stderr
    assert "ledger" in completed.stderr
    assert "the scheme 'kafka' of tasks.broker_url is unknown; available: " in completed.stderr
    assert "redis://host:6379/0" in completed.stderr
