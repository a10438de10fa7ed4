"""`MySqlEditor`: the schema editor for MySQL and MariaDB."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.schema_editor import MySQLSchemaEditor
from tortoise.migrations.schema_editor.base import BaseSchemaEditor

from actionhero_db.migrations.defaults import default_sql, rendered_defaults
from actionhero_db.migrations.definitions import Definitions
from actionhero_db.migrations.errors import MigrationRefused
from actionhero_db.migrations.indexes import columns_of, existing_on

if TYPE_CHECKING:
    from tortoise.indexes import Index
    from tortoise.models import Model

#: The names of the foreign keys of a column.
REFERENCES = """
SELECT constraint_name AS name FROM information_schema.key_column_usage
WHERE table_schema = database() AND table_name = %s AND column_name = %s
  AND referenced_table_name IS NOT NULL
"""


class MySqlEditor(Definitions, MySQLSchemaEditor):
    """Tortoise's schema editor for MySQL, completed for columns that are added or dropped."""

    async def add_field(self, model: type[Model], field_name: str) -> None:
        """Add a column with its default, which existing rows get, and its reference."""
        with rendered_defaults(self.DIALECT, model):
            # Tortoise's own adds the default afterwards.
            await BaseSchemaEditor.add_field(self, model, field_name)
        for definition in self._get_inner_statements():
            await self._run_sql(f"ALTER TABLE {self._table(model)} ADD {definition}")

    async def remove_field(self, model: type[Model], field: Any) -> None:
        """Drop a column, after its reference, without which the server refuses it."""
        if isinstance(field, ForeignKeyFieldInstance):
            (column,) = columns_of(model, [field.model_field_name])
            for name in await self._references(model, column, field):
                await self._run_sql(
                    f"ALTER TABLE {self._table(model)} DROP FOREIGN KEY {self.quote(name)}"
                )
        await super().remove_field(model, field)

    async def _references(self, model: type[Model], column: str, field: Any) -> list[str]:
        table = model._meta.db_table
        if not self.collect_sql:
            _, rows = await self.client.execute_query(REFERENCES, [table, column])
            return [row["name"] for row in rows]
        if not field.db_constraint:
            return []
        related = field.related_model
        (target,) = columns_of(related, [field.to_field_instance.model_field_name])
        return [self._generate_fk_name(table, column, related._meta.db_table, target)]

    async def _alter_field(self, model: type[Model], old_field: Any, new_field: Any) -> None:
        old_field = await self._rename_altered(model, old_field, new_field)
        if old_field.null and not new_field.null and new_field.has_db_default():
            column = self.quote(old_field.source_field or old_field.model_field_name)
            value = default_sql(model, new_field.model_field_name, self.DIALECT)
            await self._run_sql(
                f"UPDATE {self._table(model)} SET {column} = {value} "  # noqa: S608
                f"WHERE {column} IS NULL"
            )
        types = (
            field.get_for_dialect(self.DIALECT, "SQL_TYPE") for field in (old_field, new_field)
        )
        if len(set(types)) > 1:
            old_field = await self._modify(model, old_field, new_field)
        await super()._alter_field(model, old_field, new_field)

    async def _modify(self, model: type[Model], old_field: Any, new_field: Any) -> Any:
        """Change the type of a column, and return the field as it is then.

        Tortoise's own adds a statement in the form of PostgreSQL.
        """
        modified = copy(new_field)
        await self._run_sql(self._build_modify_column_sql(model, modified, self._table(model)))
        modified.index, modified.unique = old_field.index, old_field.unique
        return modified

    async def alter_description(self, model: type[Model]) -> None:
        """Change the comment of a table."""
        comment = self._escape_comment(model._meta.table_description or "")
        await self._run_sql(f"ALTER TABLE {self._table(model)} COMMENT = '{comment}'")

    # -- indexes and constraints -----------------------------------------------------------------

    async def add_index(self, model: type[Model], index: Index) -> None:
        """Add an index."""
        self._get_index_sql(
            model,
            index.field_names,
            index_name=index.name,
            index_type=index.INDEX_TYPE,
            extra=index.extra,
        )
        for definition in self._get_inner_statements():
            await self._run_sql(f"ALTER TABLE {self._table(model)} ADD {definition}")

    async def remove_index(self, model: type[Model], index: Index) -> None:
        """Drop an index; a reference that it was needed for gets another one."""
        await self._create_missing_fk_index(model, list(columns_of(model, index.fields)))
        await super().remove_index(model, index)

    async def _create_missing_fk_index(self, model: type[Model], field_names: list[str]) -> None:
        """Create the index that a reference needs, before the last one is dropped."""
        (column, *_) = columns_of(model, field_names)
        if self.collect_sql or not _is_reference(model, column):
            return
        indexes = await existing_on(self.client, model)
        if sum(index.columns[:1] == (column,) for index in indexes) < 2:
            name = self._generate_index_name("fkidx", model, [column])
            await self._run_sql(
                f"ALTER TABLE {self._table(model)} ADD KEY {self.quote(name)} "
                f"({self.quote(column)})"
            )

    async def add_constraint(self, model: type[Model], constraint: Any) -> None:
        """Add a constraint.

        Raises:
            MigrationRefused: It has a condition.
        """
        if isinstance(constraint, CheckConstraint):
            await super().add_constraint(model, constraint)
            return
        columns = columns_of(model, constraint.fields)
        name = constraint.name or self._get_unique_constraint_name(model, list(columns))
        if constraint.condition:
            raise MigrationRefused(
                f"the unique constraint {name!r} of {model._meta.app}.{model.__name__} has a "
                "condition, which MySQL does not support; remove the condition"
            )
        fields = ", ".join(map(self.quote, columns))
        await self._run_sql(
            f"ALTER TABLE {self._table(model)} ADD UNIQUE KEY {self.quote(name)} ({fields})"
        )

    async def remove_constraint(self, model: type[Model], constraint: Any) -> None:
        """Remove a constraint."""
        if isinstance(constraint, UniqueConstraint):
            await super().remove_constraint(model, constraint)
            return
        name = self.quote(constraint.name)
        await self._run_sql(f"ALTER TABLE {self._table(model)} DROP CONSTRAINT {name}")

    async def rename_constraint(
        self, model: type[Model], old_constraint: Any, new_constraint: Any
    ) -> None:
        """Rename a constraint; a check is created again."""
        if isinstance(old_constraint, UniqueConstraint):
            await super().rename_constraint(model, old_constraint, new_constraint)
            return
        await self.remove_constraint(model, old_constraint)
        await self.add_constraint(model, new_constraint)

    def _get_fk_reference_string(
        self,
        constraint_name: str,
        db_field: str,
        table: str,
        field: str,
        on_delete: str,
        comment: str,
    ) -> str:
        # The reference is a definition of its own, so only the comment stays with the column.
        inline = super()._get_fk_reference_string(
            constraint_name, db_field, table, field, on_delete, comment
        )
        return inline or comment

    # -- names and texts -------------------------------------------------------------------------

    def _table(self, model: type[Model]) -> str:
        return str(self._qualify_table_name(model._meta.db_table, model._meta.schema))

    def _escape_comment(self, comment: str) -> str:
        return comment.replace("\\", "\\\\").replace("'", "''")


def _is_reference(model: type[Model], column: str) -> bool:
    meta = model._meta
    return any(
        own == column and getattr(meta.fields_map[name], "reference", None) is not None
        for name, own in meta.fields_db_projection.items()
    )
