"""Reconnects of the client: lost connections, and servers that are killed and restarted."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from plugins.websocket.tests.peers import CuttableProxy, scripted_server, url

from actionhero.testing import free_port
from actionhero_redis.testing import throw_away_redis
from actionhero_websocket.client import CallFailed, ConnectionLost, StateChange, connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiohttp import web
    from plugins.websocket.tests.conftest import ServerProcess, StartServer

    from actionhero_websocket.client import Client

#: A client without a rate, and with short delays.
FAST: dict[str, Any] = {"messages_per_second": 0, "max_backoff": timedelta(milliseconds=100)}
NO_RATE_LIMIT = "[websocket]\nmessages_per_second = 0\n"


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """Yield the URL of a Redis that servers share, and that outlives them."""
    with throw_away_redis() as redis:
        yield redis.url


async def wait_for_reconnect(client: Client, before: int = 0) -> None:
    """Wait until a lost connection and all its subscriptions are restored."""
    while client.reconnections == before:
        # Waits for the new connection, or fails if the loss was not detected yet.
        with contextlib.suppress(ConnectionLost):
            await client.call("greet", name="Ada")
    await client.call("greet", name="Ada")


async def broadcast_with_retries(client: Client, channel: str, message: str) -> None:
    """Broadcast a message, with retries until it succeeds."""
    while True:
        with contextlib.suppress(CallFailed):
            await client.call("broadcast", channel=channel, message=message)
            return
        await asyncio.sleep(0.05)


async def test_lost_connections_are_restored_without_gaps(
    start_server: StartServer, redis_url: str
) -> None:
    """Cut several times during broadcasts; each message is received once, in order."""
    server = start_server(NO_RATE_LIMIT, {"REDIS_URL": redis_url})
    count = 60
    async with (
        CuttableProxy(server.port) as proxy,
        connect(proxy.url, **FAST) as client,
        connect(url(server), **FAST) as other,
    ):
        async with client.subscribe("log:cut") as messages:
            await other.call("broadcast", channel="log:cut", message=-1)
            received = [(await anext(messages)).message]
            before = client.reconnections
            for number in range(count):
                await other.call("broadcast", channel="log:cut", message=number)
                if number % 20 == 10:
                    proxy.cut()
                elif number % 20 == 15:
                    # Five messages were sent without a connection.
                    await wait_for_reconnect(client, before)
                    before = client.reconnections
            missing = count + 1 - len(received)
            received += [(await anext(messages)).message for _ in range(missing)]

        assert received == list(range(-1, count))
        assert client.reconnections == 3
        assert messages.gaps == 0
        # There are no more messages: they would precede this response.
        assert (await client.call("greet", name="Ada"))["times"] == 1
        assert not messages._buffer._messages


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stop", "kill"])
async def test_clients_reconnect_to_a_restarted_server(
    start_server: StartServer, redis_url: str, tmp_path: Path, number: int
) -> None:
    """Calls in flight, a stream and a subscription, with broadcasts in between."""
    port = str(free_port())
    environ = {"REDIS_URL": redis_url}
    settings = f'[process]\nshutdown_timeout = "0s"\n{NO_RATE_LIMIT}'
    channel = f"log:restart-{number}"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first = start_server(settings, {**environ, "PORT": port}, folder=tmp_path / "one")
    second = start_server(settings, environ, folder=tmp_path / "two")
    events: list[Any] = []
    async with (
        connect(url(first), **FAST) as client,
        connect(url(second), **FAST) as other,
        client.subscribe(channel) as messages,
    ):
        client.listen(events.append)
        await other.call("broadcast", channel=channel, message="before")
        received = [(await anext(messages)).message]
        stream = client.stream("endless")
        await anext(stream)
        doubtful = asyncio.create_task(client.call("wait"))
        repeated = asyncio.create_task(client.run("wait", idempotent=True))
        await asyncio.to_thread(first.wait_for, "waiting for release", times=2)

        await asyncio.to_thread(first.stop, number)
        with pytest.raises((CallFailed, ConnectionLost)) as failed:
            await doubtful
        with pytest.raises((CallFailed, ConnectionLost)) as ended:
            async for _ in stream:
                pass
        await other.call("broadcast", channel=channel, message="during")
        waiting = asyncio.create_task(client.call("greet", name="Ada"))
        again = await asyncio.to_thread(
            start_server, settings, {**environ, "PORT": port}, folder=tmp_path / "one"
        )

        received.append((await anext(messages)).message)
        assert (await waiting)["greeting"] == "Hello, Ada!"
        await asyncio.to_thread(again.wait_for, "waiting for release")
        await client.call("release")
        assert await repeated == {"waited": True}
        await other.call("broadcast", channel=channel, message="after")
        received.append((await anext(messages)).message)

    assert received == ["before", "during", "after"]
    assert messages.gaps == 0
    states = [event for event in events if isinstance(event, StateChange)]
    assert [states[0].state, states[-1].state] == ["waiting", "closed"]
    if number == signal.SIGTERM:
        # The server has cancelled the call, and answers.
        assert "The server is shutting down" in str(failed.value)
        assert (states[0].code, states[0].reason) == (1001, "Server shutting down")
    else:
        assert isinstance(failed.value, ConnectionLost)
        assert failed.value.sent
        assert ended.type is ConnectionLost


async def test_resubscribing_respects_the_rate_limit(original_server: ServerProcess) -> None:
    """The server accepts 20 messages per second, and there are 25 subscriptions."""
    names = [f"many:{number}" for number in range(25)]
    async with contextlib.AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(CuttableProxy(original_server.port))
        client = await stack.enter_async_context(connect(proxy.url))
        await stack.enter_async_context(client.subscribe_many(names[:20]))
        for name in names[20:]:
            await stack.enter_async_context(client.subscribe(name))

        proxy.cut()
        await wait_for_reconnect(client)

        counts = (await client.call("subscribers"))["subscribers"]
        assert {name: counts.get(name) for name in names} == dict.fromkeys(names, 1)
        assert client.reconnections == 1


async def test_subscriptions_survive_a_redis_outage_during_a_reconnect(
    start_server: StartServer,
) -> None:
    """The server refuses them temporarily; afterwards nothing is missing."""
    with throw_away_redis(options=["--appendfsync", "always"]) as redis:
        environ = {"REDIS_URL": redis.url, "ACTIONHERO_REDIS__RETRIES": "0"}
        server = start_server(NO_RATE_LIMIT, environ)
        async with (
            CuttableProxy(server.port) as proxy,
            connect(proxy.url, **FAST) as client,
            connect(url(server), **FAST) as other,
            client.subscribe("log:away") as messages,
        ):
            await other.call("broadcast", channel="log:away", message="before")
            received = [(await anext(messages)).message]

            await asyncio.to_thread(redis.kill)
            proxy.cut()
            while client.reconnections < 2:  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.01)
            await asyncio.to_thread(redis.start)
            await broadcast_with_retries(other, "log:away", "after")
            received.append((await anext(messages)).message)

    assert received == ["before", "after"]
    assert messages.gaps == 0


async def test_reconnects_without_history_are_a_gap(server: ServerProcess) -> None:
    """The next message has `after_gap`."""
    async with (
        CuttableProxy(server.port) as proxy,
        connect(proxy.url) as client,
        connect(url(server)) as other,
        client.subscribe("news") as messages,
    ):
        await other.call("broadcast", channel="news", message="before")
        before = await anext(messages)

        proxy.cut()
        await wait_for_reconnect(client)
        await other.call("broadcast", channel="news", message="after")
        after = await anext(messages)

    assert (before.message, before.after_gap) == ("before", False)
    assert (after.message, after.after_gap) == ("after", True)
    assert messages.gaps == 1


async def test_without_reconnects_calls_and_subscriptions_end(server: ServerProcess) -> None:
    """They raise `ConnectionLost`."""
    async with (
        CuttableProxy(server.port) as proxy,
        connect(proxy.url, reconnect=False) as client,
        client.subscribe("news") as messages,
    ):
        proxy.cut()

        with pytest.raises(ConnectionLost):
            await anext(messages)
        with pytest.raises(ConnectionLost):
            await client.call("greet", name="Ada")


async def test_calls_wait_after_a_failed_write(server: ServerProcess) -> None:
    """The attempts do not keep the event loop from handling the loss."""
    async with connect(url(server), **FAST) as client:
        socket = client._connection._socket
        assert socket is not None
        assert socket._response.connection is not None
        assert socket._response.connection.transport is not None
        socket._response.connection.transport.abort()

        result = await client.run("greet", {"name": "Ada"}, idempotent=True)

    assert result["greeting"] == "Hello, Ada!"
    assert client.reconnections == 1


@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012, 1013])
async def test_close_codes_of_servers_lead_to_a_reconnect(code: int) -> None:
    """Calls have the code in their error; `reconnect` may be a function of it."""

    async def close_first(socket: web.WebSocketResponse, number: int) -> None:
        async for message in socket:
            if number == 0 and code == 1006:
                assert socket._req is not None
                assert socket._req.transport is not None
                socket._req.transport.abort()
            elif number == 0:
                await socket.close(code=code, message=b"a reason")
            else:
                await socket.send_json({"messageId": message.json()["messageId"], "response": 1})

    codes: list[tuple[int | None, str]] = []

    def once(*arguments: Any) -> bool:
        codes.append(arguments)
        return True

    async with scripted_server(close_first) as address, connect(address, reconnect=once) as client:
        with pytest.raises(ConnectionLost) as lost:
            await client.call("status")
        assert await client.call("status") == 1

    assert codes == [(lost.value.code, lost.value.reason)]
    assert codes == ([(1006, "")] if code == 1006 else [(code, "a reason")])


async def test_delays_grow_while_the_server_closes_new_connections() -> None:
    """They have full jitter, and a limit; a connection that is lost at once is no success."""

    async def close(socket: web.WebSocketResponse, number: int) -> None:
        if number < 30:
            await socket.close(code=1013)
        else:
            async for message in socket:
                await socket.send_json({"messageId": message.json()["messageId"], "response": 1})

    delays: list[float] = []

    def note(event: object) -> None:
        if isinstance(event, StateChange) and event.retry_seconds is not None:
            delays.append(event.retry_seconds)

    async with scripted_server(close) as address, connect(
        address, min_backoff=timedelta(milliseconds=1), max_backoff=timedelta(milliseconds=20)
    ) as client:  # fmt: skip
        client.listen(note)
        assert await client.run("status", idempotent=True) == 1

    limits = [min(0.02, 0.001 * 2**number) for number in range(30)]
    assert all(delay <= limit for delay, limit in zip(delays, limits, strict=True))
    assert max(delays[5:]) > 0.005


async def test_clients_that_violated_the_policy_wait_longer() -> None:
    """The first delay is up to the limit of all delays."""

    async def violate(socket: web.WebSocketResponse, _: int) -> None:
        await socket.close(code=1008)

    changes: asyncio.Queue[Any] = asyncio.Queue()
    async with scripted_server(violate) as address, connect(
        address, min_backoff=timedelta(0), max_backoff=timedelta(days=1)
    ) as client:  # fmt: skip
        client.listen(changes.put_nowait)
        change = await changes.get()

    assert change.code == 1008
    assert change.retry_seconds > 0


async def test_a_subscription_that_is_left_and_entered_during_a_reconnect_resumes() -> None:
    """The server has subscribed to it again for the one before, and sends no backlog twice."""
    restoring, left = asyncio.Event(), asyncio.Event()
    received: list[Any] = []

    async def script(socket: web.WebSocketResponse, number: int) -> None:
        async for item in socket:
            message = item.json()
            kind, channel = message["messageType"], message["channel"]
            if number:
                received.append((kind, message.get("since")))
                restoring.set()
                await left.wait()
            facts = {"channel": channel, "gap": False, "id": "2-0"}
            await socket.send_json({"messageId": message["messageId"], f"{kind}d": facts})
            if not number:
                return

    async with (
        scripted_server(script) as address,
        connect(address, min_backoff=timedelta(0)) as client,
    ):
        async with client.subscribe("log"):
            await restoring.wait()
        entering = asyncio.create_task(client.subscribe("log", since="1-0").__aenter__())
        await asyncio.sleep(0)
        left.set()
        await asyncio.wait_for(entering, 10)

    assert received[:3] == [("subscribe", "2-0"), ("unsubscribe", None), ("subscribe", "1-0")]


async def test_a_reconnect_during_an_attempt_is_not_one_for_a_later_loss() -> None:
    """After which the function of the close code decides."""
    sockets: list[int] = []

    async def script(socket: web.WebSocketResponse, number: int) -> None:
        sockets.append(number)
        if number == 1:
            # Until the client is online.
            await socket.receive()
        await socket.close(code=4000 if number else 1001)

    async with (
        scripted_server(script) as address,
        connect(
            address, reconnect=lambda code, _: code != 4000, min_backoff=timedelta(0)
        ) as client,
    ):
        tasks: list[asyncio.Task[None]] = []
        closed = asyncio.Event()

        def listen(event: object) -> None:
            if isinstance(event, StateChange) and event.state == "connecting":
                tasks.append(asyncio.create_task(client.reconnect()))
            if isinstance(event, StateChange) and event.state == "closed":
                closed.set()

        client.listen(listen)
        while not tasks:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)
        await tasks[0]
        with pytest.raises(ConnectionLost):
            await client.call("last")
        await asyncio.wait_for(closed.wait(), 10)

    assert sockets == [0, 1]
