"""The state of pooled PostgreSQL connections: it never leaks from one use to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tortoise.expressions import RawSQL

from actionhero.testing import running_app
from actionhero_db import Database, plugin
from actionhero_db.backends.pooled_connection import is_stateless

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tortoise.backends.base.client import BaseDBAsyncClient

CREATE_FUNCTION = """
CREATE FUNCTION remember() RETURNS int LANGUAGE sql AS
$$ SELECT 1 FROM set_config('app.user', 'ada', false), pg_advisory_lock(1) $$
"""


@pytest.fixture
async def connection(people: Any, postgres_url: str) -> AsyncIterator[BaseDBAsyncClient]:
    """Return the client of a pool with one connection, with a function that changes its state."""
    environ = {"DATABASE_URL": postgres_url, "ACTIONHERO_DB__POOL_MAX": "1"}
    async with running_app(plugin, people, environ=environ) as app:
        client = await app.get(Database).connection()
        await client.execute_query(CREATE_FUNCTION)
        await people.Person.create(email="ada@example.org")
        yield client


async def state_of(client: Any) -> list[Any]:
    """Return the remaining state of the only connection."""
    async with client.acquire_connection() as connection:
        return [
            await connection.fetchval("SELECT coalesce(current_setting('app.user', true), '')"),
            await connection.fetchval("SHOW search_path"),
            await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
            await connection.fetchval("SELECT count(*) FROM pg_listening_channels()"),
            await connection.fetchval("SELECT count(*) FROM pg_cursors"),
        ]


async def prepared(client: Any, people: Any) -> None:
    async with client.acquire_connection() as connection:
        statement = await connection.prepare("SELECT set_config('app.user', $1, false)")
        await statement.fetchval("ada")


async def listen(client: Any, people: Any) -> None:
    async with client.acquire_connection() as connection:
        await connection.execute("LISTEN news; SET search_path TO pg_catalog")


async def plain_and_set(client: Any, people: Any) -> None:
    async with client.acquire_connection() as connection:
        await connection.execute("SET search_path TO pg_catalog")
        await connection.fetchval("SELECT 1")


async def in_transaction(client: Any, people: Any) -> None:
    async with client._in_transaction() as transaction:
        await transaction.execute_query("SET search_path TO pg_catalog")
        await transaction.execute_query("SELECT pg_advisory_lock(2)")


async def own_sql_of_a_model(client: Any, people: Any) -> None:
    await people.Person.raw(
        "SELECT person.*, set_config('app.user', 'ada', false) FROM person WHERE age = 0"
    )


async def annotation(client: Any, people: Any) -> None:
    await people.Person.annotate(x=RawSQL("remember()")).values("x")


def statement(sql: str) -> Callable[[Any, Any], Awaitable[None]]:
    """Return a use that runs one statement through the client."""

    async def use(client: Any, people: Any) -> None:
        await client.execute_query(sql)

    use.__name__ = sql
    return use


@pytest.mark.parametrize(
    "use",
    [
        prepared,
        listen,
        plain_and_set,
        in_transaction,
        own_sql_of_a_model,
        annotation,
        statement("SET search_path TO pg_catalog"),
        statement("LISTEN news"),
        statement("SELECT pg_advisory_lock(3)"),
        statement("select Set_Config ('app.user', 'ada', false)"),
        statement("SELECT pg_catalog.set_config/**/('app.user', 'ada', false)"),
        statement("SELECT pg_catalog.\"set_config\"\n('app.user', 'ada', false)"),
        statement("SELECT count(*) FROM (SELECT remember() OFFSET 0) AS x"),
        statement("SELECT remember(), 1"),
        statement("UPDATE person SET age = 1; SET search_path TO pg_catalog"),
        statement("UPDATE person SET age = remember()"),
        statement("INSERT INTO person (email, age) VALUES ('x', remember())"),
        statement("DELETE FROM person WHERE age = remember()"),
        statement("DECLARE c CURSOR WITH HOLD FOR SELECT 1"),
        statement("DO $$ BEGIN PERFORM pg_advisory_lock(4); END $$"),
    ],
    ids=lambda use: use.__name__,
)
async def test_state_never_leaks_to_the_next_use(
    connection: Any, people: Any, use: Callable[[Any, Any], Awaitable[None]]
) -> None:
    """Settings, locks, subscriptions and cursors end when a connection returns to its pool."""
    initial = await state_of(connection)

    await use(connection, people)
    # A statement without a reset in between does not hide the state of the one before.
    await people.Person.all().count()

    assert await state_of(connection) == initial


async def test_plain_statements_are_not_followed_by_a_reset(connection: Any, people: Any) -> None:
    """The connection sees exactly the statements of the models."""
    seen: list[str] = []
    async with connection.acquire_connection() as one:
        one.add_query_logger(lambda record: seen.append(record.query))
    seen.clear()

    await people.Person.create(email="grace@example.org")
    await people.Person.filter(email__icontains="GRACE").order_by("-id").limit(3)
    await people.Person.filter(id__in=[1, 2, 3], age__gte=0).count()
    await people.Person.filter(email="grace@example.org").update(age=3)
    await people.Person.filter(email="grace@example.org").delete()
    await people.Person.exists(id=1)

    assert [query.split()[0] for query in seen] == [
        *("INSERT", "SELECT", "SELECT", "UPDATE", "DELETE", "SELECT"),
    ]


async def test_a_failed_statement_is_followed_by_a_reset(connection: Any, people: Any) -> None:
    """Only a statement that succeeded is known to have left nothing."""
    initial = await state_of(connection)

    with pytest.raises(Exception, match="DivisionByZero"):
        await connection.execute_query("SELECT 1 / (count(*) - 1) FROM person")

    assert await state_of(connection) == initial


@pytest.mark.parametrize(
    "query",
    [
        'SELECT COUNT(*) FROM "person"',
        'SELECT "a"."id" "id" FROM "a" WHERE UPPER(CAST("email" AS VARCHAR)) LIKE UPPER($1)',
        'INSERT INTO "a" ("id","b") VALUES ($1,$2) RETURNING "id"',
        'INSERT INTO "s"."a" ("id") VALUES ($1) ON CONFLICT ("id") DO NOTHING',
        'DELETE FROM "a" WHERE "id" IN ($1,$2)',
    ],
)
def test_statements_of_models_are_stateless(query: str) -> None:
    """Those need no reset."""
    assert is_stateless(query)


@pytest.mark.parametrize(
    "query",
    [
        "WITH x AS (SELECT 1) SELECT 1",
        "SELECT f(1)",
        "SELECT public.count(1)",
        'SELECT "count"(1)',
        'SELECT U&"\\0066" (1)',
        'INSERT INTO "a" ("id") VALUES (f(1))',
        'INSERT INTO "a" SELECT "f" (1)',
        "SELECT 1; SELECT 2",
        "SELECT f --\n(1)",
        "SELECT x$count(1)",
        "COPY a FROM stdin",
        "",
    ],
)
def test_other_statements_are_not_known_to_be_stateless(query: str) -> None:
    """Every function that is not known may change the state of its connection."""
    assert not is_stateless(query)


async def test_returned_rows_leave_no_prepared_statement(connection: Any) -> None:
    """A pooler in transaction mode would not find it again, and it would have to be closed."""
    sql = "UPDATE person SET age = 1 RETURNING age"

    assert (await connection.execute_query(sql))[0] == 1
    async with connection._in_transaction() as transaction:
        assert (await transaction.execute_query(sql))[0] == 1

    async with connection.acquire_connection() as driver:
        # Without arguments, a script: another prepared statement would close unused ones.
        await driver.execute(
            "CREATE TEMP TABLE found AS SELECT statement FROM pg_prepared_statements"
        )
        rows = await driver.fetch("SELECT statement FROM found WHERE statement LIKE 'UPDATE%'")
    assert rows == []
