"""Callbacks before a commit write in the transaction, and can be registered by synchronous code."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Call, Conflict
from actionhero.testing import running_app
from actionhero_db import Database, Transaction, plugin
from actionhero_db.testing import rolled_back

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero.testing import RunningApp


class Writer:
    """A callback that creates a person for each item."""

    def __init__(self, people: Any) -> None:
        self._people = people
        self.calls: list[list[str]] = []
        self.error: Exception | None = None
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def write(self, names: list[str]) -> None:
        self.calls.append(names)
        for name in names:
            await self._people.Person.create(email=f"{name}@example.com")
        self.started.set()
        await self.may_end.wait()
        if self.error is not None:
            raise self.error


class Register(Action):
    """Register an item in a transaction of the middleware."""

    name = "register"
    middleware = [Transaction()]

    async def run(self, call: Call) -> None:
        call.get(Database).before_commit(call.get(Writer).write, "ada")


@pytest.fixture
async def app(people: Any, each_url: str) -> AsyncIterator[RunningApp]:
    environ = {"DATABASE_URL": each_url}
    async with running_app(plugin, people, Register, environ=environ) as running:
        running.app.provide(Writer, Writer(people))
        yield running


@pytest.fixture
def writer(app: RunningApp) -> Writer:
    return app.get(Writer)


async def count(people: Any) -> int:
    number: int = await people.Person.all().count()
    return number


async def test_a_callback_is_called_once_with_all_items(
    app: RunningApp, writer: Writer, people: Any
) -> None:
    """Of savepoints too, and what it writes is committed with the transaction."""
    database = app.get(Database)
    async with database.transaction():
        first = database.before_commit(writer.write, "a")
        async with database.transaction():
            database.before_commit(writer.write, "b")
            inside = database.items_before_commit(writer.write)
        in_thread = await asyncio.to_thread(database.before_commit, writer.write, "c")
        with contextlib.suppress(LookupError):
            async with database.transaction():
                database.before_commit(writer.write, "lost")
                raise LookupError
        before = await count(people), list(writer.calls)
        registered = database.items_before_commit(writer.write)

    assert first is in_thread is True
    assert before == (0, [])
    assert (inside, registered) == (["a", "b"], ["a", "b", "c"])
    assert database.items_before_commit(writer.write) == []
    assert writer.calls == [["a", "b", "c"]]
    assert await count(people) == 3


async def test_items_that_are_rolled_back_are_dropped(
    app: RunningApp, writer: Writer, people: Any
) -> None:
    """With a transaction, and with a savepoint in one that is committed."""
    database = app.get(Database)
    with contextlib.suppress(LookupError):
        async with database.transaction():
            database.before_commit(writer.write, "lost")
            raise LookupError
    async with database.transaction():
        with contextlib.suppress(LookupError):
            async with database.transaction():
                database.before_commit(writer.write, "inner")
                raise LookupError
        database.before_commit(writer.write, "outer")

    assert writer.calls == [["outer"]]
    assert await count(people) == 1


async def test_a_callback_that_fails_rolls_the_transaction_back(
    app: RunningApp, writer: Writer, people: Any
) -> None:
    """Of a block and of an action, whose call fails."""
    database = app.get(Database)
    after: list[str] = []
    writer.error = Conflict("refused")

    async def write() -> None:
        async with database.transaction():
            await people.Person.create(email="data@example.com")
            await database.after_commit(after.append, "after")
            database.before_commit(writer.write, "a")

    with pytest.raises(Conflict, match="refused"):
        await write()
    outcome = await app.connect().outcome("register")

    assert isinstance(outcome.error, Conflict)
    assert after == []
    assert await count(people) == 0
    writer.error = None
    await app.call("register")
    assert await count(people) == 1


async def test_a_cancellation_during_a_callback_rolls_the_transaction_back(
    app: RunningApp, writer: Writer, people: Any
) -> None:
    writer.may_end.clear()

    async def write() -> None:
        async with app.get(Database).transaction():
            app.get(Database).before_commit(writer.write, "a")

    task = asyncio.create_task(write())
    await writer.started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await count(people) == 0


async def test_a_callback_can_register_items(app: RunningApp, writer: Writer, people: Any) -> None:
    database = app.get(Database)

    async def register(items: list[str]) -> None:
        for item in items:
            assert database.before_commit(writer.write, item)

    async with database.transaction():
        database.before_commit(register, "a")

    assert writer.calls == [["a"]]
    assert await count(people) == 1


async def test_without_a_transaction_no_item_is_registered(app: RunningApp, writer: Writer) -> None:
    """Nor after its end, by a task that outlives it."""
    database = app.get(Database)
    ended = asyncio.Event()

    async def outlive() -> bool:
        await ended.wait()
        return database.before_commit(writer.write, "late")

    async with database.transaction():
        task = asyncio.create_task(outlive())
    ended.set()

    assert (await task, database.before_commit(writer.write, "a")) == (False, False)
    assert writer.calls == []


async def test_in_a_test_that_rolls_back_items_are_written_by_inner_transactions(
    app: RunningApp, writer: Writer, people: Any
) -> None:
    async with rolled_back(app):
        await app.call("register")
        inside = await count(people)

    assert (inside, await count(people), writer.calls) == (1, 0, [["ada"]])
