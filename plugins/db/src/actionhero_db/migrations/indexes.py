"""Indexes: declared by a model, existing on a table, and missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.indexes import Index
from tortoise.migrations.constraints import UniqueConstraint

from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tortoise.backends.base.client import BaseDBAsyncClient
    from tortoise.migrations.schema_editor.base import BaseSchemaEditor
    from tortoise.models import Model


@dataclass(frozen=True)
class DeclaredIndex:
    """An index declared by a model."""

    #: The columns, in order; none for an index on expressions.
    columns: tuple[str, ...]
    unique: bool = False
    #: The name set by its author.
    name: str | None = None
    #: The object in `Meta.indexes`, if it is declared there.
    index: Index | None = None
    #: The object in `Meta.constraints`, if it is declared there and has a condition.
    constraint: UniqueConstraint | None = None


@dataclass(frozen=True)
class ExistingIndex:
    """An index of a table."""

    name: str
    #: The columns, in order; none for an index on expressions, or a partial one.
    columns: tuple[str, ...]
    unique: bool = False


def declared_by(model: type[Model]) -> list[DeclaredIndex]:
    """Return the indexes declared by `model`, without its primary key."""
    meta = model._meta
    declared = []
    for name, column in meta.fields_db_projection.items():
        field = meta.fields_map[name]
        if field.pk:
            continue
        if field.unique:
            declared.append(DeclaredIndex((column,), unique=True))
        elif field.index:
            declared.append(DeclaredIndex((column,)))
    declared += [
        DeclaredIndex(columns_of(model, names), unique=True) for names in meta.unique_together or ()
    ]
    for constraint in getattr(meta, "constraints", None) or ():
        if not isinstance(constraint, UniqueConstraint):
            continue
        if constraint.condition:
            declared.append(DeclaredIndex((), True, constraint.name, constraint=constraint))
        else:
            columns = columns_of(model, constraint.fields)
            declared.append(DeclaredIndex(columns, unique=True, name=constraint.name))
    for index in meta.indexes or ():
        if not isinstance(index, Index):
            declared.append(DeclaredIndex(columns_of(model, index)))
        elif index.expressions or index.extra:
            declared.append(DeclaredIndex((), name=index.name, index=index))
        else:
            columns = columns_of(model, index.fields)
            declared.append(DeclaredIndex(columns, name=index.name, index=index))
    return declared


def is_plain_unique(constraint: Any) -> bool:
    """Return whether a constraint is the same as a part of `Meta.unique_together`."""
    return (
        isinstance(constraint, UniqueConstraint)
        and not constraint.name
        and not constraint.condition
    )


def columns_of(model: type[Model], names: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of fields; a name that is no field is a column already."""
    meta = model._meta

    def column(name: str) -> str:
        field = meta.fields_map.get(name)
        if isinstance(field, ForeignKeyFieldInstance):
            # The field with its column.
            name = field.source_field or name
        return meta.fields_db_projection.get(name, name)

    return tuple(map(column, names))


async def existing_on(client: BaseDBAsyncClient, model: type[Model]) -> list[ExistingIndex]:
    """Return the indexes of the table of `model`."""
    table, schema = model._meta.db_table, model._meta.schema
    if client.capabilities.dialect == Dialect.SQLITE:
        return [index async for index in _sqlite_indexes(client, table)]
    if client.capabilities.dialect == Dialect.MYSQL:
        _, rows = await client.execute_query(_MYSQL_INDEXES, [schema, table])
        return [
            ExistingIndex(row["name"], tuple((row["columns"] or "").split("\n")), bool(row["uniq"]))
            for row in rows
        ]
    name = f'"{schema}"."{table}"' if schema else f'"{table}"'
    _, rows = await client.execute_query(_POSTGRES_INDEXES, [name])
    return [ExistingIndex(row["name"], tuple(row["columns"] or ()), row["uniq"]) for row in rows]


async def _sqlite_indexes(client: BaseDBAsyncClient, table: str) -> Any:
    _, rows = await client.execute_query(f'PRAGMA index_list("{table}")')
    for row in rows:
        _, columns = await client.execute_query(f'PRAGMA index_info("{row["name"]}")')
        names = tuple(column["name"] for column in columns)
        is_plain = not row["partial"] and None not in names
        yield ExistingIndex(row["name"], names if is_plain else (), bool(row["unique"]))


_POSTGRES_INDEXES = """
SELECT i.relname AS name, x.indisunique AS uniq,
       CASE WHEN x.indpred IS NULL AND x.indexprs IS NULL THEN ARRAY(
           SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY AS k(number, place)
           JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.number
           ORDER BY k.place) END AS columns
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = to_regclass($1) AND NOT x.indisprimary
"""


def name_of(editor: Any, model: type[Model], declared: DeclaredIndex) -> str | None:
    """Return the name of an index on expressions or with a condition; `None` for another one."""
    if declared.index is not None:
        return str(editor._index_name_for_model(model, declared.index))
    if declared.constraint is not None:
        return str(editor._constraint_name_for_model(model, declared.constraint))
    return None


#: The name of a column contains no line end.
_MYSQL_INDEXES = """
SELECT index_name AS name, 1 - min(non_unique) AS uniq,
       group_concat(column_name ORDER BY seq_in_index SEPARATOR '\n') AS columns
FROM information_schema.statistics
WHERE table_schema = coalesce(%s, database()) AND table_name = %s AND index_name <> 'PRIMARY'
GROUP BY index_name
"""


async def create_missing(editor: BaseSchemaEditor, model: type[Model]) -> list[str]:
    """Create the indexes that `model` declares and its table lacks.

    Tortoise omits some: the index of an added column, and those of a rebuilt SQLite table.

    Returns:
        The created indexes, a phrase for each.
    """
    table = model._meta.db_table
    existing = await existing_on(editor.client, model)
    by_columns = {(index.columns, index.unique) for index in existing}
    names = {index.name for index in existing}
    created = []
    for declared in declared_by(model):
        if declared.columns:
            equivalents = {(declared.columns, True)} | (
                set() if declared.unique else {(declared.columns, False)}
            )
            if equivalents & by_columns:
                continue
        elif name_of(editor, model, declared) in {None, *names}:
            continue
        if declared.unique:
            constraint = declared.constraint or UniqueConstraint(declared.columns, declared.name)
            await editor.add_constraint(model, constraint)
        else:
            index = declared.index or Index(fields=declared.columns)
            await editor.add_index(model, index)
        created.append(f"{table}({', '.join(declared.columns) or declared.name})")
        by_columns.add((declared.columns, declared.unique))
    return created
