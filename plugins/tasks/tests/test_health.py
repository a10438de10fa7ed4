"""The health check of the queue: it uses no thread while the store can be read at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import actionhero_redis.plugin
import actionhero_tasks.plugin
from actionhero import RunMode
from actionhero.testing import running_app
from actionhero_redis.testing import throw_away_redis
from actionhero_tasks import Tasks, TasksSettings
from actionhero_tasks.job import BrokerUnavailable, StoreUnavailable
from actionhero_tasks.stores.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable


def count_thread_calls(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that grows with each call in the thread of the store."""
    calls: list[object] = []
    run = tasks._client._executor.run

    def counted(function: Callable[[], Any]) -> Any:
        calls.append(function)
        return run(function)

    monkeypatch.setattr(tasks._client._executor, "run", counted)
    return calls


async def test_an_open_sqlite_store_is_checked_without_a_thread(
    tasks_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is read directly."""
    async with tasks_app(store="embedded", run_in_server=False) as app:
        calls = count_thread_calls(app.get(Tasks), monkeypatch)

        status = await app.call("status")

    assert status["checks"]["queue"] is True
    assert calls == []


async def test_a_busy_sqlite_store_is_checked_in_its_thread(
    tasks_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop never waits for a transaction of another thread."""

    async def not_checked(_: SqliteStore) -> bool:
        return False

    async with tasks_app(store="embedded", run_in_server=False) as app:
        calls = count_thread_calls(app.get(Tasks), monkeypatch)
        monkeypatch.setattr(SqliteStore, "ping_nowait", not_checked)

        status = await app.call("status")

    assert status["checks"]["queue"] is True
    assert len(calls) == 1


async def test_a_closed_sqlite_store_is_unhealthy(tasks_app: Any) -> None:
    """Its error is the reason."""
    async with tasks_app(store="embedded", run_in_server=False) as app:
        tasks = app.get(Tasks)
        tasks.store._connection.close()

        with pytest.raises(StoreUnavailable, match=r"jobs\.sqlite3: Cannot operate on a closed"):
            await tasks.check()
        status = await app.call("status")

    assert (status["healthy"], status["checks"]["queue"]) == (False, False)


async def test_a_redis_store_is_checked_on_the_connection_of_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A Redis that has ended is unhealthy."""
    with throw_away_redis() as server:
        plugins = (actionhero_redis.plugin, actionhero_tasks.plugin)
        settings = [TasksSettings(store="redis", run_in_server=False)]
        environ = {"REDIS_URL": server.url}
        async with running_app(
            *plugins, settings=settings, environ=environ, mode=RunMode.SERVER
        ) as app:
            calls = count_thread_calls(app.get(Tasks), monkeypatch)
            healthy = await app.call("status")
            server.kill()
            unhealthy = await app.call("status")

    assert (healthy["checks"]["queue"], unhealthy["checks"]["queue"]) == (True, False)
    assert calls == []


async def test_an_outage_of_the_broker_is_no_reason_to_send_no_requests(tasks_app: Any) -> None:
    """Jobs are stored, and sent later; a start needs the broker."""
    url = "amqp://127.0.0.1:1/"
    async with tasks_app(mode=RunMode.CLI, store="embedded", broker_url=url) as app:
        tasks = app.get(Tasks)
        await tasks.use(lambda store: store.ping())

        status = await app.call("status")
        with pytest.raises(BrokerUnavailable, match=r"RabbitMQ at 127\.0\.0\.1:1: "):
            await tasks.check_broker()

    assert status["checks"]["queue"] is True
