"""The SQL of the outbox, for each kind of database."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

from actionhero_db.url import Dialect

#: The time of the database in milliseconds since the epoch.
_NOW_MS: Final = {
    Dialect.SQLITE: "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    Dialect.POSTGRES: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
    Dialect.MYSQL: "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
}


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements of one kind of database, apart from those with a variable length."""

    #: Whether there are messages of a topic that are old enough: topic, age in milliseconds.
    any_older: str
    #: Messages of a topic that are old enough, by id: topic, id after which they begin, age in
    #: milliseconds, limit.
    #:
    #: On PostgreSQL the rows stay locked until the end of the transaction, and rows that another
    #: process has locked are left out.
    older: str
    #: A message by topic and id.
    by_id: str
    #: A message by topic and digest of its key.
    by_key: str
    #: Deletes a message by topic and id.
    remove: str
    #: The number of messages and the age of the oldest, by topic, of the oldest messages: limit.
    waiting: str


@functools.cache
def statements(dialect: Dialect) -> Statements:
    """Return the statements for a kind of database."""
    now = _NOW_MS[dialect]
    table, columns = _table(dialect), f"id, body, {now} - created_ms AS age_ms"
    first, second, third, fourth = (_parameter(dialect, number) for number in range(1, 5))
    lock = " FOR UPDATE SKIP LOCKED" if dialect is Dialect.POSTGRES else ""
    of_topic = f"FROM {table} WHERE topic = {first}"
    return Statements(
        any_older=f"SELECT 1 AS found {of_topic} AND created_ms <= {now} - {second} LIMIT 1",
        older=f"SELECT {columns} {of_topic} AND id > {second} AND created_ms <= {now} - {third} "
        f"ORDER BY id LIMIT {fourth}{lock}",
        by_id=f"SELECT {columns} {of_topic} AND id = {second}",
        by_key=f"SELECT {columns} {of_topic} AND key_digest = {second} ORDER BY id LIMIT 1",
        remove=f"DELETE {of_topic} AND id = {second}",
        waiting="SELECT topic, COUNT(*) AS number, MAX(age_ms) AS age_ms FROM "  # noqa: S608
        f"(SELECT topic, {now} - created_ms AS age_ms FROM {table} ORDER BY id LIMIT {first}) "
        "AS oldest GROUP BY topic ORDER BY topic",
    )


@functools.lru_cache(maxsize=256)
def insert(dialect: Dialect, count: int) -> str:
    """Return the statement that adds `count` rows: id, topic, digest of the key, body of each."""
    rows = ", ".join(
        "("
        + ", ".join(_parameter(dialect, row * 4 + column) for column in range(1, 5))
        + f", {_NOW_MS[dialect]})"
        for row in range(count)
    )
    return (
        f"INSERT INTO {_table(dialect)} (id, topic, key_digest, body, created_ms) "  # noqa: S608
        f"VALUES {rows}"
    )


@functools.lru_cache(maxsize=512)
def delete(dialect: Dialect, count: int) -> str:
    """Return the statement that deletes `count` rows by their ids.

    On PostgreSQL the only parameter is the list of ids, so that one statement is prepared.
    """
    table = _table(dialect)
    if dialect is Dialect.POSTGRES:
        return f"DELETE FROM {table} WHERE id = ANY($1)"  # noqa: S608 - a constant
    ids = ", ".join(_parameter(dialect, number) for number in range(1, count + 1))
    return f"DELETE FROM {table} WHERE id IN ({ids})"  # noqa: S608 - placeholders


def _parameter(dialect: Dialect, number: int) -> str:
    if dialect is Dialect.POSTGRES:
        return f"${number}"
    return "%s" if dialect is Dialect.MYSQL else "?"


def _table(dialect: Dialect) -> str:
    quote = "`" if dialect is Dialect.MYSQL else '"'
    return f"{quote}actionhero_outbox{quote}"
