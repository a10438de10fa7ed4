"""`PostgresEditor`: the schema editor for PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.migrations.schema_editor import AsyncpgSchemaEditor

from actionhero_db.migrations.defaults import default_sql, literal
from actionhero_db.migrations.definitions import Definitions

if TYPE_CHECKING:
    from tortoise.models import Model


class PostgresEditor(Definitions, AsyncpgSchemaEditor):
    """Tortoise's schema editor for PostgreSQL."""

    async def _alter_field(self, model: type[Model], old_field: Any, new_field: Any) -> None:
        old_field = await self._rename_altered(model, old_field, new_field)
        if old_field.null and not new_field.null and new_field.has_db_default():
            column = old_field.source_field or old_field.model_field_name
            table = self._qualify_table_name(model._meta.db_table, model._meta.schema)
            value = default_sql(model, new_field.model_field_name, self.DIALECT)
            await self._run_sql(
                f'UPDATE {table} SET "{column}" = {value} WHERE "{column}" IS NULL'  # noqa: S608
            )
        await super()._alter_field(model, old_field, new_field)

    async def alter_description(self, model: type[Model]) -> None:
        """Change the comment of a table."""
        table = self._qualify_table_name(model._meta.db_table, model._meta.schema)
        comment = literal(model._meta.table_description or None, self.DIALECT)
        await self._run_sql(f"COMMENT ON TABLE {table} IS {comment}")

    def _escape_comment(self, comment: str) -> str:
        # Tortoise escapes line ends and backslashes, which PostgreSQL stores as they are.
        return comment.replace("'", "''")
