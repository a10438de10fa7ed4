"""Changes of columns that Tortoise makes only in part: renames, and the references of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance

from actionhero_db.migrations.indexes import existing_on
from actionhero_db.migrations.mysql_editor import REFERENCES
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from tortoise.models import Model


def column_of(model: type[Model], name: str) -> str:
    """Return the column of a field; that of a foreign key is the column of its key."""
    field = model._meta.fields_map[name]
    if isinstance(field, ForeignKeyFieldInstance):
        key = field.source_field or f"{name}_id"
        backing = model._meta.fields_map.get(key)
        return (backing.source_field if backing is not None else None) or key
    return field.source_field or name


async def rename_column(
    editor: Any, before: type[Model], after: type[Model], old_name: str, new_name: str
) -> None:
    """Rename the column of a field.

    Tortoise renames a column of the name of the field, which a many-to-many field does not have,
    and a foreign key only sometimes.
    """
    if isinstance(before._meta.fields_map[old_name], ManyToManyFieldInstance):
        return
    old, new = column_of(before, old_name), column_of(after, new_name)
    if old != new:
        table = _table(editor, after)
        statement = editor.RENAME_FIELD_TEMPLATE
        await editor._run_sql(statement.format(table=table, old_column=old, new_column=new))


async def alter_column(editor: Any, before: type[Model], after: type[Model], name: str) -> None:
    """Change the column of a field, if the change is one of its table.

    Tortoise leaves the reference of a foreign key as it was on servers.
    """
    if _definition(before, name) == _definition(after, name):
        return
    replaced = _reference(before, name) != _reference(after, name)
    if editor.client.capabilities.dialect == Dialect.SQLITE:
        replaced = False
    if replaced:
        # MySQL lets no column become required while its reference sets it to null.
        await _drop_reference(editor, before, name)
    await editor.alter_field(before, after, name)
    if replaced:
        await _add_reference(editor, after, name)


async def _drop_reference(editor: Any, model: type[Model], name: str) -> None:
    table, column = _table(editor, model), column_of(model, name)
    is_mysql = editor.client.capabilities.dialect == Dialect.MYSQL
    drop = "DROP FOREIGN KEY" if is_mysql else "DROP CONSTRAINT"
    for constraint in await _constraints(editor, model, column):
        await editor._run_sql(f"ALTER TABLE {table} {drop} {editor.quote(constraint)}")


async def _add_reference(editor: Any, model: type[Model], name: str) -> None:
    field: Any = model._meta.fields_map[name]
    table, column = _table(editor, model), column_of(model, name)
    if not field.db_constraint:
        if editor.client.capabilities.dialect == Dialect.MYSQL and not field.index:
            await _drop_index(editor, model, column)
        return
    related = field.related_model
    target = column_of(related, field.to_field_instance.model_field_name)
    await editor._run_sql(
        f"ALTER TABLE {table} ADD FOREIGN KEY ({editor.quote(column)}) "
        f"REFERENCES {_table(editor, related)} ({editor.quote(target)}) "
        f"ON DELETE {field.on_delete}"
    )


async def _drop_index(editor: Any, model: type[Model], column: str) -> None:
    """Drop the index that MySQL created for a reference."""
    if editor.collect_sql:
        return
    for index in await existing_on(editor.client, model):
        if index.columns == (column,) and not index.unique:
            await editor._run_sql(editor._drop_index_sql(model, index.name))


_POSTGRES_CONSTRAINTS = """
SELECT c.conname::text AS name FROM pg_constraint c
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
WHERE c.conrelid = to_regclass($1) AND c.contype = 'f' AND a.attname = $2
"""


async def _constraints(editor: Any, model: type[Model], column: str) -> list[str]:
    """Return the names of the constraints that make a column refer to another table."""
    table = model._meta.db_table
    if editor.collect_sql:
        # The name that PostgreSQL uses by itself.
        return [f"{table}_{column}_fkey"]
    if editor.client.capabilities.dialect == Dialect.MYSQL:
        _, rows = await editor.client.execute_query(REFERENCES, [table, column])
    else:
        name = _table(editor, model)
        _, rows = await editor.client.execute_query(_POSTGRES_CONSTRAINTS, [name, column])
    return [row["name"] for row in rows]


def _table(editor: Any, model: type[Model]) -> str:
    return str(editor._qualify_table_name(model._meta.db_table, model._meta.schema))


def _reference(model: type[Model], name: str) -> object:
    """Return the rows that a foreign key refers to, and the action of their deletion."""
    field: Any = model._meta.fields_map[name]
    if not isinstance(field, ForeignKeyFieldInstance):
        return None
    return (field.model_name, field.to_field, str(field.on_delete), field.db_constraint)


def _definition(model: type[Model], name: str) -> object:
    """Return everything about a field that its table contains."""
    field: Any = model._meta.fields_map[name]
    if isinstance(field, ManyToManyFieldInstance):
        on_delete = str(field.on_delete)
        return (field.through, field.forward_key, field.backward_key, field.model_name, on_delete)
    if isinstance(field, ForeignKeyFieldInstance):
        field = model._meta.fields_map[field.source_field or f"{name}_id"]
    description = field.describe(serializable=True)
    for python_only in ("name", "default", "docstring", "python_type", "field_type"):
        description.pop(python_only, None)
    return _reference(model, name), column_of(model, name), field.pk, description
