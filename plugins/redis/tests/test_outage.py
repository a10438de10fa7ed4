"""Redis goes away, at the start or under load: callers are told so, and it comes back by itself."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from actionhero import Action, Call, RunMode, UnavailableError
from actionhero.errors import ErrorType
from actionhero.health import Health
from actionhero.testing import running_app
from actionhero_redis import RedisClients, plugin
from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis

#: Short waits, so that the tests are quick; the ways are the same.
QUICK = {
    "ACTIONHERO_REDIS__RETRY_BACKOFF": "1ms",
    "ACTIONHERO_REDIS__RETRY_BACKOFF_LIMIT": "5ms",
    "ACTIONHERO_REDIS__TIMEOUT": "500ms",
}


class Visit(Action):
    """Count a visit."""

    name = "visit"

    async def run(self, call: Call) -> int:
        redis = call.get(RedisClients)
        return int(await redis.client.incr(redis.key("visits")))


@contextlib.asynccontextmanager
async def visited(server: ThrowAwayRedis, **environ: str) -> AsyncIterator[RunningApp]:
    environ = {"REDIS_URL": server.url, **QUICK, **environ}
    async with running_app(plugin, Visit, environ=environ, mode=RunMode.SERVER) as app:
        yield app


async def test_a_restart_under_load_is_told_and_got_over(redis_server: ThrowAwayRedis) -> None:
    """While it is away every error is a service that is unavailable; then calls succeed again."""
    async with visited(redis_server) as app, asyncio.timeout(60):
        seen: collections.Counter[str] = collections.Counter()
        changed = asyncio.Condition()
        ended = asyncio.Event()

        async def call_on_and_on() -> None:
            while not ended.is_set():
                outcome = await app.connect().outcome("visit")
                seen["ok" if outcome.error is None else str(outcome.error.type)] += 1
                async with changed:
                    changed.notify_all()

        async def until(kind: str, more: int) -> None:
            wanted = seen[kind] + more
            async with changed:
                await changed.wait_for(lambda: seen[kind] >= wanted)

        callers = [asyncio.create_task(call_on_and_on()) for _ in range(20)]
        try:
            await until("ok", 200)
            redis_server.kill()
            await until(ErrorType.SERVICE_UNAVAILABLE, 100)
            await asyncio.to_thread(redis_server.start)
            await until("ok", 200)
        finally:
            ended.set()
            await asyncio.gather(*callers)

        assert set(seen) == {"ok", ErrorType.SERVICE_UNAVAILABLE}


async def test_callers_learn_nothing_of_our_insides(redis_server: ThrowAwayRedis) -> None:
    """No host, no port, no word of Redis; and when to come again."""
    async with visited(redis_server) as app:
        redis_server.kill()

        outcome = await app.connect().outcome("visit")

        assert outcome.error is not None
        assert outcome.error.message == "A service that this action needs is not available"
        assert outcome.error.retry_after_seconds == 1


async def test_a_server_that_hangs_is_given_up_on(redis_server: ThrowAwayRedis) -> None:
    """It takes connections and answers nothing: a call ends when the timeout is over."""
    async with visited(redis_server) as app:
        redis_server.pause()
        try:
            outcome = await app.connect().outcome("visit")
        finally:
            redis_server.resume()

        assert outcome.error is not None
        assert outcome.error.type is ErrorType.SERVICE_UNAVAILABLE
        assert await app.call("visit") > 0


@pytest.mark.parametrize(
    "setting", [("maxmemory", "1"), ("min-replicas-to-write", "3")], ids=["full", "few replicas"]
)
async def test_a_server_that_takes_no_writes_for_now(
    redis_server: ThrowAwayRedis, setting: tuple[str, str]
) -> None:
    """A full server is told as one that is away; whatever else it refuses is a failure of ours."""
    async with visited(redis_server) as app:
        await app.get(RedisClients).client.config_set(*setting)

        outcome = await app.connect().outcome("visit")

        assert outcome.error is not None
        full = setting[0] == "maxmemory"
        assert (outcome.error.type is ErrorType.SERVICE_UNAVAILABLE) is full


async def test_health_follows_the_server(redis_server: ThrowAwayRedis) -> None:
    """`/readyz` and `status` tell that it is away, and that it is back."""
    async with visited(redis_server) as app:
        [healthy] = await app.get(Health).check()
        redis_server.kill()
        [away] = await app.get(Health).check()
        redis_server.start()
        [back] = await app.get(Health).check()

        assert healthy.name == "redis"
        assert (healthy.healthy, away.healthy, back.healthy) == (True, False, True)
        assert away.problem is not None
        assert "ConnectionError" in away.problem


async def test_subscribers_hear_again_after_a_restart(redis_server: ThrowAwayRedis) -> None:
    """They connect and subscribe by themselves."""
    async with visited(redis_server, ACTIONHERO_REDIS__RETRIES="1000") as app:
        clients = app.get(RedisClients)
        subscriber = clients.pubsub(ignore_subscribe_messages=True)
        try:
            await subscriber.subscribe(clients.key("news"))
            await subscriber.get_message(timeout=5)
            heard = asyncio.ensure_future(anext(aiter(subscriber.listen())))
            redis_server.kill()
            redis_server.start()

            async with asyncio.timeout(30):
                # The server tells nobody that somebody listens.
                while not await clients.client.publish(  # noqa: ASYNC110
                    clients.key("news"), "hello"
                ):
                    await asyncio.sleep(0)
                assert (await heard)["data"] == "hello"
        finally:
            await subscriber.aclose()


async def test_away_at_the_start_refuses_to_start(redis_server: ThrowAwayRedis) -> None:
    """The message says where it was looked for, without the password, and what to do."""
    redis_server.kill()
    url = redis_server.url.replace("redis://", "redis://ada:hunter2@")

    with pytest.raises(UnavailableError) as raised:
        async with visited(redis_server, REDIS_URL=url):
            pass

    assert raised.value.exit_code == 69
    told = str(raised.value)
    assert told.startswith(f"redis at redis://ada:******@127.0.0.1:{redis_server.port}/0 cannot be")
    assert "Connect call failed" in told
    assert told.endswith(
        "start it, set REDIS_URL to one that runs, or start without it: "
        "ACTIONHERO_REDIS__REQUIRED=false"
    )
    assert "hunter2" not in told


async def test_a_wrong_password_refuses_to_start() -> None:
    """The server's own words are in the message."""
    with throw_away_redis(options=["--requirepass", "right"]) as server:
        url = server.url.replace("redis://", "redis://:wrong@")

        with pytest.raises(UnavailableError, match=r"cannot be used: (?i:invalid|wrongpass)"):
            async with visited(server, REDIS_URL=url):
                pass

        async with visited(server, REDIS_URL=url.replace("wrong", "right")) as app:
            assert await app.call("visit") == 1


async def test_a_server_that_is_not_required_may_come_later(
    redis_server: ThrowAwayRedis, caplog: pytest.LogCaptureFixture
) -> None:
    """We start without it, say so, and use it when it is there."""
    redis_server.kill()

    async with visited(redis_server, ACTIONHERO_REDIS__REQUIRED="false") as app:
        assert re.search(
            r"redis at .* cannot be used: .*; calls that need it are answered 503 until",
            caplog.text,
        )
        outcome = await app.connect().outcome("visit")
        assert outcome.error is not None
        assert outcome.error.type is ErrorType.SERVICE_UNAVAILABLE

        redis_server.start()

        assert await app.call("visit") == 1


async def test_a_unix_socket_is_as_good_as_a_port() -> None:
    """`unix://` works, and gets over a restart, too."""
    with throw_away_redis(on_socket=True) as server:
        async with visited(server) as app:
            assert await app.call("visit") == 1
            server.stop()
            server.start()
            assert await app.call("visit") == 2


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """Give a folder with the smallest application that serves, and that uses Redis."""
    (tmp_path / "counter.py").write_text(
        textwrap.dedent(
            """
            from __future__ import annotations

            from actionhero import Action, Call, Server
            from actionhero_redis import RedisClients

            class Door(Server):
                name = "door"
                async def start(self, app): ...
                async def close(self): ...

            class Visit(Action):
                "Count a visit."
                name = "visit"
                async def run(self, call: Call) -> int:
                    redis = call.get(RedisClients)
                    return await redis.client.incr(redis.key("visits"))

            class Plain(Action):
                "Need nothing."
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
    """Run the command in the folder of an application, with no other plugin than ours."""
    return subprocess.run(
        [sys.executable, "-m", "actionhero", "--app", "counter", *arguments],
        cwd=application,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(application),
            "PYTHONPATH": str(application),
            "ACTIONHERO_PLUGINS__ENABLED": "redis",
            **QUICK,
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_process_that_may_not_start_exits_with_69(
    application: Path, redis_server: ThrowAwayRedis
) -> None:
    """What supervises us learns that a service is away, and no line of a traceback is shown."""
    redis_server.kill()

    process = actionhero(application, "start", REDIS_URL=redis_server.url)

    assert process.returncode == 69
    assert f"redis at {redis_server.url} cannot be used" in process.stderr
    assert "Traceback" not in process.stderr


def test_production_without_a_url_exits_with_78(application: Path) -> None:
    """A setting is missing, and it is named."""
    process = actionhero(application, "start", ACTIONHERO_ENV="production")

    assert process.returncode == 78
    assert "REDIS_URL" in process.stderr


def test_a_command_that_needs_redis_answers_69_where_there_is_only_memory(
    application: Path,
) -> None:
    """The memory of the process that serves is out of its reach; the setting that helps is told."""
    memory = {"ACTIONHERO_REDIS__MODE": "memory"}

    needs_it = actionhero(application, "call", "visit", **memory)
    needs_none = actionhero(application, "call", "plain", **memory)

    assert needs_it.returncode == 69
    assert "set REDIS_URL, or install redis-server or valkey-server" in needs_it.stderr
    assert (needs_none.returncode, needs_none.stdout.strip()) == (0, '"fine"')


def test_a_command_answers_69_where_redis_is_away(
    application: Path, redis_server: ThrowAwayRedis
) -> None:
    """One that does not need it answers as ever."""
    redis_server.kill()

    needs_it = actionhero(application, "call", "visit", REDIS_URL=redis_server.url)
    needs_none = actionhero(application, "call", "plain", REDIS_URL=redis_server.url)

    assert needs_it.returncode == 69
    assert needs_none.returncode == 0


def test_commands_share_the_private_server(application: Path) -> None:
    """What one call wrote, the next one finds, with nothing set and no server running."""
    first = actionhero(application, "call", "visit")
    second = actionhero(application, "call", "visit")

    assert (first.stdout.strip(), second.stdout.strip()) == ("1", "2"), first.stderr
