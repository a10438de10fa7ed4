"""MySQL and MariaDB: addresses, limits, errors, transactions, and the lock on migrations."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from typing import TYPE_CHECKING, Any

import pytest
from tortoise.exceptions import DBConnectionError, IntegrityError, OperationalError

from actionhero import UnavailableError
from actionhero.testing import free_port, running_app
from actionhero_db import Database, DbSettings, plugin
from actionhero_db.error_translation import UnstorableValue
from actionhero_db.migrations.lock import migration_lock
from actionhero_db.url import DatabaseUrl, Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

MODELS = """
from __future__ import annotations

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model


class Row(Model):
    id = fields.IntField(primary_key=True)
    text = fields.CharField(max_length=5, unique=True)
    number = fields.SmallIntField(default=0)
    day = fields.DateField(null=True)
    clock = fields.TimeField(null=True)

    class Meta:
        table = "mysql_row"
        constraints = [CheckConstraint(check="number <> 13", name="no_thirteen")]
"""


@pytest.fixture
async def row(models_plugin: Callable[[str], Any], mysql_url: str) -> AsyncIterator[Any]:
    """Return a model with a table, in a started application with two connections."""
    models = models_plugin(MODELS)
    environ = {
        "DATABASE_URL": mysql_url,
        "ACTIONHERO_DB__POOL_MAX": "2",
        "ACTIONHERO_DB__POOL_TIMEOUT": "2s",
    }
    async with running_app(plugin, models, environ=environ) as app:
        models.module.Row.database = app.get(Database)
        yield models.module.Row


@pytest.mark.parametrize("scheme", ["mysql", "mariadb"])
def test_both_names_select_the_driver(scheme: str) -> None:
    """Drivers and servers of both speak the same protocol."""
    url = DatabaseUrl.parse(f"{scheme}://ada:secret@db.example.org/shop?charset=utf8mb4")

    assert url.dialect is Dialect.MYSQL
    assert url.credentials["port"] == 3306
    assert "secret" not in repr(url)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ("('too long', 0, NULL)", "a text is too long"),
        ("('a', 99999, NULL)", "a number is too large"),
        ("('a', 0, '2026-02-30')", "a text is not a date"),
        ("('a', 'many', NULL)", "a text contains a character that cannot be stored, or is not a"),
    ],
)
async def test_values_that_do_not_fit_are_inputs_that_cannot_be_stored(
    row: Any, values: str, fault: str
) -> None:
    """The message does not contain the value."""
    connection = await row.database.connection()

    with pytest.raises(UnstorableValue, match=fault):
        await connection.execute_query(f"INSERT INTO mysql_row (text, number, day) VALUES {values}")


async def test_violated_constraints_are_integrity_errors(row: Any) -> None:
    """Of all kinds; the message about a duplicate does not quote the row."""
    await row.create(text="ada")
    connection = await row.database.connection()

    with pytest.raises(IntegrityError) as duplicate:
        await row.create(text="ada")
    with pytest.raises(IntegrityError):
        await row.create(text="b", number=13)
    with pytest.raises(IntegrityError):
        await connection.execute_query("INSERT INTO mysql_row (number) VALUES (1)")

    assert str(duplicate.value) == "duplicate entry for key 'text'"
    with pytest.raises(OperationalError, match="syntax"):
        await connection.execute_query("SELEC 1")


async def test_the_wait_for_a_connection_has_a_limit(row: Any) -> None:
    """It is an error of an unavailable service."""
    client = await row.database.connection()

    async with client.acquire_connection(), client.acquire_connection():
        with pytest.raises(DBConnectionError) as raised:
            await client.execute_query("SELECT 1")

    assert str(raised.value) == "none of 2 connections was free within 2 s"
    assert await row.all().count() == 0


@pytest.mark.parametrize("nested", [False, True])
async def test_a_cancelled_statement_leaves_no_result_in_its_connection(
    row: Any, nested: bool
) -> None:
    """The driver closes the connection, and the server rolls back the transaction."""

    async def sleep_in_transaction() -> None:
        async with row.database.transaction():
            await row.create(text="gone")
            async with row.database.transaction() if nested else contextlib.nullcontext():
                begun.set()
                await (await row.database.connection()).execute_query("SELECT SLEEP(10)")

    for _ in range(3):
        begun = asyncio.Event()
        task = asyncio.create_task(sleep_in_transaction())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for _ in range(4):
        assert await row.all().count() == 0
    await row.create(text="kept")
    assert await row.filter(text="kept").update(text="kept") == 1


async def test_all_connections_use_the_time_zone_of_the_models(row: Any) -> None:
    """Columns contain no time zone."""
    client = await row.database.connection()

    async def now() -> datetime.datetime:
        _, rows = await client.execute_query("SELECT NOW() AS now, SLEEP(0.05)")
        return rows[0]["now"].replace(tzinfo=datetime.UTC)  # type: ignore[no-any-return]

    for moment in await asyncio.gather(now(), now()):
        assert abs(moment - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=1)


async def test_all_statements_of_a_script_are_checked(row: Any) -> None:
    """The server reports errors of later ones with their results."""
    client = await row.database.connection()

    with pytest.raises(OperationalError, match="nowhere"):
        await client.execute_script("SELECT 1; UPDATE nowhere SET x = 1; SELECT 2")

    assert await row.all().count() == 0


async def test_durations_and_times_of_day_have_the_same_column_type(row: Any) -> None:
    """A time outside of a day stays a duration."""
    client = await row.database.connection()
    await client.execute_query(
        "INSERT INTO mysql_row (text, number, clock) VALUES ('a', 0, '23:59:59'), ('b', 0, '-1:00')"
    )
    values = dict(await row.all().values_list("text", "clock"))

    assert values["a"] == datetime.time(23, 59, 59, tzinfo=datetime.UTC)
    assert values["b"] == datetime.timedelta(hours=-1)


@pytest.mark.parametrize("database", ["missing_database", None])
async def test_a_server_that_cannot_be_used_is_an_unavailable_service(
    models_plugin: Callable[[str], Any], mysql_server: Any, database: str | None
) -> None:
    """The message names the database and the remedy, and no password."""
    models = models_plugin(MODELS)
    url = (
        f"{mysql_server.url}/{database}" if database else f"mysql://a:pw@127.0.0.1:{free_port()}/x"
    )

    with pytest.raises(UnavailableError, match="set DATABASE_URL to one that is running") as raised:
        async with running_app(plugin, models, environ={"DATABASE_URL": url}):
            pass

    assert "pw" not in str(raised.value)


async def test_the_lock_on_migrations_ends_with_its_connection(row: Any, mysql_url: str) -> None:
    """A process that is killed holds no other one up."""
    database = Database(DatabaseUrl.parse(mysql_url), row.database.models, DbSettings())
    client: Any = await database.connection()
    other = await row.database.connection()

    async with migration_lock(database, client, 1.0):
        with pytest.raises(UnavailableError, match="another process has run migrations for more"):
            async with migration_lock(row.database, other, 0.1):
                pass
        for connection in client._pool._used:
            connection.close()
        async with migration_lock(row.database, other, 10.0):
            pass
    await database.close()
