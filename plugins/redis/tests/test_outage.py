"""Outages of Redis, at the start and under load, and the recovery from them."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Call, RunMode, UnavailableError
from actionhero.errors import ErrorType
from actionhero.health import Health
from actionhero.testing import running_app
from actionhero_redis import RedisClients, Script, channel_messages, plugin
from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis

#: Short delays, so that the tests are quick.
SHORT_DELAYS = {
    "ACTIONHERO_REDIS__RETRY_BACKOFF": "1ms",
    "ACTIONHERO_REDIS__MAX_RETRY_BACKOFF": "5ms",
    "ACTIONHERO_REDIS__TIMEOUT": "500ms",
}


class Visit(Action):
    """Count a visit."""

    name = "visit"
    pipelined = False

    async def run(self, call: Call) -> int:
        redis = call.get(RedisClients)
        if self.pipelined:
            return int(await redis.execute("INCR", redis.key("visits")))
        return int(await redis.client.incr(redis.key("visits")))


@pytest.fixture(params=["redis-py", "pipelined"])
def each_client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of redis-py, and the pipelined connection."""
    monkeypatch.setattr(Visit, "pipelined", request.param == "pipelined")


@contextlib.asynccontextmanager
async def counting_app(server: ThrowAwayRedis, **environ: str) -> AsyncIterator[RunningApp]:
    environ = {"REDIS_URL": server.url, **SHORT_DELAYS, **environ}
    async with running_app(plugin, Visit, environ=environ, mode=RunMode.SERVER) as app:
        yield app


class Write(Action):
    """Write to Redis in one of several ways, or fail."""

    name = "write"

    async def run(self, call: Call, how: str) -> None:
        redis = call.get(RedisClients)
        key = redis.key("written")
        if how == "redis-py":
            await redis.client.set(key, "1")
        elif how == "pipelined":
            await redis.execute("SET", key, "1")
        elif how == "script":
            await redis.run_script(Script("return redis.call('SET', KEYS[1], '1')"), [key])
        elif how in {"pipeline", "transaction"}:
            pipeline: Any
            async with redis.client.pipeline(transaction=how == "transaction") as pipeline:
                await pipeline.get(key).set(key, "1\n").execute()
        else:
            await redis.execute("LPUSH", key, "1")


ways = pytest.mark.parametrize(
    "how", ["redis-py", "pipelined", "script", "pipeline", "transaction"]
)


@ways
async def test_a_server_with_too_few_replicas_is_unavailable(
    redis_server: ThrowAwayRedis, how: str
) -> None:
    """It refuses writes with an error that has no type in redis-py; others stay internal errors."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(plugin, Write, environ=environ, mode=RunMode.SERVER) as app:
        redis = app.get(RedisClients)
        await app.call("write", how=how)
        await redis.execute("CONFIG", "SET", "min-replicas-to-write", "1")

        refused = await app.connect().outcome("write", how=how)
        await redis.execute("CONFIG", "SET", "min-replicas-to-write", "0")
        wrong = await app.connect().outcome("write", how="list")

        assert refused.error is not None
        assert refused.error.type is ErrorType.SERVICE_UNAVAILABLE
        assert refused.error.retry_after_seconds == 1
        assert wrong.error is not None
        assert wrong.error.message == "Internal error"
        await app.call("write", how=how)


@ways
async def test_a_server_that_cannot_write_snapshots_is_unavailable(
    tmp_path: Path, how: str
) -> None:
    """It refuses writes because its folder is gone."""
    folder = tmp_path / "snapshots"
    folder.mkdir()
    options = ["--save", "3600 1", "--appendonly", "no", "--dir", str(folder)]
    with throw_away_redis(options=options) as server:
        environ = {"REDIS_URL": server.url}
        async with running_app(plugin, Write, environ=environ, mode=RunMode.SERVER) as app:
            redis = app.get(RedisClients)
            await app.call("write", how=how)
            shutil.rmtree(folder)
            await redis.execute("BGSAVE")
            async with asyncio.timeout(20):
                while b"rdb_last_bgsave_status:err" not in await redis.execute("INFO"):
                    pass

            outcome = await app.connect().outcome("write", how=how)

            assert outcome.error is not None
            assert outcome.error.type is ErrorType.SERVICE_UNAVAILABLE


@pytest.mark.usefixtures("each_client")
async def test_calls_recover_from_a_restart_under_load(redis_server: ThrowAwayRedis) -> None:
    """During the outage every error is `ServiceUnavailable`; afterwards calls succeed."""
    async with counting_app(redis_server) as app, asyncio.timeout(60):
        outcomes: collections.Counter[str] = collections.Counter()
        changed = asyncio.Condition()
        stopped = asyncio.Event()

        async def call_repeatedly() -> None:
            while not stopped.is_set():
                outcome = await app.connect().outcome("visit")
                outcomes["ok" if outcome.error is None else str(outcome.error.type)] += 1
                async with changed:
                    changed.notify_all()

        async def wait_for(kind: str, count: int) -> None:
            target = outcomes[kind] + count
            async with changed:
                await changed.wait_for(lambda: outcomes[kind] >= target)

        callers = [asyncio.create_task(call_repeatedly()) for _ in range(20)]
        try:
            await wait_for("ok", 200)
            redis_server.kill()
            await wait_for(ErrorType.SERVICE_UNAVAILABLE, 100)
            await asyncio.to_thread(redis_server.start)
            await wait_for("ok", 200)
        finally:
            stopped.set()
            await asyncio.gather(*callers)

        assert set(outcomes) == {"ok", ErrorType.SERVICE_UNAVAILABLE}


@pytest.mark.usefixtures("each_client")
async def test_clients_see_no_internals(redis_server: ThrowAwayRedis) -> None:
    """The error has no host, no port and no driver message, but a time to retry."""
    async with counting_app(redis_server) as app:
        redis_server.kill()

        outcome = await app.connect().outcome("visit")

        assert outcome.error is not None
        assert outcome.error.message == "A service that this action needs is not available"
        assert outcome.error.retry_after_seconds == 1


@pytest.mark.usefixtures("each_client")
async def test_calls_to_a_hanging_server_time_out(redis_server: ThrowAwayRedis) -> None:
    """The server accepts connections and does not respond."""
    async with counting_app(redis_server) as app:
        redis_server.pause()
        try:
            outcome = await app.connect().outcome("visit")
        finally:
            redis_server.resume()

        assert outcome.error is not None
        assert outcome.error.type is ErrorType.SERVICE_UNAVAILABLE
        assert await app.call("visit") > 0


@pytest.mark.usefixtures("each_client")
async def test_a_full_server_is_unavailable(redis_server: ThrowAwayRedis) -> None:
    """It rejects writes until there is memory."""
    async with counting_app(redis_server) as app:
        await app.get(RedisClients).client.config_set("maxmemory", "1")

        outcome = await app.connect().outcome("visit")

        assert outcome.error is not None
        assert outcome.error.type is ErrorType.SERVICE_UNAVAILABLE


async def test_health_follows_the_server(redis_server: ThrowAwayRedis) -> None:
    """The health shows the outage and the recovery."""
    async with counting_app(redis_server) as app:
        [healthy] = await app.get(Health).check()
        redis_server.kill()
        [away] = await app.get(Health).check()
        redis_server.start()
        [back] = await app.get(Health).check()

        assert healthy.name == "redis"
        assert (healthy.healthy, away.healthy, back.healthy) == (True, False, True)
        assert away.problem is not None
        assert "ConnectionError" in away.problem


async def test_subscribers_resubscribe_after_a_restart(redis_server: ThrowAwayRedis) -> None:
    """They reconnect without help."""
    async with counting_app(redis_server, ACTIONHERO_REDIS__RETRIES="1000") as app:
        clients = app.get(RedisClients)
        subscriber = clients.pubsub(ignore_subscribe_messages=True)
        try:
            await subscriber.subscribe(clients.key("news"))
            await subscriber.get_message(timeout=5)
            received = asyncio.ensure_future(anext(aiter(subscriber.listen())))
            redis_server.kill()
            redis_server.start()

            async with asyncio.timeout(30):
                # Redis has no event for a new subscription.
                while not await clients.client.publish(  # noqa: ASYNC110
                    clients.key("news"), "hello"
                ):
                    await asyncio.sleep(0)
                assert (await received)["data"] == "hello"
        finally:
            await subscriber.aclose()


async def test_an_unreachable_server_refuses_to_start(redis_server: ThrowAwayRedis) -> None:
    """The message has the URL without its password, the cause and the remedy."""
    redis_server.kill()
    url = redis_server.url.replace("redis://", "redis://ada:hunter2@")

    with pytest.raises(UnavailableError) as raised:
        async with counting_app(redis_server, REDIS_URL=url):
            pass

    assert raised.value.exit_code == 69
    message = str(raised.value)
    assert message.startswith(
        f"redis at redis://ada:******@127.0.0.1:{redis_server.port}/0 cannot be used: "
    )
    assert "Connect call failed" in message
    assert message.endswith(
        "start it, set REDIS_URL to another server, or set ACTIONHERO_REDIS__REQUIRED=false to "
        "start without it"
    )
    assert "hunter2" not in message


@pytest.mark.usefixtures("each_client")
async def test_a_wrong_password_refuses_to_start() -> None:
    """The message contains the error of the server."""
    with throw_away_redis(options=["--requirepass", "right"]) as server:
        url = server.url.replace("redis://", "redis://:wrong@")

        with pytest.raises(UnavailableError, match=r"cannot be used: (?i:invalid|wrongpass)"):
            async with counting_app(server, REDIS_URL=url):
                pass

        async with counting_app(server, REDIS_URL=url.replace("wrong", "right")) as app:
            assert await app.call("visit") == 1


@pytest.mark.usefixtures("each_client")
async def test_an_optional_server_may_start_later(
    redis_server: ThrowAwayRedis, caplog: pytest.LogCaptureFixture
) -> None:
    """The application starts with a warning, and uses the server when it is available."""
    redis_server.kill()

    async with counting_app(redis_server, ACTIONHERO_REDIS__REQUIRED="false") as app:
        assert re.search(
            r"redis at .* cannot be used: .*; calls that use it fail with 503 until it is",
            caplog.text,
        )
        outcome = await app.connect().outcome("visit")
        assert outcome.error is not None
        assert outcome.error.type is ErrorType.SERVICE_UNAVAILABLE

        redis_server.start()

        assert await app.call("visit") == 1


@pytest.mark.usefixtures("each_client")
async def test_a_unix_socket_works_like_a_port() -> None:
    """Also after a restart."""
    with throw_away_redis(on_socket=True) as server:
        async with counting_app(server) as app:
            assert await app.call("visit") == 1
            # In a thread, so that the event loop receives the end of the connection.
            await asyncio.to_thread(server.stop)
            server.start()
            assert await app.call("visit") == 2


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A folder with a small application that has a server and uses Redis."""
    (tmp_path / "counter.py").write_text(
        textwrap.dedent(
            """
            from __future__ import annotations

            from actionhero import Action, Call, Server
            from actionhero_redis import RedisClients

            class Idle(Server):
                name = "idle"
                async def start(self, app): ...
                async def close(self): ...

            class Visit(Action):
                "Count a visit."
                name = "visit"
                async def run(self, call: Call) -> int:
                    redis = call.get(RedisClients)
                    return await redis.client.incr(redis.key("visits"))

            class Plain(Action):
                "Use no Redis."
                name = "plain"
                async def run(self, call: Call) -> str:
                    return "fine"
            """
        ),
        encoding="utf-8",
    )
    return tmp_path


def actionhero(
    application: Path, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder of an application, with this plugin only."""
    return subprocess.run(
        [sys.executable, "-m", "actionhero", "--app", "counter", *arguments],
        cwd=application,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(application),
            "PYTHONPATH": str(application),
            "ACTIONHERO_PLUGINS__ENABLED": "redis",
            **SHORT_DELAYS,
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_required_server_that_is_unreachable_exits_with_69(
    application: Path, redis_server: ThrowAwayRedis
) -> None:
    """Without a traceback."""
    redis_server.kill()

    process = actionhero(application, "start", REDIS_URL=redis_server.url)

    assert process.returncode == 69
    assert f"redis at {redis_server.url} cannot be used" in process.stderr
    assert "Traceback" not in process.stderr


def test_production_without_a_url_exits_with_78(application: Path) -> None:
    """The message names the setting."""
    process = actionhero(application, "start", ACTIONHERO_ENV="production")

    assert process.returncode == 78
    assert "REDIS_URL" in process.stderr


def test_a_command_that_needs_shared_data_exits_with_69_with_memory(
    application: Path,
) -> None:
    """It cannot reach the memory of the server; the message names the remedy."""
    memory = {"ACTIONHERO_REDIS__MODE": "memory"}

    with_redis = actionhero(application, "call", "visit", **memory)
    without_redis = actionhero(application, "call", "plain", **memory)

    assert with_redis.returncode == 69
    assert "set REDIS_URL, or install redis-server or valkey-server" in with_redis.stderr
    assert (without_redis.returncode, without_redis.stdout.strip()) == (0, '"fine"')


def test_a_command_exits_with_69_during_an_outage(
    application: Path, redis_server: ThrowAwayRedis
) -> None:
    """Commands that do not use Redis succeed."""
    redis_server.kill()

    with_redis = actionhero(application, "call", "visit", REDIS_URL=redis_server.url)
    without_redis = actionhero(application, "call", "plain", REDIS_URL=redis_server.url)

    assert with_redis.returncode == 69
    assert without_redis.returncode == 0


def test_commands_share_the_private_server(application: Path) -> None:
    """One call reads the data of another, with no setting and no running server."""
    first = actionhero(application, "call", "visit")
    second = actionhero(application, "call", "visit")

    assert (first.stdout.strip(), second.stdout.strip()) == ("1", "2"), first.stderr


async def test_a_refused_subscription_begins_when_it_is_permitted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The refusal is logged once, with the channel."""
    interruptions: asyncio.Queue[None] = asyncio.Queue()
    with throw_away_redis() as server:
        async with counting_app(server) as app:
            redis = app.get(RedisClients)
            await redis.client.execute_command("ACL", "SETUSER", "default", "resetchannels")
            messages = channel_messages(
                redis, "news", on_interruption=lambda: interruptions.put_nowait(None)
            )
            async with contextlib.aclosing(messages):
                begun = asyncio.ensure_future(anext(messages))
                for _ in range(2):
                    await interruptions.get()
                await redis.client.execute_command("ACL", "SETUSER", "default", "allchannels")

                assert await begun is None
                await redis.client.publish("news", "first")
                assert await anext(messages) == "first"
    refusals = [text for text in caplog.messages if "refuses" in text]
    assert len(refusals) == 1
    assert "the subscription to 'news'" in refusals[0]
