"""The clients behave the same with a server, a private server and memory."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from actionhero import Action, Call, RunMode, ServiceUnavailable
from actionhero.testing import running_app
from actionhero_redis import RedisClients, plugin

if TYPE_CHECKING:
    from pathlib import Path


async def test_values_are_read_as_text_or_as_bytes(environ: dict[str, str], folder: Path) -> None:
    """In actions and elsewhere."""

    class Store(Action):
        """Store a value."""

        name = "store"

        async def run(self, call: Call) -> str:
            redis = call.get(RedisClients)
            await redis.client.set(redis.key("thing", 1), "grün")
            return str(await redis.client.get(redis.key("thing", 1)))

    async with running_app(plugin, Store, environ=environ, folder=folder) as app:
        assert await app.call("store") == "grün"
        clients = app.get(RedisClients)
        assert await clients.bytes.get(clients.key("thing", 1)) == "grün".encode()


async def test_every_key_begins_with_the_prefix(environ: dict[str, str], folder: Path) -> None:
    """Two applications can share one Redis."""
    settings = {**environ, "ACTIONHERO_REDIS__PREFIX": "shop"}
    async with running_app(plugin, environ=settings, folder=folder) as app:
        clients = app.get(RedisClients)

        await clients.client.set(clients.key("a", "b"), 1)

        assert await clients.client.keys("*") == ["shop:a:b"]


async def test_blocking_commands_have_no_response_timeout(
    environ: dict[str, str], folder: Path
) -> None:
    """The setting `redis.timeout` does not end them."""
    settings = {**environ, "ACTIONHERO_REDIS__TIMEOUT": "50ms"}
    async with running_app(plugin, environ=settings, folder=folder) as app:
        clients = app.get(RedisClients)

        popped = asyncio.ensure_future(clients.blocking.blpop([clients.key("queue")], timeout=10))
        done, _ = await asyncio.wait([popped], timeout=0.3)
        assert not done
        await clients.client.rpush(clients.key("queue"), "job")

        assert await popped == (clients.key("queue"), "job")


async def test_subscribers_receive_published_messages(
    environ: dict[str, str], folder: Path
) -> None:
    """After the subscription has been confirmed."""
    async with running_app(plugin, environ=environ, folder=folder) as app:
        clients = app.get(RedisClients)
        subscriber = clients.pubsub(ignore_subscribe_messages=True)
        try:
            await subscriber.subscribe(clients.key("news"))
            await subscriber.get_message(timeout=5)

            await clients.client.publish(clients.key("news"), "hello")

            message: Any = None
            while message is None:
                message = await subscriber.get_message(timeout=5)
            assert message["data"] == "hello"
        finally:
            await subscriber.aclose()


async def test_scripts_run(environ: dict[str, str], folder: Path) -> None:
    """Lua scripts work in memory too."""
    async with running_app(plugin, environ=environ, folder=folder) as app:
        clients = app.get(RedisClients)
        script = clients.client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")

        assert await script(keys=[clients.key("count")], args=[3]) == 3


async def test_each_event_loop_has_its_own_clients(environ: dict[str, str], folder: Path) -> None:
    """A thread with its own event loop uses the same object and the same data."""

    async with running_app(plugin, environ=environ, folder=folder) as app:
        clients = app.get(RedisClients)
        await clients.client.set(clients.key("x"), "1")

        async def use_in_thread() -> tuple[str, object]:
            try:
                return str(await clients.client.get(clients.key("x"))), clients.client
            finally:
                await clients.aclose()

        value, other = await asyncio.to_thread(asyncio.run, use_in_thread())

        assert value == "1"
        assert other is not clients.client
        assert await clients.client.get(clients.key("x")) == "1"


async def test_synchronous_clients_see_the_same_data(environ: dict[str, str], folder: Path) -> None:
    """They are for code without an event loop."""
    async with running_app(plugin, environ=environ, folder=folder) as app:
        clients = app.get(RedisClients)

        def increase() -> Any:
            with clients.connect_sync() as client:
                return client.incr(clients.key("count"))

        assert await asyncio.to_thread(increase) == 1
        assert await clients.client.get(clients.key("count")) == "1"


async def test_clients_are_unavailable_after_shutdown(folder: Path) -> None:
    """No connection is opened again."""
    async with running_app(plugin, environ=MEMORY, folder=folder) as app:
        clients = app.get(RedisClients)

    with pytest.raises(ServiceUnavailable, match="Redis is not available during shutdown"):
        _ = clients.client


MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}


async def test_different_parts_make_different_keys(folder: Path) -> None:
    """A colon in a name does not lead to the key of another object."""
    async with running_app(plugin, environ=MEMORY, folder=folder) as app:
        key = app.get(RedisClients).key

    assert key("room", "a:b") == "actionhero:room:a%3Ab"
    assert len({key("a:b", "c"), key("a", "b:c"), key("a", "b", "c"), key("a%3Ab", "c")}) == 4


async def test_commands_wait_for_a_free_connection(redis_server: Any, folder: Path) -> None:
    """They fail if none is free within the pool timeout."""
    environ = {
        "REDIS_URL": redis_server.url,
        "ACTIONHERO_REDIS__POOL_SIZE": "1",
        "ACTIONHERO_REDIS__POOL_TIMEOUT": "200ms",
        "ACTIONHERO_REDIS__RETRIES": "0",
    }
    async with running_app(plugin, environ=environ, folder=folder) as app:
        clients = app.get(RedisClients)
        waiting = asyncio.ensure_future(clients.blocking.blpop([clients.key("queue")], timeout=30))
        # Redis has no event for a blocked client.
        while not (await clients.client.info("clients"))["blocked_clients"]:  # noqa: ASYNC110
            await asyncio.sleep(0)

        with pytest.raises(RedisConnectionError, match="No connection available"):
            await clients.blocking.get(clients.key("x"))

        assert len(await asyncio.gather(*(clients.client.ping() for _ in range(50)))) == 50
        await clients.client.rpush(clients.key("queue"), "job")
        assert await waiting is not None


async def test_the_memory_store_logs_one_warning(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It names the limitations and the remedy."""
    async with running_app(plugin, environ=MEMORY, folder=folder, mode=RunMode.SERVER) as app:
        assert not app.get(RedisClients).shared

    [record] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert record.getMessage() == (
        "redis: no server, data is in the memory of this process: it is lost when the process "
        "ends, and other processes cannot see it; install redis-server or valkey-server, or set "
        "REDIS_URL"
    )


@pytest.mark.parametrize("mode", [RunMode.CLI, RunMode.WORKER, RunMode.SCHEDULER])
async def test_the_memory_of_the_server_is_unavailable_to_other_processes(
    folder: Path, mode: RunMode
) -> None:
    """Commands and workers would write to memory that is never read."""
    environ = {**MEMORY, "ACTIONHERO_ENV": "development"}
    async with running_app(plugin, environ=environ, folder=folder, mode=mode) as app:
        clients = app.get(RedisClients)

        with pytest.raises(ServiceUnavailable) as raised:
            clients.require_shared("a broadcast")
        with pytest.raises(ServiceUnavailable):
            _ = clients.client
        with pytest.raises(ServiceUnavailable):
            clients.connect_sync()
        await clients.check()

    assert str(raised.value) == (
        "Redis is needed for a broadcast, and the only store is the memory of the server process; "
        "set REDIS_URL, or install redis-server or valkey-server"
    )


async def test_a_shared_store_is_available_to_every_process(
    redis_server: Any, folder: Path
) -> None:
    """`require_shared` raises no error."""
    environ = {"REDIS_URL": redis_server.url, "ACTIONHERO_ENV": "development"}
    async with running_app(plugin, environ=environ, folder=folder) as app:
        app.get(RedisClients).require_shared("a broadcast")

        assert app.get(RedisClients).shared


async def test_redis_py_is_imported_on_first_use(folder: Path) -> None:
    """The import takes a third of a second, and many commands do not use Redis."""
    program = (
        "import asyncio, sys\n"
        "from actionhero.testing import running_app\n"
        "from actionhero_redis import plugin\n"
        "async def main():\n"
        "    async with running_app(plugin): pass\n"
        "asyncio.run(main())\n"
        "print(*sorted({'redis', 'fakeredis'} & set(sys.modules)))\n"
    )

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    assert process.returncode == 0
    assert output.strip() == b""
