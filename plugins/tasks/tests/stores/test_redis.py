"""The store in Redis."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest
import redis

from actionhero_redis.testing import ThrowAwayRedis, throw_away_redis
from actionhero_tasks.job import StoreUnavailable
from actionhero_tasks.redis_store import RedisStore
from actionhero_tasks.testing import StoreContract, ended, new_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actionhero_tasks.store import JobStore

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


class TestRedisStore(StoreContract):
    """The suite of all stores."""

    @pytest.fixture
    def open_store(self, server: ThrowAwayRedis) -> Callable[[], JobStore]:
        prefix = f"suite-{next(_numbers)}:{{tasks}}:"
        return lambda: RedisStore(
            lambda: redis.Redis.from_url(server.url), prefix, result_ttl_ms=60_000, lease_ms=60_000
        )

    @pytest.fixture
    def vanish(self) -> Callable[[JobStore, str], None]:
        def vanish(store: JobStore, owner: str) -> None:
            assert isinstance(store, RedisStore)
            store._client.zadd(store._key("owners"), {owner: store.now_ms() - 1})

        return vanish


def test_an_owner_of_whom_nothing_is_heard_is_gone_after_its_lease(
    open_store: Callable[..., RedisStore],
) -> None:
    """By the clock of Redis. As long as somebody says that it lives, it does."""
    store = open_store(lease_ms=200)
    store.join("silent")
    store.join("one")
    store.add([new_job()])
    [claim] = store.trade("silent", None, 1)[0]
    beating = threading.Event()

    def beat() -> None:
        while not beating.wait(0.02):
            store.beat("silent")

    thread = threading.Thread(target=beat)
    thread.start()
    began = store.now_ms()
    while store.now_ms() < began + 400:
        assert store.sweep() == 0
    beating.set()
    thread.join()

    while not store.sweep():
        pass
    [again] = store.trade("one", None, 1)[0]
    _, refused = store.trade("silent", None, 0, [ended(claim)])
    store.close()

    assert (again.id, refused) == (claim.id, [claim.id])


def test_a_redis_that_was_restarted_has_all_jobs(open_store: Callable[..., RedisStore]) -> None:
    """Meanwhile it is told as away. Afterwards the same store goes on."""
    with throw_away_redis(options=["--appendfsync", "always"]) as server:
        store = RedisStore(lambda: redis.Redis.from_url(server.url), "{t}:", result_ttl_ms=60_000)
        store.join("one")
        job = new_job()
        store.add([job])
        server.kill()
        with pytest.raises(StoreUnavailable, match="Redis: "):
            store.ping()

        server.start()
        [claim] = store.trade("one", None, 1)[0]
        store.close()

    assert claim.id == job.id
