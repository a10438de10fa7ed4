"""The tables of a database, described: their columns, references and indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tortoise.backends.base.client import BaseDBAsyncClient

#: The definition of each part of a table, by the name of the part, as in `column "name"`.
Description: TypeAlias = "dict[str, str]"


async def describe_tables(
    client: BaseDBAsyncClient, tables: Iterable[str]
) -> dict[str, Description]:
    """Return the description of each table. That of a missing table is empty.

    Neither the order of columns nor the names of indexes and constraints are a part of it: after
    a rename they are those of the old column.
    """
    describe = {
        Dialect.SQLITE: _describe_sqlite,
        Dialect.POSTGRES: _describe_postgres,
        Dialect.MYSQL: _describe_mysql,
    }[Dialect(client.capabilities.dialect)]
    return {table: await describe(client, table) for table in tables}


def first_difference(
    actual: dict[str, Description], expected: dict[str, Description]
) -> str | None:
    """Return a phrase about the first difference; `None` if there is none."""
    for table, parts in expected.items():
        others = actual.get(table, {})
        if parts and not others:
            return f"table {table!r} is missing"
        for part in sorted(parts.keys() | others.keys()):
            old, new = others.get(part), parts.get(part)
            if old != new:
                return (
                    f"in table {table!r}, {part} is {old or 'missing'} instead of {new or 'none'}"
                )
    return None


async def _rows(client: BaseDBAsyncClient, sql: str, *values: Any) -> list[dict[str, Any]]:
    _, rows = await client.execute_query(sql, list(values) or None)
    return [{str(key).lower(): value for key, value in dict(row).items()} for row in rows]


async def _describe_sqlite(client: BaseDBAsyncClient, table: str) -> Description:
    parts = {}
    for row in await _rows(client, f'PRAGMA table_xinfo("{table}")'):
        nullable = "not null" if row["notnull"] else "nullable"
        key = ", primary key" if row["pk"] else ""
        parts[f"column {row['name']!r}"] = (
            f"{row['type']}, {nullable}, default {row['dflt_value']}{key}"
        )
    for row in await _rows(client, f'PRAGMA foreign_key_list("{table}")'):
        parts[f"reference of {row['from']!r}"] = (
            f"to {row['table']}.{row['to']}, on delete {row['on_delete']}"
        )
    for row in await _rows(client, f'PRAGMA index_list("{table}")'):
        columns = await _rows(client, f'PRAGMA index_info("{row["name"]}")')
        names = ", ".join(str(column["name"]) for column in columns)
        if row["origin"] != "pk":
            _add_index(parts, names, unique=bool(row["unique"]), partial=bool(row["partial"]))
    return parts


_POSTGRES_COLUMNS = """
SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AS required, a.attidentity::text AS identity,
       pg_get_expr(d.adbin, d.adrelid) AS value
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
"""
_POSTGRES_CONSTRAINTS = """
SELECT contype::text AS kind, pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE conrelid = to_regclass($1) AND contype IN ('f', 'c', 'p')
"""
_POSTGRES_INDEXES = """
SELECT pg_get_indexdef(x.indexrelid) AS definition, x.indisunique AS uniq
FROM pg_index x WHERE x.indrelid = to_regclass($1) AND NOT x.indisprimary
"""


async def _describe_postgres(client: BaseDBAsyncClient, table: str) -> Description:
    name = f'"{table}"'
    parts = {}
    for row in await _rows(client, _POSTGRES_COLUMNS, name):
        nullable = "not null" if row["required"] else "nullable"
        value = row["value"]
        # The name of a sequence contains that of the column that it was created for.
        default = "a sequence" if value and value.startswith("nextval(") else value
        parts[f"column {row['name']!r}"] = (
            f"{row['type']}, {nullable}, default {default}{row['identity']}"
        )
    for row in await _rows(client, _POSTGRES_CONSTRAINTS, name):
        parts[f"constraint {row['definition'].partition(') ')[0]!r}"] = row["definition"]
    for row in await _rows(client, _POSTGRES_INDEXES, name):
        # As in CREATE INDEX name ON schema.table USING btree (column).
        definition = row["definition"].partition(" USING ")[2]
        _add_index(parts, definition, unique=row["uniq"], partial=False)
    return parts


_MYSQL_REFERENCES = """
SELECT k.column_name AS name, k.referenced_table_name AS other,
       k.referenced_column_name AS other_column, r.delete_rule AS rule
FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
     AND r.table_name = k.table_name
WHERE k.table_schema = database() AND k.table_name = %s
"""
_MYSQL_INDEXES = """
SELECT index_name AS name, min(non_unique) AS other,
       group_concat(column_name ORDER BY seq_in_index SEPARATOR ', ') AS columns
FROM information_schema.statistics
WHERE table_schema = database() AND table_name = %s AND index_name <> 'PRIMARY'
GROUP BY index_name
"""


async def _describe_mysql(client: BaseDBAsyncClient, table: str) -> Description:
    parts = {}
    columns = await _rows(
        client,
        "SELECT column_name AS name, column_type AS type, is_nullable AS nullable, "
        "column_default AS value, column_key AS kind, extra FROM information_schema.columns "
        "WHERE table_schema = database() AND table_name = %s",
        table,
    )
    for row in columns:
        nullable = "nullable" if row["nullable"] == "YES" else "not null"
        key = ", primary key" if row["kind"] == "PRI" else ""
        value = None if row["value"] == "NULL" else row["value"]
        parts[f"column {row['name']!r}"] = (
            f"{row['type']}, {nullable}, default {value}{key} {row['extra']}".rstrip()
        )
    referring = set()
    for row in await _rows(client, _MYSQL_REFERENCES, table):
        referring.add(row["name"])
        parts[f"reference of {row['name']!r}"] = (
            f"to {row['other']}.{row['other_column']}, on delete {row['rule']}"
        )
    for row in await _rows(client, _MYSQL_INDEXES, table):
        # The server creates an index for each reference itself, if there is no other one.
        if row["columns"] not in referring or not row["other"]:
            _add_index(parts, row["columns"], unique=not row["other"], partial=False)
    return parts


def _add_index(parts: Description, columns: str, *, unique: bool, partial: bool) -> None:
    kind = "unique index" if unique else "index"
    parts[f"{kind} on {columns!r}"] = "partial" if partial else "present"
