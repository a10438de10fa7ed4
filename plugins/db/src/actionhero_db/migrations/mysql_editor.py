"""`MySqlEditor`: the schema editor for MySQL and MariaDB."""

from __future__ import annotations

from tortoise.migrations.schema_editor import MySQLSchemaEditor

from actionhero_db.migrations.definitions import Definitions


class MySqlEditor(Definitions, MySQLSchemaEditor):
    """Tortoise's schema editor for MySQL."""
