"""Indexes: those that a model declares, those that a table has, and those that are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tortoise.indexes import Index
from tortoise.migrations.constraints import UniqueConstraint

from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tortoise.backends.base.client import BaseDBAsyncClient
    from tortoise.migrations.schema_editor.base import BaseSchemaEditor
    from tortoise.models import Model


@dataclass(frozen=True)
class Declared:
    """An index as a model declares it."""

    #: The columns, in order; none if it is on expressions.
    columns: tuple[str, ...]
    unique: bool = False
    #: What its author called it.
    name: str | None = None
    #: As it was written in `Meta`, if it was.
    index: Index | None = None


@dataclass(frozen=True)
class Existing:
    """An index as a table has it."""

    name: str
    #: The columns, in order; none if it is on expressions, or on a part of the rows.
    columns: tuple[str, ...]
    unique: bool = False


def declared_by(model: type[Model]) -> list[Declared]:
    """Return the indexes that `model` declares, beside its primary key."""
    meta = model._meta
    found = []
    for name, column in meta.fields_db_projection.items():
        field = meta.fields_map[name]
        if field.pk:
            continue
        if field.unique:
            found.append(Declared((column,), unique=True))
        elif field.index:
            found.append(Declared((column,)))
    found += [
        Declared(columns_of(model, names), unique=True) for names in meta.unique_together or ()
    ]
    for constraint in getattr(meta, "constraints", None) or ():
        if isinstance(constraint, UniqueConstraint) and not constraint.condition:
            columns = columns_of(model, constraint.fields)
            found.append(Declared(columns, unique=True, name=constraint.name))
    for index in meta.indexes or ():
        if not isinstance(index, Index):
            found.append(Declared(columns_of(model, index)))
        elif index.expressions or index.extra:
            found.append(Declared((), name=index.name, index=index))
        else:
            columns = columns_of(model, index.fields)
            found.append(Declared(columns, name=index.name, index=index))
    return found


def columns_of(model: type[Model], names: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of fields, or of names that are columns already."""
    fields = model._meta.fields_map
    return tuple((fields[name].source_field or name) if name in fields else name for name in names)


async def existing_on(client: BaseDBAsyncClient, model: type[Model]) -> list[Existing]:
    """Return the indexes of the table of `model`."""
    table, schema = model._meta.db_table, model._meta.schema
    if client.capabilities.dialect == Dialect.SQLITE:
        return [index async for index in _of_sqlite(client, table)]
    name = f'"{schema}"."{table}"' if schema else f'"{table}"'
    _, rows = await client.execute_query(_POSTGRES_INDEXES, [name])
    return [Existing(row["name"], tuple(row["columns"] or ()), row["uniq"]) for row in rows]


async def _of_sqlite(client: BaseDBAsyncClient, table: str) -> Any:
    _, rows = await client.execute_query(f'PRAGMA index_list("{table}")')
    for row in rows:
        _, columns = await client.execute_query(f'PRAGMA index_info("{row["name"]}")')
        names = tuple(column["name"] for column in columns)
        whole = not row["partial"] and None not in names
        yield Existing(row["name"], names if whole else (), bool(row["unique"]))


_POSTGRES_INDEXES = """
SELECT i.relname AS name, x.indisunique AS uniq,
       CASE WHEN x.indpred IS NULL AND x.indexprs IS NULL THEN ARRAY(
           SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY AS k(number, place)
           JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.number
           ORDER BY k.place) END AS columns
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = to_regclass($1) AND NOT x.indisprimary
"""


async def create_missing(editor: BaseSchemaEditor, model: type[Model]) -> list[str]:
    """Create the indexes that `model` declares and its table has not.

    Tortoise leaves out some: that of a column that was added, those of a SQLite table that was
    made anew.

    Returns:
        What was created, a phrase for each.
    """
    table = model._meta.db_table
    existing = await existing_on(editor.client, model)
    by_columns = {(index.columns, index.unique) for index in existing}
    names = {index.name for index in existing}
    created = []
    for declared in declared_by(model):
        if declared.columns:
            fits = {(declared.columns, True)} | (
                set() if declared.unique else {(declared.columns, False)}
            )
            if fits & by_columns:
                continue
        elif declared.index is None or editor._index_name_for_model(model, declared.index) in names:
            continue
        if declared.unique:
            await editor.add_constraint(
                model, UniqueConstraint(fields=declared.columns, name=declared.name)
            )
        else:
            index = declared.index or Index(fields=declared.columns)
            await editor.add_index(model, index)
        created.append(f"{table}({', '.join(declared.columns) or declared.name})")
        by_columns.add((declared.columns, declared.unique))
    return created
