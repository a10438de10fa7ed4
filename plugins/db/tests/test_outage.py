"""An unavailable database at the start and under load, and values that cannot be stored."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import shutil
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tortoise.exceptions import DBConnectionError, OperationalError

from actionhero import Action, Call, Inputs, InvalidInput, RunMode, UnavailableError
from actionhero.errors import ErrorType
from actionhero.health import Health
from actionhero.testing import running_app
from actionhero_db import Database, Transaction, plugin
from actionhero_db.backends.sqlite import SqliteClient
from actionhero_db.error_translation import UnstorableValue
from actionhero_db.testing import throw_away_postgres

if TYPE_CHECKING:
    from pathlib import Path


class People:
    """The type under which actions find the plugin of the fixture."""

    Person: Any


class Gate(asyncio.Event):
    """Set when actions that hold a connection may end."""


class AddInputs(Inputs):
    email: str
    age: int = 0


class Add(Action):
    """Add a person."""

    name = "add"
    middleware = [Transaction()]

    async def run(self, inputs: AddInputs, call: Call) -> int:
        person = await call.get(People).Person.create(email=inputs.email, age=inputs.age)
        return int(person.id)


class Count(Action):
    """Count people."""

    name = "count"

    async def run(self, call: Call) -> int:
        return int(await call.get(People).Person.all().count())


class Hold(Action):
    """Hold a connection until the gate is set."""

    name = "hold"
    middleware = [Transaction()]

    async def run(self, call: Call) -> None:
        await call.get(Gate).wait()


INVALID_SQL = "SELECT * FROM nowhere WHERE email = '{}'"


class Break(Action):
    """Run invalid SQL."""

    name = "break"

    async def run(self, inputs: AddInputs, call: Call) -> None:
        connection = await call.get(Database).connection()
        await connection.execute_query(INVALID_SQL.format(inputs.email))


ACTIONS = (Add, Count, Hold, Break)


async def test_calls_recover_from_a_restart_of_the_server(people: Any) -> None:
    """While PostgreSQL is stopped every error is 503; then calls succeed again."""
    with throw_away_postgres() as server:
        environ = {"DATABASE_URL": server.new_database(), "ACTIONHERO_DB__POOL_TIMEOUT": "2s"}
        async with (
            running_app(plugin, people, *ACTIONS, environ=environ) as app,
            asyncio.timeout(60),
        ):
            app.app.provide(People, people)
            results: collections.Counter[str] = collections.Counter()
            changed = asyncio.Condition()
            ending = False

            async def load(number: int) -> None:
                count = 0
                while not ending:
                    count += 1
                    caller = app.connect()
                    outcome = await caller.outcome("add", email=f"{number}-{count}@example.org")
                    async with changed:
                        results["ok" if outcome.error is None else outcome.error.type] += 1
                        changed.notify_all()

            async def wait_for(result: str, more: int) -> None:
                async with changed:
                    target = results[result] + more
                    await changed.wait_for(lambda: results[result] >= target)

            loads = [asyncio.create_task(load(number)) for number in range(20)]
            await wait_for("ok", 50)
            await asyncio.to_thread(server.stop)
            await wait_for(ErrorType.SERVICE_UNAVAILABLE, 20)
            healthy_while_stopped = [check.healthy for check in await app.get(Health).check()]
            await asyncio.to_thread(server.start)
            await wait_for("ok", 50)
            ending = True
            await asyncio.gather(*loads)

            assert set(results) == {"ok", ErrorType.SERVICE_UNAVAILABLE}
            assert healthy_while_stopped == [False]
            assert all(check.healthy for check in await app.get(Health).check())


async def test_the_wait_for_a_connection_has_a_limit(people: Any, each_url: str) -> None:
    """While all connections are held, other calls wait, then fail with 503 and Retry-After."""
    environ = {
        "DATABASE_URL": each_url,
        "ACTIONHERO_DB__POOL_MAX": "2",
        "ACTIONHERO_DB__POOL_TIMEOUT": "200ms",
    }
    async with running_app(plugin, people, *ACTIONS, environ=environ) as app, asyncio.timeout(20):
        app.app.provide(People, people)
        app.app.provide(Gate, Gate())
        number = 1 if each_url.startswith("sqlite") else 2
        holding = [asyncio.create_task(app.call("hold")) for _ in range(number)]

        while (outcome := await app.connect().outcome("count")).ok:
            pass
        app.get(Gate).set()
        await asyncio.gather(*holding)

        assert outcome.error is not None
        assert outcome.error.type is ErrorType.SERVICE_UNAVAILABLE
        assert outcome.error.message == "A service that this action needs is not available"
        assert outcome.error.retry_after_seconds == 1
        assert await app.call("count") == 0


async def test_calls_wait_for_a_free_connection(people: Any, each_url: str) -> None:
    """More calls than connections are not an error."""
    environ = {"DATABASE_URL": each_url, "ACTIONHERO_DB__POOL_MAX": "1"}
    async with running_app(plugin, people, *ACTIONS, environ=environ) as app:
        app.app.provide(People, people)

        ids = await asyncio.gather(
            *(app.call("add", email=f"{number}@example.org") for number in range(30))
        )

        assert len(set(ids)) == 30


async def test_the_wait_for_a_locked_sqlite_file_has_a_limit(people: Any, tmp_path: Path) -> None:
    """While another process writes to the file, calls fail with 503 after the wait."""
    file = tmp_path / "test.sqlite3"
    environ = {"DATABASE_URL": f"sqlite://{file}", "ACTIONHERO_DB__POOL_TIMEOUT": "100ms"}
    async with running_app(plugin, people, *ACTIONS, environ=environ) as app:
        app.app.provide(People, people)
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        outcome = await app.connect().outcome("add", email="ada@example.org")
        other.execute("ROLLBACK")
        other.close()

        assert outcome.error is not None
        assert outcome.error.type is ErrorType.SERVICE_UNAVAILABLE
        assert await app.call("add", email="ada@example.org") == 1


async def test_errors_are_told_apart_by_their_code_and_not_by_their_text(
    people: Any, tmp_path: Path
) -> None:
    """A name in a faulty statement is no sign of an unavailable file."""
    environ = {"DATABASE_URL": f"sqlite://{tmp_path / 'test.sqlite3'}"}
    async with running_app(plugin, people, environ=environ) as app:
        database = app.get(Database)
        client = await database.connection()
        for statement in ("SELECT locked FROM person", "SELECT * FROM busy"):
            with pytest.raises(OperationalError, match=r"no such (column|table): (locked|busy)"):
                await client.execute_query(statement)
            with pytest.raises(OperationalError, match=r"no such (column|table): (locked|busy)"):
                async with database.transaction():
                    await (await database.connection()).execute_query(statement)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"email": "a\x00b"}, "Input contains a NUL character"),
        ({"email": "a\ud800b"}, "Input contains a lone surrogate"),
        ({"email": "a@b", "age": 2**63 - 1}, "An input cannot be stored: a "),
    ],
    ids=["NUL", "an unpaired surrogate", "a large number"],
)
async def test_unstorable_values_are_input_errors(
    people: Any, postgres_url: str, inputs: dict[str, Any], message: str
) -> None:
    """The response is not 500, and does not contain the value."""
    environ = {"DATABASE_URL": postgres_url}
    async with running_app(plugin, people, *ACTIONS, environ=environ) as app:
        app.app.provide(People, people)

        outcome = await app.connect().outcome("add", **inputs)

        assert isinstance(outcome.error, InvalidInput)
        assert outcome.error.message.startswith(message)
        assert await app.call("count") == 0


@pytest.mark.parametrize(
    "inputs",
    [
        {"email": "a\x00b"},
        {"email": "a\ud800b"},
        {"email": "a@b", "age": 2**31},
        {"email": "a@b", "age": -(2**31) - 1},
        {"email": "a" * 2000},
    ],
    ids=["NUL", "an unpaired surrogate", "too large", "too small", "too long"],
)
async def test_sqlite_refuses_the_same_values_as_postgresql(
    people: Any, inputs: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the response nor the log contains the value."""
    async with running_app(plugin, people, *ACTIONS) as app:
        app.app.provide(People, people)

        outcome = await app.connect().outcome("add", **inputs)

        assert isinstance(outcome.error, InvalidInput)
        assert outcome.error.message.startswith(
            ("Input contains a ", "An input cannot be stored: a ")
        )
        assert await app.call("count") == 0
    failures = [line.getMessage() for line in caplog.records if "failed" in line.getMessage()]
    # What core refuses does not reach the database.
    assert failures or outcome.error.problems
    assert not any("aaa" in line or str(2**31) in line for line in failures)


@pytest.mark.parametrize("number", [2**31 - 1, -(2**31)])
async def test_the_largest_and_the_smallest_number_of_a_column_are_stored(
    people: Any, number: int
) -> None:
    """The limit is exactly that of the column."""
    async with running_app(plugin, people, *ACTIONS) as app:
        app.app.provide(People, people)

        await app.call("add", email="a@b", age=number)

        assert (await people.Person.get()).age == number


async def test_bulk_inserts_are_checked(people: Any) -> None:
    """An unstorable text in any row is refused."""
    async with running_app(plugin, people):
        with pytest.raises(UnstorableValue, match=r"a text contains the character U\+0000"):
            await people.Person.bulk_create([people.Person(email="a"), people.Person(email="\0")])

        assert await people.Person.all().count() == 0


async def test_neither_sql_nor_values_are_in_responses_or_the_log(
    people: Any, each_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected database error is `Internal error`, and the log quotes no row."""
    environ = {"DATABASE_URL": each_url, "ACTIONHERO_ERRORS__SHOW_TRACEBACKS": "false"}
    with caplog.at_level(logging.INFO):
        async with running_app(plugin, people, *ACTIONS, environ=environ) as app:
            app.app.provide(People, people)
            await app.call("add", email="ada@example.org")
            taken = await app.connect().outcome("add", email="ada@example.org")
            broken = await app.connect().outcome("break", email="x")

    for outcome in (taken, broken):
        assert outcome.error is not None
        assert outcome.error.message == "Internal error"
        assert outcome.stack is None
    assert "SELECT" not in caplog.text
    assert "INSERT" not in caplog.text
    assert "ada@example.org" not in caplog.text


async def test_a_start_without_the_server_is_refused(people: Any, postgres_server: Any) -> None:
    """The message contains the URL without its password, and the exit code is 69."""
    url = "postgres://ada:s3cret@127.0.0.1:1/nothing"

    with pytest.raises(UnavailableError) as raised:
        async with running_app(plugin, people, environ={"DATABASE_URL": url}):
            pass

    assert str(raised.value).startswith(
        "the database at postgres://ada:******@127.0.0.1:1/nothing cannot be used: "
    )
    assert str(raised.value).endswith("; start it, or set DATABASE_URL to one that is running")
    assert "s3cret" not in str(raised.value)
    assert raised.value.exit_code == 69


async def test_a_missing_database_is_named(people: Any, postgres_server: Any) -> None:
    """It is not created: that is up to the operator."""
    url = f"{postgres_server.url}/missing"

    with pytest.raises(UnavailableError, match="missing") as raised:
        async with running_app(plugin, people, environ={"DATABASE_URL": url}):
            pass

    reason = 'caused by InvalidCatalogNameError: database "missing" does not exist'
    assert raised.value.causes() == [reason]


async def test_a_file_in_a_missing_folder_is_refused(people: Any, tmp_path: Path) -> None:
    """The folder is not created."""
    url = f"sqlite://{tmp_path / 'no' / 'folder.sqlite3'}"

    with pytest.raises(UnavailableError, match="cannot be opened: unable to open database file"):
        async with running_app(plugin, people, environ={"DATABASE_URL": url}, mode=RunMode.CLI):
            pass


async def test_a_health_check_does_not_wait_for_a_transaction(people: Any, tmp_path: Path) -> None:
    """A SQLite file is ready during a long write."""
    environ = {"DATABASE_URL": f"sqlite://{tmp_path / 'test.sqlite3'}"}
    async with running_app(plugin, people, *ACTIONS, environ=environ) as app:
        app.app.provide(Gate, Gate())
        holding = asyncio.create_task(app.call("hold"))
        await asyncio.sleep(0)

        checks = await app.get(Health).check()
        app.get(Gate).set()
        await holding

        assert [(check.name, check.healthy) for check in checks] == [("database", True)]


async def test_a_start_with_an_unusable_file_names_its_folder_and_disk(
    people: Any, tmp_path: Path
) -> None:
    """There is no server that could be started."""
    url = f"sqlite://{tmp_path / 'missing' / 'file.sqlite3'}"

    with pytest.raises(UnavailableError) as raised:
        async with running_app(plugin, people, environ={"DATABASE_URL": url}):
            pass

    assert "check that its folder exists and can be written" in str(raised.value)
    assert "start it" not in str(raised.value)


async def test_a_file_on_a_full_disk_is_not_ready(
    people: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although it can be read."""
    url = f"sqlite://{tmp_path / 'file.sqlite3'}"
    async with running_app(plugin, people, environ={"DATABASE_URL": url}) as app:
        await app.get(Database).ping()
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=4096))

        with pytest.raises(OSError, match="the disk is full"):
            await app.get(Database).ping()


async def test_opening_a_new_file_waits_for_the_writes_of_another_process(tmp_path: Path) -> None:
    """Two processes that start with a new file switch it to write-ahead logging at once."""
    path = str(tmp_path / "file.sqlite3")
    client = SqliteClient(path, wait_seconds=30, connection_name="default", journal_mode="WAL")
    opening = asyncio.create_task(client.create_connection(with_db=True))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().call_later(0.2, other.execute, "COMMIT")
        await opening
    async with client.acquire_connection() as connection:
        rows = await connection.execute_fetchall("PRAGMA journal_mode")
    await client.close()
    assert [tuple(row) for row in rows] == [("wal",)]


async def test_opening_a_file_fails_when_another_process_writes_for_too_long(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "file.sqlite3")
    client = SqliteClient(path, wait_seconds=0.1, connection_name="default", journal_mode="WAL")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DBConnectionError, match="cannot be opened: database is locked"):
            await client.create_connection(with_db=True)


def test_a_failed_open_leaves_no_thread_that_uses_the_event_loop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the thread is slower than the end of the event loop."""
    failures: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    threads = set(threading.enumerate())

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "close_and_stop" in record.getMessage():
                time.sleep(0.1)

    handler = Slow()
    driver = logging.getLogger("aiosqlite")
    driver.addHandler(handler)

    async def open_file() -> None:
        client = SqliteClient(
            str(tmp_path / "missing" / "file.sqlite3"), wait_seconds=1, connection_name="default"
        )
        await client.create_connection(with_db=True)

    try:
        with caplog.at_level(logging.DEBUG, "aiosqlite"), pytest.raises(DBConnectionError):
            asyncio.run(open_file())
        for thread in set(threading.enumerate()) - threads:
            thread.join(10)
    finally:
        driver.removeHandler(handler)

    assert failures == []
