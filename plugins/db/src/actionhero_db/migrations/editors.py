"""The schema editor for each kind of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from tortoise.backends.base.client import BaseDBAsyncClient
    from tortoise.migrations.schema_editor.base import BaseSchemaEditor


def editor_for(
    client: BaseDBAsyncClient, *, atomic: bool = True, collect: bool = False
) -> BaseSchemaEditor:
    """Return the schema editor for the database of `client`."""
    dialect = client.capabilities.dialect
    if dialect == Dialect.SQLITE:
        from actionhero_db.migrations.sqlite_editor import SqliteEditor

        return SqliteEditor(client, atomic=atomic, collect_sql=collect)
    if dialect == Dialect.POSTGRES:
        from actionhero_db.migrations.postgres_editor import PostgresEditor

        return PostgresEditor(client, atomic=atomic, collect_sql=collect)
    from actionhero_db.migrations.mysql_editor import MySqlEditor

    return MySqlEditor(client, atomic=atomic, collect_sql=collect)
