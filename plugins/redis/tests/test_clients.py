"""What is above Redis sees no difference between a server, a private one, and memory."""

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


async def test_what_is_written_is_read(environ: dict[str, str], folder: Path) -> None:
    """Text as text, and bytes as bytes, by an action as anywhere."""

    class Remember(Action):
        """Remember something."""

        name = "remember"

        async def run(self, call: Call) -> str:
            redis = call.get(RedisClients)
            await redis.client.set(redis.key("thing", 1), "grün")
            return str(await redis.client.get(redis.key("thing", 1)))

    async with running_app(plugin, Remember, environ=environ, folder=folder) as app:
        assert await app.call("remember") == "grün"
        clients = app.get(RedisClients)
        assert await clients.bytes.get(clients.key("thing", 1)) == "grün".encode()


async def test_every_key_begins_with_the_prefix(environ: dict[str, str], folder: Path) -> None:
    """Two applications on one Redis do not meet."""
    settings = {**environ, "ACTIONHERO_REDIS__PREFIX": "shop"}
    async with running_app(plugin, environ=settings, folder=folder) as app:
        clients = app.get(RedisClients)

        await clients.client.set(clients.key("a", "b"), 1)

        assert await clients.client.keys("*") == ["shop:a:b"]


async def test_blocking_commands_wait_longer_than_the_timeout(
    environ: dict[str, str], folder: Path
) -> None:
    """What waits for a message is not cut off by the time that answers may take."""
    settings = {**environ, "ACTIONHERO_REDIS__TIMEOUT": "50ms"}
    async with running_app(plugin, environ=settings, folder=folder) as app:
        clients = app.get(RedisClients)

        popped = asyncio.ensure_future(clients.blocking.blpop([clients.key("queue")], timeout=10))
        done, _ = await asyncio.wait([popped], timeout=0.3)
        assert not done
        await clients.client.rpush(clients.key("queue"), "job")

        assert await popped == (clients.key("queue"), "job")


async def test_subscribers_hear_what_is_published(environ: dict[str, str], folder: Path) -> None:
    """A message reaches who subscribed before."""
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
    """Lua, also in memory: locks and queues are written in it."""
    async with running_app(plugin, environ=environ, folder=folder) as app:
        clients = app.get(RedisClients)
        script = clients.client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")

        assert await script(keys=[clients.key("count")], args=[3]) == 3


async def test_each_event_loop_has_clients_of_its_own(
    environ: dict[str, str], folder: Path
) -> None:
    """A worker's thread with a loop of its own uses the same object, and sees the same data."""

    async with running_app(plugin, environ=environ, folder=folder) as app:
        clients = app.get(RedisClients)
        await clients.client.set(clients.key("x"), "1")

        async def elsewhere() -> tuple[str, object]:
            try:
                return str(await clients.client.get(clients.key("x"))), clients.client
            finally:
                await clients.aclose()

        value, other = await asyncio.to_thread(asyncio.run, elsewhere())

        assert value == "1"
        assert other is not clients.client
        assert await clients.client.get(clients.key("x")) == "1"


async def test_code_without_an_event_loop_has_a_client_too(
    environ: dict[str, str], folder: Path
) -> None:
    """For libraries that know no asyncio."""
    async with running_app(plugin, environ=environ, folder=folder) as app:
        clients = app.get(RedisClients)

        def increase() -> Any:
            with clients.connect_sync() as client:
                return client.incr(clients.key("count"))

        assert await asyncio.to_thread(increase) == 1
        assert await clients.client.get(clients.key("count")) == "1"


async def test_after_the_end_nothing_is_opened_again(folder: Path) -> None:
    """Who still holds the clients is told that we stop."""
    async with running_app(plugin, environ=MEMORY, folder=folder) as app:
        clients = app.get(RedisClients)

    with pytest.raises(ServiceUnavailable, match="Redis is not used any more: we stop"):
        _ = clients.client


MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}


async def test_different_parts_make_different_keys(folder: Path) -> None:
    """Nobody reaches the key of something else with a colon in a name."""
    async with running_app(plugin, environ=MEMORY, folder=folder) as app:
        key = app.get(RedisClients).key

    assert key("room", "a:b") == "actionhero:room:a%3Ab"
    assert len({key("a:b", "c"), key("a", "b:c"), key("a", "b", "c"), key("a%3Ab", "c")}) == 4


async def test_a_pool_that_is_used_up_is_waited_for(redis_server: Any, folder: Path) -> None:
    """A command waits for a free connection, and is refused when that takes too long."""
    environ = {
        "REDIS_URL": redis_server.url,
        "ACTIONHERO_REDIS__POOL_SIZE": "1",
        "ACTIONHERO_REDIS__POOL_TIMEOUT": "200ms",
        "ACTIONHERO_REDIS__RETRIES": "0",
    }
    async with running_app(plugin, environ=environ, folder=folder) as app:
        clients = app.get(RedisClients)
        waiting = asyncio.ensure_future(clients.blocking.blpop([clients.key("queue")], timeout=30))
        # The server tells nobody that somebody waits.
        while not (await clients.client.info("clients"))["blocked_clients"]:  # noqa: ASYNC110
            await asyncio.sleep(0)

        with pytest.raises(RedisConnectionError, match="No connection available"):
            await clients.blocking.get(clients.key("x"))

        assert len(await asyncio.gather(*(clients.client.ping() for _ in range(50)))) == 50
        await clients.client.rpush(clients.key("queue"), "job")
        assert await waiting is not None


async def test_memory_tells_in_one_line_what_it_cannot_do(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody finds out by losing something."""
    async with running_app(plugin, environ=MEMORY, folder=folder, mode=RunMode.SERVER) as app:
        assert not app.get(RedisClients).shared

    [record] = [one for one in caplog.records if one.levelname == "WARNING"]
    assert record.getMessage() == (
        "redis: there is no server, only the memory of this process: nothing is kept when it ends, "
        "and no other process sees it; install redis-server or valkey-server, or set REDIS_URL"
    )


@pytest.mark.parametrize("mode", [RunMode.CLI, RunMode.WORKER, RunMode.SCHEDULER])
async def test_memory_of_another_process_is_not_written_to(folder: Path, mode: RunMode) -> None:
    """What a command or a worker wrote there would be seen by nobody."""
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
        "Redis is needed for a broadcast, and there is only the memory of the process that serves; "
        "set REDIS_URL, or install redis-server or valkey-server"
    )


async def test_what_is_shared_may_be_needed_by_any_process(redis_server: Any, folder: Path) -> None:
    """Nothing is refused where others see it."""
    environ = {"REDIS_URL": redis_server.url, "ACTIONHERO_ENV": "development"}
    async with running_app(plugin, environ=environ, folder=folder) as app:
        app.get(RedisClients).require_shared("a broadcast")

        assert app.get(RedisClients).shared


async def test_a_call_that_needs_no_redis_does_not_pay_for_it(folder: Path) -> None:
    """redis-py is a third of a second; a command line call without Redis does not load it."""
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
