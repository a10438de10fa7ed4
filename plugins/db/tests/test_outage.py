"""The database goes away, at the start or under load: callers are told so, and it comes back."""

from __future__ import annotations

import asyncio
import collections
import logging
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Call, Inputs, RunMode, UnavailableError
from actionhero.errors import ErrorType
from actionhero.health import Health
from actionhero.testing import running_app
from actionhero_db import Database, Transaction, plugin
from actionhero_db.failures import Unstorable
from actionhero_db.testing import throw_away_postgres

if TYPE_CHECKING:
    from pathlib import Path


class People:
    """Stands for the plugin of the fixture, so that actions reach its model by type."""

    Person: Any


class Gate(asyncio.Event):
    """Opened when actions that hold their connection may end."""


class AddInputs(Inputs):
    email: str
    age: int = 0


class Add(Action):
    """Add somebody."""

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
    """Hold a connection until the gate opens."""

    name = "hold"
    middleware = [Transaction()]

    async def run(self, call: Call) -> None:
        await call.get(Gate).wait()


WRONG = "SELECT * FROM nowhere WHERE email = '{}'"


class Break(Action):
    """Run SQL that is wrong."""

    name = "break"

    async def run(self, inputs: AddInputs, call: Call) -> None:
        connection = await call.get(Database).connection()
        await connection.execute_query(WRONG.format(inputs.email))


ACTIONS = (Add, Count, Hold, Break)


async def test_a_restart_under_load_is_told_and_got_over(people: Any) -> None:
    """While PostgreSQL is away every error is 503; then calls succeed without a restart of ours."""
    with throw_away_postgres() as server:
        environ = {"DATABASE_URL": server.new_database(), "ACTIONHERO_DB__POOL_TIMEOUT": "2s"}
        async with (
            running_app(plugin, people, *ACTIONS, environ=environ) as app,
            asyncio.timeout(60),
        ):
            app.app.provide(People, people)
            seen: collections.Counter[str] = collections.Counter()
            changed = asyncio.Condition()
            ending = False

            async def load(number: int) -> None:
                count = 0
                while not ending:
                    count += 1
                    caller = app.connect()
                    outcome = await caller.outcome("add", email=f"{number}-{count}@example.org")
                    async with changed:
                        seen["ok" if outcome.error is None else outcome.error.type] += 1
                        changed.notify_all()

            async def until(kind: str, more: int) -> None:
                async with changed:
                    wanted = seen[kind] + more
                    await changed.wait_for(lambda: seen[kind] >= wanted)

            loads = [asyncio.create_task(load(number)) for number in range(20)]
            await until("ok", 50)
            await asyncio.to_thread(server.stop)
            await until(ErrorType.SERVICE_UNAVAILABLE, 20)
            healthy_while_away = [check.healthy for check in await app.get(Health).check()]
            await asyncio.to_thread(server.start)
            await until("ok", 50)
            ending = True
            await asyncio.gather(*loads)

            assert set(seen) == {"ok", ErrorType.SERVICE_UNAVAILABLE}
            assert healthy_while_away == [False]
            assert all(check.healthy for check in await app.get(Health).check())


async def test_who_waits_too_long_for_a_connection_is_told(people: Any, each_url: str) -> None:
    """All connections are held: others wait, then get 503 with Retry-After, and never hang."""
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


async def test_a_connection_that_is_free_in_time_is_waited_for(people: Any, each_url: str) -> None:
    """More calls than connections are not an error: they take turns."""
    environ = {"DATABASE_URL": each_url, "ACTIONHERO_DB__POOL_MAX": "1"}
    async with running_app(plugin, people, *ACTIONS, environ=environ) as app:
        app.app.provide(People, people)

        added = await asyncio.gather(
            *(app.call("add", email=f"{number}@example.org") for number in range(30))
        )

        assert len(set(added)) == 30


async def test_another_process_that_writes_to_the_file_is_waited_for_and_then_told(
    people: Any, tmp_path: Path
) -> None:
    """A SQLite file that somebody else has locked is 503 after the wait."""
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


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"email": "a\x00b"}, "a text holds"),
        ({"email": "a\ud800b"}, "a "),
        ({"email": "a@b", "age": 2**63 - 1}, "a "),
    ],
    ids=["NUL", "half of a surrogate pair", "a number that is too large"],
)
async def test_what_cannot_be_stored_is_an_input_error(
    people: Any, postgres_url: str, inputs: dict[str, Any], words: str
) -> None:
    """It is the caller's to mend: not 500, and without the value."""
    environ = {"DATABASE_URL": postgres_url}
    async with running_app(plugin, people, *ACTIONS, environ=environ) as app:
        app.app.provide(People, people)

        outcome = await app.connect().outcome("add", **inputs)

        assert outcome.error is not None
        assert outcome.error.type is ErrorType.PARAM_VALIDATION
        assert outcome.error.message.startswith(f"An input cannot be stored: {words}")
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
    ids=["NUL", "half of a surrogate pair", "too large", "too small", "too long"],
)
async def test_what_postgresql_could_not_store_sqlite_does_not_either(
    people: Any, inputs: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An application behaves the same on both, and tells nobody the value."""
    async with running_app(plugin, people, *ACTIONS) as app:
        app.app.provide(People, people)

        outcome = await app.connect().outcome("add", **inputs)

        assert outcome.error is not None
        assert outcome.error.type is ErrorType.PARAM_VALIDATION
        assert outcome.error.message.startswith("An input cannot be stored: a ")
        assert await app.call("count") == 0
    failed = [line.getMessage() for line in caplog.records if "failed" in line.getMessage()]
    assert failed
    assert not any("aaa" in line or str(2**31) in line for line in failed)


@pytest.mark.parametrize("number", [2**31 - 1, -(2**31)])
async def test_the_largest_and_the_smallest_number_of_a_column_fit(
    people: Any, number: int
) -> None:
    """The limit is that of the column, to the last digit."""
    async with running_app(plugin, people, *ACTIONS) as app:
        app.app.provide(People, people)

        await app.call("add", email="a@b", age=number)

        assert (await people.Person.get()).age == number


async def test_many_rows_at_once_are_looked_at_too(people: Any) -> None:
    """A text that cannot be stored is found in each of them."""
    async with running_app(plugin, people):
        with pytest.raises(Unstorable, match=r"a text holds the character U\+0000"):
            await people.Person.bulk_create([people.Person(email="a"), people.Person(email="\0")])

        assert await people.Person.all().count() == 0


async def test_neither_sql_nor_a_value_is_in_an_answer_or_the_log(
    people: Any, each_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error of the database is `Internal error`, and the log quotes no row."""
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
    """The message names the URL without its password, and the exit code is 69."""
    url = "postgres://somebody:s3cret@127.0.0.1:1/nothing"

    with pytest.raises(UnavailableError) as refused:
        async with running_app(plugin, people, environ={"DATABASE_URL": url}):
            pass

    assert str(refused.value).startswith(
        "the database at postgres://somebody:******@127.0.0.1:1/nothing cannot be used: "
    )
    assert str(refused.value).endswith("; start it, or set DATABASE_URL to one that runs")
    assert "s3cret" not in str(refused.value)
    assert refused.value.exit_code == 69


async def test_a_database_that_is_not_on_the_server_is_named(
    people: Any, postgres_server: Any
) -> None:
    """It is not made: that is the operator's to do."""
    url = f"{postgres_server.url}/not_there"

    with pytest.raises(UnavailableError, match="not_there"):
        async with running_app(plugin, people, environ={"DATABASE_URL": url}):
            pass


async def test_a_file_that_cannot_be_opened_is_named(people: Any, tmp_path: Path) -> None:
    """A folder that is not there is not made."""
    url = f"sqlite://{tmp_path / 'no' / 'folder.sqlite3'}"

    with pytest.raises(UnavailableError, match="cannot be opened: unable to open database file"):
        async with running_app(plugin, people, environ={"DATABASE_URL": url}, mode=RunMode.CLI):
            pass


async def test_a_check_does_not_wait_for_a_long_transaction(people: Any, tmp_path: Path) -> None:
    """Readiness of a SQLite file is not a matter of who is writing to it."""
    environ = {"DATABASE_URL": f"sqlite://{tmp_path / 'test.sqlite3'}"}
    async with running_app(plugin, people, *ACTIONS, environ=environ) as app:
        app.app.provide(Gate, Gate())
        holding = asyncio.create_task(app.call("hold"))
        await asyncio.sleep(0)

        checks = await app.get(Health).check()
        app.get(Gate).set()
        await holding

        assert [(check.name, check.healthy) for check in checks] == [("database", True)]
