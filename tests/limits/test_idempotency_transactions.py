"""Idempotent calls in a transaction: their outcome is committed with their rows."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

import actionhero_db.plugin
import actionhero_limits.plugin
import actionhero_redis.plugin
from actionhero import (
    Action,
    Call,
    Conflict,
    Encoded,
    Inputs,
    InvalidInput,
    Middleware,
    NotFound,
    Outcome,
    ServiceUnavailable,
    hookimpl,
)
from actionhero.testing import running_app
from actionhero_db import Database, Models, Transaction
from actionhero_db.outbox.outbox import DatabaseOutbox
from actionhero_db.outbox.sweeper import OutboxSweeper
from actionhero_limits import Idempotent
from actionhero_limits.idempotency.idempotency import Idempotency
from actionhero_redis import RedisClients
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis

MODELS = """
from tortoise import fields
from tortoise.models import Model


class Purchase(Model):
    id = fields.IntField(primary_key=True)
    item = fields.CharField(max_length=50)
"""


class Shop:
    """A plugin with the model `Purchase`, and a function that each purchase runs."""

    def __init__(self) -> None:
        self.in_run: Callable[[Call], Awaitable[object]] | None = None

    @property
    def model(self) -> Any:
        return __import__("shop_with_keys").Purchase

    @hookimpl
    def actionhero_db_models(self) -> list[Models]:
        return [Models("shop", ["shop_with_keys"])]


class BuyInputs(Inputs):
    item: str = "tea"


class Mark(Middleware):
    """Changes the value after the commit."""

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        if outcome.error is not None:
            return None
        value = outcome.value
        if isinstance(value, Encoded):
            value = json.loads(value.body)
        return Outcome({**value, "marked": True})


class Buy(Action):
    """Buy an item."""

    name = "buy"
    middleware = [Idempotent(), Transaction()]

    async def run(self, inputs: BuyInputs, call: Call) -> dict[str, Any]:
        shop = call.get(Shop)
        purchase = await shop.model.create(item=inputs.item)
        if shop.in_run is not None:
            await shop.in_run(call)
        return {"id": purchase.id}


class BuyMarked(Buy):
    """The same, with middleware outside of the transaction."""

    name = "buy:marked"
    middleware = [Idempotent(), Mark(), Transaction()]


class Purchases(Action):
    """List all purchases."""

    name = "purchases"

    async def run(self, call: Call) -> list[str]:
        return [purchase.item for purchase in await call.get(Shop).model.all()]


@pytest.fixture
async def app(
    redis_server: ThrowAwayRedis,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[RunningApp]:
    """An application on SQLite and a real Redis."""
    (tmp_path / "shop_with_keys.py").write_text(MODELS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    shop = Shop()
    plugins = (actionhero_db.plugin, actionhero_redis.plugin, actionhero_limits.plugin, shop)
    environ = {"REDIS_URL": redis_server.url, "ACTIONHERO_REDIS__TIMEOUT": "1s"}
    async with running_app(
        *plugins, Buy, BuyMarked, Purchases, folder=tmp_path, environ=environ
    ) as app:
        app.app.provide(Shop, shop)
        yield app


async def buy(app: RunningApp, action: str = "buy", **inputs: Any) -> Outcome:
    """Buy an item with the same key each time."""
    return await app.connect(idempotency_key="k").outcome(action, **inputs)


def body_of(outcome: Outcome) -> Any:
    """Return the value of an outcome."""
    assert outcome.error is None, outcome.error
    assert outcome.body is not None
    return json.loads(outcome.body)


async def keys_of(app: RunningApp) -> list[str]:
    """Return the idempotency keys in Redis."""
    keys: Any = await app.get(RedisClients).client.keys("*idempotency*")
    return list(map(str, keys))


async def outbox_of(app: RunningApp) -> int:
    """Return the number of messages in the outbox."""
    client = await app.get(Database).connection()
    _, rows = await client.execute_query("SELECT id FROM actionhero_outbox")
    return len(list(rows))


@contextlib.asynccontextmanager
async def dying_after_the_commit(app: RunningApp) -> AsyncIterator[None]:
    """Do nothing after the commit of a call, and let its claim lapse."""
    idempotency = app.get(Idempotency)

    async def nothing(*arguments: Any, **options: Any) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOutbox, "deliver", nothing)
        patch.setattr(app.get(Database).after_commit_runner, "deliver", nothing)
        patch.setattr(idempotency, "settle", nothing)
        yield
    await app.get(RedisClients).client.delete(*await keys_of(app))


async def test_a_call_runs_once(app: RunningApp) -> None:
    """And leaves nothing in the outbox."""
    first, second = await buy(app), await buy(app)

    assert first.body == second.body == b'{"id":1}'
    assert await app.call("purchases") == ["tea"]
    outbox = app.get(Database).outbox
    assert isinstance(outbox, DatabaseOutbox)
    await outbox.flush()
    assert await outbox_of(app) == 0


async def test_fifty_calls_at_once_have_one_row(app: RunningApp) -> None:
    """The first of them; the others get a conflict, or its value."""
    outcomes = await asyncio.gather(*(buy(app) for _ in range(50)))

    assert {type(outcome.error) for outcome in outcomes if not outcome.ok} <= {Conflict}
    assert {outcome.body for outcome in outcomes if outcome.ok} == {b'{"id":1}'}
    assert await app.call("purchases") == ["tea"]


async def test_a_process_that_dies_after_the_commit(app: RunningApp) -> None:
    """The next call finds the outcome in the outbox, and the one after that in Redis."""
    async with dying_after_the_commit(app):
        await buy(app)
    assert await outbox_of(app) == 1

    other = await buy(app, item="milk")
    found = await buy(app)
    app.get(Shop).in_run = pytest.fail  # type: ignore[assignment]
    repeated = await buy(app)

    assert isinstance(other.error, InvalidInput)
    assert found.body == repeated.body == b'{"id":1}'
    assert await app.call("purchases") == ["tea"]


async def test_another_process_stores_the_outcome(app: RunningApp) -> None:
    """It has the outbox, too."""
    async with dying_after_the_commit(app):
        await buy(app)
    database = app.get(Database)
    assert isinstance(database.outbox, DatabaseOutbox)

    assert await OutboxSweeper(database, database.outbox).sweep(min_age_ms=0) == 1

    assert await outbox_of(app) == 0
    assert len(await keys_of(app)) == 1
    assert body_of(await buy(app)) == {"id": 1}
    assert await app.call("purchases") == ["tea"]


async def test_a_claim_that_another_call_has_taken_rolls_back(app: RunningApp) -> None:
    """As after a pause of the process that was longer than the lease."""

    async def lose(call: Call) -> None:
        redis = call.get(RedisClients)
        [key] = await keys_of(app)
        await redis.client.hset(key, "token", "another")

    app.get(Shop).in_run = lose
    outcome = await buy(app)

    assert isinstance(outcome.error, Conflict)
    assert outcome.error.retry_after_seconds == 1
    assert await app.call("purchases") == []
    # It does not take the claim of the other call.
    assert len(await keys_of(app)) == 1


async def test_a_cancellation_after_the_commit(app: RunningApp) -> None:
    """The call does not run again."""
    waiting, finish = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        waiting.set()
        await finish.wait()

    app.get(Shop).in_run = lambda call: call.get(Database).after_commit(wait)
    task = asyncio.create_task(buy(app))
    await waiting.wait()
    task.cancel()
    finish.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    app.get(Shop).in_run = None

    assert body_of(await buy(app)) == {"id": 1}
    assert await app.call("purchases") == ["tea"]


async def test_an_error_is_stored_and_rolled_back(app: RunningApp) -> None:
    """Its repetition gets the same error."""

    async def fail(call: Call) -> None:
        raise NotFound("no tea")

    app.get(Shop).in_run = fail
    first = await buy(app)
    app.get(Shop).in_run = None
    second = await buy(app)

    assert isinstance(first.error, NotFound)
    assert isinstance(second.error, NotFound)
    assert await app.call("purchases") == []
    assert await outbox_of(app) == 0


async def test_middleware_outside_of_the_transaction_changes_the_outcome(app: RunningApp) -> None:
    """The changed one is stored."""
    first, second = await buy(app, "buy:marked"), await buy(app, "buy:marked")

    assert first.body == second.body == b'{"id":1,"marked":true}'
    assert await app.call("purchases") == ["tea"]


async def test_the_outbox_does_not_replace_a_changed_outcome(app: RunningApp) -> None:
    """It is delivered later than the outcome is stored."""
    database = app.get(Database)

    async def nothing(*arguments: Any, **options: Any) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database.after_commit_runner, "deliver", nothing)
        first = await buy(app, "buy:marked")
    assert isinstance(database.outbox, DatabaseOutbox)
    assert await OutboxSweeper(database, database.outbox).sweep(min_age_ms=0) == 1

    second = await buy(app, "buy:marked")

    assert first.body == second.body == b'{"id":1,"marked":true}'


async def test_repetitions_after_a_crash_have_the_same_changed_outcome(app: RunningApp) -> None:
    """The first finds that of the transaction, and changes it; the others find the changed one."""
    async with dying_after_the_commit(app):
        await buy(app, "buy:marked")

    first, second = await buy(app, "buy:marked"), await buy(app, "buy:marked")

    assert first.body == second.body == b'{"id":1,"marked":true}'
    assert await app.call("purchases") == ["tea"]


async def test_redis_is_away_before_the_commit(
    app: RunningApp,
    redis_server: ThrowAwayRedis,  # noqa: F811
) -> None:
    """Nothing is committed, and the call may be repeated."""

    async def stop(call: Call) -> None:
        redis_server.stop()

    app.get(Shop).in_run = stop
    first = await buy(app)
    rows = await app.call("purchases")
    app.get(Shop).in_run = None
    redis_server.start()
    while isinstance((second := await buy(app)).error, Conflict | ServiceUnavailable):
        # Its claim is in the file of Redis.
        await app.get(RedisClients).client.delete(*await keys_of(app))

    assert isinstance(first.error, ServiceUnavailable)
    assert rows == []
    assert second.ok
    assert await app.call("purchases") == ["tea"]


async def test_redis_is_away_after_the_commit(
    app: RunningApp,
    redis_server: ThrowAwayRedis,  # noqa: F811
) -> None:
    """The call succeeds; its repetitions are refused until its outcome is in Redis."""
    add = DatabaseOutbox.add

    async def add_and_stop(*arguments: Any) -> None:
        await add(*arguments)
        redis_server.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOutbox, "add", add_and_stop)
        first = await buy(app)
    refused = await buy(app)
    redis_server.start()
    database = app.get(Database)
    assert isinstance(database.outbox, DatabaseOutbox)
    sweeper = OutboxSweeper(database, database.outbox)
    while not await sweeper.sweep(min_age_ms=0):
        assert await outbox_of(app) == 1
        await asyncio.sleep(0.05)
    second = await buy(app)

    assert first.body == second.body == b'{"id":1}'
    assert isinstance(refused.error, ServiceUnavailable)
    assert await app.call("purchases") == ["tea"]
