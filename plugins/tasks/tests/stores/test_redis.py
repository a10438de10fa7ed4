"""`RedisStore`."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest
import redis

from actionhero_redis.testing import ThrowAwayRedis, throw_away_redis
from actionhero_tasks.job import StoreUnavailable
from actionhero_tasks.stores.redis.store import RedisStore
from actionhero_tasks.testing import StoreContract, new_job, new_settlement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actionhero_tasks.stores.store import JobStore

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis() as server:
        yield server


@pytest.fixture
def open_store(server: ThrowAwayRedis) -> Callable[..., RedisStore]:
    prefix = f"test-{next(_numbers)}:{{tasks}}:"

    def open_store(**options: Any) -> RedisStore:
        options = {"result_ttl_ms": 60_000, "lease_ms": 60_000, **options}
        return RedisStore(lambda: redis.Redis.from_url(server.url), prefix, **options)

    return open_store


def advance_clock(store: JobStore, milliseconds: int) -> None:
    assert isinstance(store, RedisStore)
    for worker_id in store._client.zrange(store._key("workers"), 0, -1):
        store._client.zincrby(store._key("workers"), -milliseconds, worker_id)
    store._client.decrby(store._key("swept"), milliseconds)


class TestRedisStore(StoreContract):
    """`StoreContract` with Redis."""

    @pytest.fixture
    def open_store(self, server: ThrowAwayRedis) -> Callable[[], JobStore]:
        prefix = f"suite-{next(_numbers)}:{{tasks}}:"
        return lambda: RedisStore(
            lambda: redis.Redis.from_url(server.url), prefix, result_ttl_ms=60_000, lease_ms=60_000
        )

    @pytest.fixture
    def kill_worker(self) -> Callable[[JobStore, str], None]:
        def kill_worker(store: JobStore, worker_id: str) -> None:
            assert isinstance(store, RedisStore)
            store._client.zadd(store._key("workers"), {worker_id: store.now_ms() - 1})

        return kill_worker

    @pytest.fixture
    def advance_clock(self) -> Callable[[JobStore, int], None]:
        return advance_clock


def test_a_worker_without_heartbeats_is_removed_after_its_lease(
    open_store: Callable[..., RedisStore],
) -> None:
    """By the clock of Redis. Heartbeats extend the lease."""
    store = open_store(lease_ms=200)
    store.register_worker("silent")
    store.register_worker("one")
    store.add([new_job()])
    [claim] = store.settle_and_claim("silent", None, 1)[0]
    stopped = threading.Event()

    def send_heartbeats() -> None:
        while not stopped.wait(0.02):
            store.record_heartbeat("silent")

    thread = threading.Thread(target=send_heartbeats)
    thread.start()
    start = store.now_ms()
    while store.now_ms() < start + 400:
        assert store.sweep() == 0
    stopped.set()
    thread.join()

    while not store.sweep():
        pass
    [again] = store.settle_and_claim("one", None, 1)[0]
    _, rejected = store.settle_and_claim("silent", None, 0, [new_settlement(claim)])
    store.close()

    assert (again.id, rejected) == (claim.id, [claim.id])


def test_jobs_survive_a_restart_of_redis(open_store: Callable[..., RedisStore]) -> None:
    """During the outage the store raises `StoreUnavailable`, and works after it."""
    with throw_away_redis(options=["--appendfsync", "always"]) as server:
        store = RedisStore(lambda: redis.Redis.from_url(server.url), "{t}:", result_ttl_ms=60_000)
        store.register_worker("one")
        job = new_job()
        store.add([job])
        server.kill()
        with pytest.raises(StoreUnavailable, match="Redis: "):
            store.ping()

        server.start()
        [claim] = store.settle_and_claim("one", None, 1)[0]
        store.close()

    assert claim.id == job.id


def test_a_sweep_deletes_more_results_than_a_worker_produces(
    open_store: Callable[..., RedisStore],
) -> None:
    """Not only a thousand, so that Redis does not grow at any rate."""
    store = open_store(result_ttl_ms=1)
    store.register_worker("one")
    jobs = [new_job() for _ in range(3000)]
    store.add(jobs)
    claims, _ = store.settle_and_claim("one", None, 3000)
    store.settle_and_claim("one", None, 0, [new_settlement(claim) for claim in claims])
    end = store.now_ms() + 2
    while store.now_ms() < end:
        pass

    store.sweep()

    assert store._client.zcard(store._key("ended")) == 0
    assert [store.find(job.id) for job in (jobs[0], jobs[-1])] == [None, None]
