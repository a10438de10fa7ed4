"""Deletion of every row of every model, for development and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tortoise.transactions import in_transaction

from actionhero_db.migrations.session import has_table, open_session
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from tortoise.fields.relational import ManyToManyFieldInstance
    from tortoise.models import Model

    from actionhero_db.database import Database


async def clear_tables(database: Database) -> list[str]:
    """Delete every row of every model that has a table, and return the names of the tables."""
    async with open_session(database) as session:
        apps = session.context.apps
        models = list(apps.get_models_iterable()) if apps is not None else []
        names = dict.fromkeys(
            (name, model._meta.schema) for model in models for name in _tables_of(model)
        )
        quote = "`" if database.dialect is Dialect.MYSQL else '"'
        tables = [
            f"{quote}{schema}{quote}.{quote}{name}{quote}" if schema else f"{quote}{name}{quote}"
            for name, schema in names
            if await has_table(session.client, name, schema)
        ]
        if not tables:
            return []
        # In one transaction: in between, rows would refer to deleted ones.
        async with in_transaction(session.client.connection_name) as client:
            if database.dialect is Dialect.POSTGRES:
                await client.execute_query(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")
                return _unquoted(tables, quote)
            # On SQLite, foreign keys are off for the whole session.
            if database.dialect is Dialect.MYSQL:
                await client.execute_query("SET foreign_key_checks = 0")
            for table in tables:
                await client.execute_query(f"DELETE FROM {table}")  # noqa: S608 - models' own
            if database.dialect is Dialect.MYSQL:
                await client.execute_query("SET foreign_key_checks = 1")
        return _unquoted(tables, quote)


def _unquoted(tables: list[str], quote: str) -> list[str]:
    return [table.replace(quote, "") for table in tables]


def _tables_of(model: type[Model]) -> list[str]:
    meta = model._meta
    through = [
        cast("ManyToManyFieldInstance[Model]", meta.fields_map[name]).through
        for name in sorted(meta.m2m_fields)
    ]
    return [meta.db_table, *(str(name) for name in through)]
