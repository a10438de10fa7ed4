"""Every row of every model, deleted: for development and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tortoise.transactions import in_transaction

from actionhero_db.migrations.session import has_table, session_of
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from tortoise.fields.relational import ManyToManyFieldInstance
    from tortoise.models import Model

    from actionhero_db.database import Database


async def clear_tables(database: Database) -> list[str]:
    """Delete every row of every model that has a table, and return the tables."""
    async with session_of(database) as session:
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
        # All at once: in between, rows would refer to some that are gone.
        async with in_transaction(session.client.connection_name) as client:
            if database.dialect is Dialect.POSTGRES:
                await client.execute_query(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")
                return _plain(tables, quote)
            # On SQLite they are off for as long as the session.
            if database.dialect is Dialect.MYSQL:
                await client.execute_query("SET foreign_key_checks = 0")
            for table in tables:
                await client.execute_query(f"DELETE FROM {table}")  # noqa: S608 - models' own
            if database.dialect is Dialect.MYSQL:
                await client.execute_query("SET foreign_key_checks = 1")
        return _plain(tables, quote)


def _plain(tables: list[str], quote: str) -> list[str]:
    return [table.replace(quote, "") for table in tables]


def _tables_of(model: type[Model]) -> list[str]:
    meta = model._meta
    through = [
        cast("ManyToManyFieldInstance[Model]", meta.fields_map[name]).through
        for name in sorted(meta.m2m_fields)
    ]
    return [meta.db_table, *(str(name) for name in through)]
