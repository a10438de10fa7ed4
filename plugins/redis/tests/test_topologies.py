"""More than one server: behind sentinels, or a cluster. Each is the real thing."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import redis

from actionhero import App, RunMode, UnavailableError
from actionhero.sources import read_sources
from actionhero.testing import running_app
from actionhero_redis import RedisClients, plugin
from actionhero_redis.diagnoses import diagnose
from actionhero_redis.testing import free_port, throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from actionhero_redis.testing import ThrowAwayRedis


@contextmanager
def sentinel_of(server: ThrowAwayRedis, folder: Path) -> Iterator[ThrowAwayRedis]:
    """Run a sentinel that knows a server as `main`."""
    configuration = folder / "sentinel.conf"
    configuration.write_text(f"sentinel monitor main 127.0.0.1 {server.port} 1\n", "utf-8")
    with throw_away_redis(configuration=configuration, options=["--sentinel"]) as sentinel:
        yield sentinel


@pytest.fixture(scope="module")
def cluster() -> Iterator[ThrowAwayRedis]:
    """Run a cluster of one server, which has all the slots. It takes writes after two seconds."""
    # The port of its bus would be ours and 10000, which may be none.
    options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
    with throw_away_redis(options=options) as server:
        with redis.Redis(port=server.port, decode_responses=True) as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            deadline = time.monotonic() + 20
            while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                assert time.monotonic() < deadline, server.log
        yield server


async def use(clients: RedisClients) -> None:
    """Do what authors do, with each kind of client."""
    key = clients.key("x")
    await clients.client.set(key, "1")
    assert await clients.bytes.get(key) == b"1"
    assert await clients.blocking.blpop([clients.key("none")], timeout=0.01) is None
    subscriber = clients.pubsub(ignore_subscribe_messages=True)
    try:
        await subscriber.subscribe(clients.key("news"))
        await subscriber.get_message(timeout=5)
        await clients.client.publish(clients.key("news"), "hello")
        message = None
        while message is None:
            message = await subscriber.get_message(timeout=5)
        assert message["data"] == "hello"
    finally:
        await subscriber.aclose()

    def increase() -> int:
        with clients.connect_sync() as client:
            return int(client.incr(key))

    assert await asyncio.to_thread(increase) == 2


async def test_the_server_is_found_through_sentinels(
    redis_server: ThrowAwayRedis, folder: Path
) -> None:
    """Whatever we do with a plain server works behind sentinels."""
    with sentinel_of(redis_server, folder) as sentinel:
        environ = {"REDIS_URL": f"redis+sentinel://127.0.0.1:{sentinel.port}/main/0"}

        async with running_app(plugin, environ=environ, mode=RunMode.SERVER) as app:
            await use(app.get(RedisClients))


async def test_a_pool_behind_sentinels_is_waited_for(
    redis_server: ThrowAwayRedis, folder: Path
) -> None:
    """More commands than connections at once: they take turns."""
    with sentinel_of(redis_server, folder) as sentinel:
        environ = {
            "REDIS_URL": f"redis+sentinel://127.0.0.1:{sentinel.port}/main",
            "ACTIONHERO_REDIS__POOL_SIZE": "2",
        }

        async with running_app(plugin, environ=environ, mode=RunMode.SERVER) as app:
            client = app.get(RedisClients).client
            assert all(await asyncio.gather(*(client.ping() for _ in range(50))))


async def test_a_service_that_the_sentinels_do_not_know_refuses_to_start(
    redis_server: ThrowAwayRedis, folder: Path
) -> None:
    """The message names it."""
    with sentinel_of(redis_server, folder) as sentinel:
        environ = {"REDIS_URL": f"redis+sentinel://127.0.0.1:{sentinel.port}/other"}

        with pytest.raises(UnavailableError, match="No master found for 'other'"):
            async with running_app(plugin, environ=environ, mode=RunMode.SERVER):
                pass


async def test_a_cluster_is_used_as_a_server_is(cluster: ThrowAwayRedis) -> None:
    """Whatever concerns one key works in a cluster."""
    environ = {"REDIS_URL": f"redis+cluster://127.0.0.1:{cluster.port}"}

    async with running_app(plugin, environ=environ, mode=RunMode.SERVER) as app:
        await use(app.get(RedisClients))


async def test_a_prefix_in_braces_keeps_all_keys_together(cluster: ThrowAwayRedis) -> None:
    """Commands with several keys then work in a cluster."""
    environ = {
        "REDIS_URL": f"redis+cluster://127.0.0.1:{cluster.port}",
        "ACTIONHERO_REDIS__PREFIX": "{shop}",
    }

    async with running_app(plugin, environ=environ) as app:
        clients = app.get(RedisClients)
        await clients.client.set(clients.key("a"), "1")
        assert await clients.client.mget(clients.key("a"), clients.key("b")) == ["1", None]


async def test_a_cluster_that_is_away_refuses_to_start() -> None:
    """As a server does."""
    environ = {"REDIS_URL": f"redis+cluster://127.0.0.1:{free_port()}"}

    with pytest.raises(UnavailableError, match=r"redis at redis\+cluster://.* cannot be used"):
        async with running_app(plugin, environ=environ, mode=RunMode.SERVER):
            pass


def test_the_doctor_looks_at_clusters_and_behind_sentinels(
    redis_server: ThrowAwayRedis, cluster: ThrowAwayRedis, folder: Path
) -> None:
    """It finds the same of each."""
    with sentinel_of(redis_server, folder) as sentinel:
        for url in (
            f"redis+sentinel://127.0.0.1:{sentinel.port}/main",
            f"redis+cluster://127.0.0.1:{cluster.port}",
        ):
            app = App.of([plugin], read_sources(folder, environ={"REDIS_URL": url}))

            found = {item.check: item.message for item in diagnose(app, deploy=True)}

            assert found["redis.appendonly"] == "yes"
            assert found["redis.clock"] == "within 1 s of ours"
