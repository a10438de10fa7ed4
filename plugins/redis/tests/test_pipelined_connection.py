"""`execute` and `run_script`: replies in order, outages, retries and the end of the connection."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from actionhero import RunMode, ServiceUnavailable
from actionhero.testing import free_port, running_app
from actionhero_redis import RedisClients, Script, plugin
from actionhero_redis.testing import throw_away_redis, throw_away_sentinel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from actionhero_redis.testing import ThrowAwayCluster, ThrowAwayRedis

SHORT_DELAYS = {
    "ACTIONHERO_REDIS__RETRY_BACKOFF": "1ms",
    "ACTIONHERO_REDIS__MAX_RETRY_BACKOFF": "5ms",
}
APPEND = Script("return redis.call('APPEND', KEYS[1], ARGV[1])")
READ = Script("return redis.call('GET', KEYS[1])", idempotent=True)


@contextlib.asynccontextmanager
async def redis_clients(url: str, **environ: str) -> AsyncIterator[RedisClients]:
    environ = {"REDIS_URL": url, **SHORT_DELAYS, **environ}
    async with (
        running_app(plugin, environ=environ, mode=RunMode.SERVER) as app,
        asyncio.timeout(60),
    ):
        yield app.get(RedisClients)


@pytest.fixture
async def clients(redis_server: ThrowAwayRedis) -> AsyncIterator[RedisClients]:
    async with redis_clients(redis_server.url) as clients:
        yield clients


def protocol_of(clients: RedisClients) -> Any:
    return clients._set.commands._protocol  # type: ignore[union-attr]


async def wait_until_written(clients: RedisClients) -> None:
    """Wait until the event loop has written all commands."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert protocol_of(clients).pending


async def test_replies_are_those_of_resp2(environ: dict[str, str], folder: Path) -> None:
    """The same with a server, a private server and memory."""
    async with running_app(plugin, environ=environ, folder=folder) as app:
        clients = app.get(RedisClients)
        key = clients.key

        assert await clients.execute("PING") == b"PONG"
        assert await clients.execute("SET", key("x"), b"\xff\x00") == b"OK"
        assert await clients.execute("GET", key("x")) == b"\xff\x00"
        assert await clients.execute("GET", key("none")) is None
        assert await clients.execute("EXISTS", key("x")) == 1
        assert await clients.execute("HSET", key("h"), "a", 1, "b", 2.5) == 2
        assert await clients.execute("HGETALL", key("h")) == [b"a", b"1", b"b", b"2.5"]
        assert await clients.execute("ZADD", key("z"), 1, "one") == 1
        assert await clients.execute("ZRANGE", key("z"), 0, -1, "WITHSCORES") == [b"one", b"1"]
        assert await clients.execute("XADD", key("s"), "1-1", "f", "v") == b"1-1"
        assert await clients.execute("XRANGE", key("s"), "-", "+") == [[b"1-1", [b"f", b"v"]]]
        assert await clients.execute("PUBLISH", key("news"), "x") == 0
        assert await clients.run_script(APPEND, (key("t"),), ("abc",)) == 3
        assert await clients.run_script(READ, [key("t")]) == b"abc"
        with pytest.raises(ResponseError, match=r"WRONGTYPE|wrong kind"):
            await clients.execute("GET", key("h"))


async def test_replies_in_a_cluster_are_the_same(redis_cluster: ThrowAwayCluster) -> None:
    """Keys of one slot each, and scripts."""
    async with redis_clients(redis_cluster.url) as clients:
        for number in range(20):
            key = clients.key("cluster", number)
            assert await clients.execute("HSET", key, "a", number) == 1
            assert await clients.execute("HGETALL", key) == [b"a", str(number).encode()]
            assert await clients.execute("DEL", key, idempotent=True) == 1
            assert await clients.run_script(APPEND, [key], ["x"]) == 1
            assert await clients.run_script(READ, [key]) == b"x"


async def test_concurrent_callers_share_one_connection(clients: RedisClients) -> None:
    """Each gets its own reply, also the errors and the large ones."""
    large = b"x" * 3_000_000

    async def set_and_get(number: int) -> None:
        key = clients.key("x", number)
        value = large if number == 50 else str(number).encode()
        await clients.execute("SET", key, value)
        assert await clients.execute("GET", key) == value
        with pytest.raises(ResponseError):
            await clients.execute("LPUSH", key, number)
        assert await clients.execute("STRLEN", key) == len(value)

    before = int((await clients.client.info("stats"))["total_connections_received"])
    await asyncio.gather(*(set_and_get(number) for number in range(200)))
    after = int((await clients.client.info("stats"))["total_connections_received"])

    assert after == before


async def test_a_cancelled_caller_does_not_shift_replies(
    clients: RedisClients, redis_server: ThrowAwayRedis
) -> None:
    """The reply of its command is ignored, whether it was written or not."""
    await clients.execute("SET", clients.key("n"), 0)
    redis_server.pause()
    calls = [asyncio.ensure_future(clients.execute("INCR", clients.key("n"))) for _ in range(100)]
    await wait_until_written(clients)
    for call in calls[::2]:
        call.cancel()
    unwritten = asyncio.ensure_future(clients.execute("INCR", clients.key("n")))
    unwritten.cancel()
    redis_server.resume()

    replies = await asyncio.gather(*calls, return_exceptions=True)

    assert [reply for reply in replies if not isinstance(reply, BaseException)] == [
        *range(2, 101, 2)
    ]
    assert await clients.execute("ECHO", "next") == b"next"
    assert not protocol_of(clients).pending


async def test_an_unknown_script_is_sent_once_with_its_text(
    clients: RedisClients,
) -> None:
    """After a flush, as after a restart; concurrent callers each run it once."""
    key = clients.key("x")
    for _ in range(2):
        await clients.client.script_flush()
        await asyncio.gather(*(clients.run_script(APPEND, [key], ["a"]) for _ in range(10)))

    assert await clients.execute("STRLEN", key) == 20
    assert await clients.client.script_exists(APPEND.sha) == [True]
    with pytest.raises(ResponseError, match="boom"):
        await clients.run_script(Script("return redis.error_reply('ERR boom')"))


async def test_a_command_that_may_have_been_executed_is_not_sent_again(
    clients: RedisClients, redis_server: ThrowAwayRedis
) -> None:
    """The server executes it, and is killed before the reply arrives."""
    key = clients.key("n")
    await clients.execute("SET", key, 0)
    # The commands are executed, and their replies are lost with the connection.
    protocol = protocol_of(clients)
    protocol._transport.pause_reading()
    calls = [asyncio.ensure_future(clients.execute("INCR", key)) for _ in range(20)]
    reads = [asyncio.ensure_future(clients.execute("GET", key, idempotent=True)) for _ in range(3)]
    scripts = [
        asyncio.ensure_future(clients.run_script(APPEND, [clients.key("s")], ["a"])),
        asyncio.ensure_future(clients.run_script(READ, [key])),
    ]
    while await clients.client.get(key) != "20":  # noqa: ASYNC110 - another connection executes them
        await asyncio.sleep(0)
    protocol._transport.abort()

    results = await asyncio.gather(*calls, return_exceptions=True)

    assert {type(result) for result in results} == {RedisConnectionError}
    assert await asyncio.gather(*reads) == [b"20"] * 3
    with pytest.raises(RedisConnectionError):
        await scripts[0]
    assert await scripts[1] == b"20"
    assert await clients.execute("GET", key) == b"20"


async def test_without_retries_no_command_is_sent_again(redis_server: ThrowAwayRedis) -> None:
    """Not even an idempotent one."""
    async with redis_clients(redis_server.url, ACTIONHERO_REDIS__RETRIES="0") as clients:
        redis_server.pause()
        reading = asyncio.ensure_future(clients.execute("PING", idempotent=True))
        await wait_until_written(clients)
        protocol_of(clients)._transport.abort()

        with pytest.raises(RedisConnectionError):
            await reading
        redis_server.resume()


async def test_a_connection_that_was_closed_while_idle_is_replaced(
    clients: RedisClients, redis_server: ThrowAwayRedis
) -> None:
    """No command fails after a restart of the server, or the end of its own idle timeout."""
    for restart in (True, False):
        await clients.execute("SET", clients.key("x"), "1")
        closed = protocol_of(clients)._closed
        if restart:
            redis_server.stop()
            redis_server.start()
        else:
            await clients.client.client_kill_filter(_type="normal", skipme=True)
        await closed

        assert await clients.execute("INCR", clients.key("x")) == 2


async def test_commands_wait_for_the_connection_and_fail_with_it(
    clients: RedisClients, redis_server: ThrowAwayRedis
) -> None:
    """While the server is down; the next command after its start succeeds."""
    closed = protocol_of(clients)._closed
    redis_server.kill()
    await closed
    for _ in range(3):
        results = await asyncio.gather(
            *(clients.execute("PING") for _ in range(20)), return_exceptions=True
        )
        assert {type(result) for result in results} == {RedisConnectionError}
        # Each has its own exception: a traceback is added to each that is raised.
        assert len({id(result) for result in results}) == 20
    redis_server.start()

    assert await clients.execute("PING") == b"PONG"


async def test_a_hanging_server_times_out_and_recovers(redis_server: ThrowAwayRedis) -> None:
    """Written commands, and those that wait for a new connection; none is executed later twice."""
    async with redis_clients(redis_server.url, ACTIONHERO_REDIS__TIMEOUT="100ms") as clients:
        await clients.execute("SET", clients.key("n"), 0)
        redis_server.pause()
        try:
            written = [clients.execute("INCR", clients.key("n")) for _ in range(10)]
            results = await asyncio.gather(*written, return_exceptions=True)
            assert {type(result) for result in results} == {RedisTimeoutError}
            with pytest.raises(RedisTimeoutError):
                await clients.execute("INCR", clients.key("n"), idempotent=True)
        finally:
            redis_server.resume()

        assert await clients.execute("PING") == b"PONG"
        # The server executes the commands that it had received before, once each.
        assert int(await clients.execute("GET", clients.key("n"))) in (0, 10)


async def test_a_slow_reply_times_out_after_the_timeout_of_its_command(
    redis_server: ThrowAwayRedis,
) -> None:
    """A reply within the timeout arrives, however long the connection exists."""
    async with redis_clients(redis_server.url, ACTIONHERO_REDIS__TIMEOUT="2s") as clients:
        slow = Script(
            "local function now() local t = redis.call('TIME') return t[1] * 1000000 + t[2] end "
            "local until_ = now() + 300000 while now() < until_ do end return 1"
        )
        assert await asyncio.gather(*(clients.run_script(slow) for _ in range(3))) == [1, 1, 1]


async def test_a_primary_that_became_a_replica_is_replaced(
    clients: RedisClients, redis_server: ThrowAwayRedis
) -> None:
    """The write is refused, and the next command uses a new connection."""
    await clients.client.config_set("replica-serve-stale-data", "yes")
    await clients.client.execute_command("REPLICAOF", "127.0.0.1", free_port())
    before = protocol_of(clients)

    with pytest.raises(ReadOnlyError):
        await clients.execute("SET", clients.key("x"), 1)

    await clients.client.execute_command("REPLICAOF", "NO", "ONE")
    assert await clients.execute("SET", clients.key("x"), 1) == b"OK"
    assert protocol_of(clients) is not before


async def test_the_connection_authenticates_and_selects_its_database(folder: Path) -> None:
    """With a user and a password, by the name of the client, over a Unix socket too."""
    options = ["--user", "ada", "on", ">hunter2", "~*", "&*", "+@all", "--user", "default", "off"]
    for on_socket in (False, True):
        with throw_away_redis(on_socket=on_socket, options=options) as server:
            url = server.url.replace("://", "://ada:hunter2@").removesuffix("/0")
            for protocol in ("", "&protocol=3"):
                async with redis_clients(f"{url}?db=3&client_name=shop{protocol}") as clients:
                    await clients.execute("SET", clients.key("x"), 1)

                    info = await clients.client.client_list()

                    mine = [item for item in info if item["cmd"] == "set"]
                    assert [(item["db"], item["name"], item["user"]) for item in mine] == [
                        ("3", "shop", "ada")
                    ]


async def test_an_idle_connection_is_checked(redis_server: ThrowAwayRedis) -> None:
    """It is replaced if the server does not reply to the check."""
    environ = {
        "ACTIONHERO_REDIS__HEALTH_CHECK_INTERVAL": "50ms",
        "ACTIONHERO_REDIS__TIMEOUT": "100ms",
    }
    async with redis_clients(redis_server.url, **environ) as clients:
        await clients.execute("PING")
        closed = protocol_of(clients)._closed
        redis_server.pause()
        try:
            await closed
        finally:
            redis_server.resume()

        assert await clients.execute("PING") == b"PONG"


@pytest.mark.parametrize(
    "command",
    [
        ("BLPOP", "x", 1),
        ("subscribe", "x"),
        ("Multi",),
        ("SELECT", 1),
        ("XREAD", "BLOCK", 0, "STREAMS", "x", "$"),
        ("xreadgroup", "GROUP", "g", "c", "block", 0, "STREAMS", "x", ">"),
    ],
)
async def test_commands_that_block_or_change_the_connection_are_refused(
    clients: RedisClients, command: tuple[Any, ...]
) -> None:
    """The message names the client to use."""
    with pytest.raises(ValueError, match=r"cannot be sent over the shared connection.*blocking"):
        await clients.execute(*command)

    assert await clients.execute("XREAD", "STREAMS", "block", "0") is None


async def test_arguments_of_other_types_are_refused(clients: RedisClients) -> None:
    """They do not disturb the commands of others."""
    other = clients.execute("ECHO", "other")
    for argument in (None, True, [], object()):
        with pytest.raises(TypeError, match="must be str, int, float or bytes"):
            await clients.execute("SET", "x", argument)  # type: ignore[arg-type]

    assert await other == b"other"


async def test_shutdown_waits_for_pending_replies(redis_server: ThrowAwayRedis) -> None:
    """Replies that arrive within the timeout are delivered; later commands are refused."""
    async with redis_clients(redis_server.url) as clients:
        redis_server.pause()
        calls = [asyncio.ensure_future(clients.execute("INCR", "n")) for _ in range(10)]
        await wait_until_written(clients)
        closing = asyncio.create_task(clients.stop())
        await asyncio.sleep(0)
        assert not closing.done()
        redis_server.resume()

        assert await asyncio.gather(*calls) == [*range(1, 11)]
        await closing
        with pytest.raises(ServiceUnavailable, match="Redis is not available during shutdown"):
            await clients.execute("PING")


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
async def test_nothing_is_left_open(redis_server: ThrowAwayRedis) -> None:
    """After a shutdown, a lost connection, a refused one and a cancelled attempt."""
    async with redis_clients(redis_server.url) as clients:
        await clients.execute("PING")
        protocol = protocol_of(clients)
        protocol._transport.abort()
        await protocol._closed
        await clients.execute("PING")
        closed = protocol_of(clients)._closed
        redis_server.kill()
        await closed
        with pytest.raises(RedisConnectionError):
            await clients.execute("PING")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await clients.execute("PING")

    gc.collect()


async def test_each_event_loop_has_its_own_connection(clients: RedisClients) -> None:
    """Two threads use one object."""

    async def use_in_thread() -> Any:
        try:
            return await clients.execute("INCR", clients.key("n"))
        finally:
            await clients.aclose()

    first = await clients.execute("INCR", clients.key("n"))
    second = await asyncio.to_thread(lambda: asyncio.run(use_in_thread()))

    assert (first, second) == (1, 2)
    assert await clients.execute("INCR", clients.key("n")) == 3


async def test_an_invalid_reply_is_reported(garbage_server: Callable[..., Any]) -> None:
    """The connection is closed."""
    async with (
        garbage_server(b"hello\r\n") as url,
        redis_clients(url, ACTIONHERO_REDIS__REQUIRED="false") as clients,
    ):
        with pytest.raises(RedisConnectionError, match="invalid reply: Protocol error"):
            await clients.execute("GET", "x")


async def test_a_connection_with_an_unexpected_reply_is_replaced(
    garbage_server: Callable[..., Any],
) -> None:
    """The reply is not attributed to the next command."""
    async with (
        garbage_server(b"+first\r\n+unexpected\r\n") as url,
        redis_clients(url, ACTIONHERO_REDIS__REQUIRED="false") as clients,
    ):
        assert await clients.execute("GET", "x") == b"first"
        assert protocol_of(clients) is None
        assert await clients.execute("GET", "y") == b"first"


@pytest.fixture
def garbage_server() -> Callable[..., Any]:
    """A server that accepts the commands of redis-py, and replies to GET with garbage."""

    @contextlib.asynccontextmanager
    async def serve(garbage: bytes) -> AsyncIterator[str]:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    writer.write(garbage if b"GET" in data else b"+OK\r\n" * data.count(b"*"))
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            yield f"redis://127.0.0.1:{port}"

    return serve


async def test_a_failover_behind_sentinels_is_followed(redis_server: ThrowAwayRedis) -> None:
    """The sentinels know the new address; the commands use it."""
    with throw_away_redis() as other, throw_away_sentinel(redis_server) as sentinel:
        async with redis_clients(sentinel.url) as clients:
            await clients.execute("SET", clients.key("x"), "first")
            closed = protocol_of(clients)._closed
            redis_server.kill()
            await closed
            import redis  # noqa: PLC0415 - the sentinel's own client

            with redis.Redis(port=sentinel.port) as sentinel_client:
                sentinel_client.execute_command("SENTINEL", "REMOVE", "main")
                sentinel_client.execute_command(
                    "SENTINEL", "MONITOR", "main", "127.0.0.1", other.port, 1
                )

            assert await clients.execute("GET", clients.key("x")) is None
            assert await clients.execute("SET", clients.key("x"), "second") == b"OK"
