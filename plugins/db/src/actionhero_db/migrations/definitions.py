"""`Definitions`: corrections of the definitions of tables in Tortoise's schema editors."""

from __future__ import annotations

import re
from copy import copy
from typing import TYPE_CHECKING, Any, Final

from tortoise.fields.relational import ManyToManyFieldInstance
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.schema_editor.base import BaseSchemaEditor

from actionhero_db.migrations.defaults import rendered_defaults
from actionhero_db.migrations.indexes import columns_of, existing_on, is_plain_unique
from actionhero_db.migrations.scripts import statements_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tortoise.indexes import Index
    from tortoise.migrations.schema_editor.data import ModelSqlData
    from tortoise.migrations.schema_generator.state import State
    from tortoise.models import Model

_ON_DELETE: Final = "ON DELETE CASCADE"
#: The reference of a column, and on MySQL a line of its own.
_REFERENCES: Final = re.compile(r",?\s+(?:FOREIGN KEY \(\S+\) )?REFERENCES .* ON DELETE [A-Z ]+")


class Definitions(BaseSchemaEditor):
    """A schema editor that defines tables alike at a development start and in migrations.

    Tortoise's own writes values into statements without quoting, names fields where there are
    columns, and omits constraints of `Meta`, the action of a deletion of many-to-many tables, and
    `db_constraint=False`.
    """

    #: The models before and after the running operation; not set without migrations.
    source: State
    target: State
    #: The tables that have a model of their own, which a many-to-many field does not create.
    model_tables: frozenset[str] = frozenset()
    #: The constraints in the definition of the table that is being created.
    _inner: Sequence[str] = ()

    async def _run_sql(self, sql: str) -> None:
        """Run a script; none that contains only comments, which drivers refuse."""
        if self.collect_sql or statements_in(sql, self.DIALECT):
            await super()._run_sql(sql)

    async def create_model(self, model: type[Model]) -> None:
        """Create the table of a model, with all its indexes and constraints."""
        with rendered_defaults(self.DIALECT, model):
            await super().create_model(model)
        for constraint in self._unique_constraints(model):
            await self.add_constraint(model, constraint)

    async def delete_model(self, model: type[Model]) -> None:
        """Drop the table of a model, and those of its many-to-many fields."""
        for name in model._meta.m2m_fields:
            await self._drop_many_to_many(model, model._meta.fields_map[name])
        table = self._qualify_table_name(model._meta.db_table, model._meta.schema)
        await self._run_sql(self.DELETE_TABLE_TEMPLATE.format(table=table))

    async def remove_field(self, model: type[Model], field: Any) -> None:
        """Drop a column, or the table of a many-to-many field."""
        if isinstance(field, ManyToManyFieldInstance):
            await self._drop_many_to_many(model, field)
        else:
            await super().remove_field(model, field)

    async def _drop_many_to_many(self, model: type[Model], field: Any) -> None:
        if not field._generated and field.through not in self.model_tables:
            table = self._qualify_table_name(field.through, model._meta.schema)
            await self._run_sql(self.DELETE_TABLE_TEMPLATE.format(table=table))

    async def add_field(self, model: type[Model], field_name: str) -> None:
        """Add a column."""
        with rendered_defaults(self.DIALECT, model):
            await super().add_field(model, field_name)
        await self._run_comments()

    async def alter_field(
        self, old_model: type[Model], new_model: type[Model], field_name: str
    ) -> None:
        """Change a column."""
        with rendered_defaults(self.DIALECT, old_model, new_model):
            await super().alter_field(old_model, new_model, field_name)

    async def _rename_altered(self, model: type[Model], old_field: Any, new_field: Any) -> Any:
        """Rename a column that is altered, and return the old field with the new column.

        Tortoise renames it last, after changes of the column that does not exist yet.
        """
        old, new = (
            field.source_field or field.model_field_name for field in (old_field, new_field)
        )
        if old == new:
            return old_field
        table = self._qualify_table_name(model._meta.db_table, model._meta.schema)
        await self._run_sql(
            self.RENAME_FIELD_TEMPLATE.format(table=table, old_column=old, new_column=new)
        )
        renamed = copy(old_field)
        renamed.source_field = new
        return renamed

    async def remove_index(self, model: type[Model], index: Index) -> None:
        """Drop an index by its columns: after the rename of a column it has its old name."""
        columns = columns_of(model, index.fields)
        if not self.collect_sql and columns and not index.extra:
            for existing in await existing_on(self.client, model):
                if existing.columns == columns and not existing.unique:
                    await self._run_sql(self._drop_index_sql(model, existing.name))
                    return
        await super().remove_index(model, index)

    async def _resolve_constraint_name(
        self, model: type[Model], constraint: UniqueConstraint
    ) -> str:
        """Return the name of a unique constraint, found by its columns: it may have any name.

        Tortoise's own looks for it in one schema of PostgreSQL, and with an invalid query on MySQL.
        """
        columns = columns_of(model, constraint.fields)
        name = constraint.name or self._get_unique_constraint_name(model, list(columns))
        if self.collect_sql:
            return name
        names = [
            existing.name
            for existing in await existing_on(self.client, model)
            if existing.columns == columns and existing.unique
        ]
        return name if name in names or not names else names[0]

    async def alter_description(self, model: type[Model]) -> None:
        """Change the comment of a table, if the database has comments of tables."""

    def _unique_constraints(self, model: type[Model]) -> list[UniqueConstraint]:
        """Return the constraints that are not a part of the table's definition."""
        return [
            item
            for item in model._meta.constraints or ()
            if isinstance(item, UniqueConstraint) and not is_plain_unique(item)
        ]

    async def _run_comments(self) -> None:
        """Run the comments that were collected for the end of a table."""
        comments = self._post_table_hook()
        if comments:
            await self._run_sql(comments)

    # -- tables ----------------------------------------------------------------------------------

    def _get_model_sql_data(self, model: type[Model]) -> ModelSqlData:
        constraints = model._meta.constraints or ()
        self._inner = [
            self._get_unique_constraint_sql(model, list(item.fields))
            for item in constraints
            if is_plain_unique(item)
        ] + [
            self.CHECK_CONSTRAINT_CREATE_TEMPLATE.format(name=item.name, check=item.check)
            for item in constraints
            if isinstance(item, CheckConstraint)
        ]
        try:
            return super()._get_model_sql_data(model)
        finally:
            self._inner = []

    def _get_inner_statements(self) -> list[str]:
        return [*self._inner, *super()._get_inner_statements()]

    def _get_fk_field_definition(self, model: type[Model], key_field_name: str) -> str:
        field: Any = model._meta.fields_map[key_field_name]
        if field.reference.db_constraint:
            return super()._get_fk_field_definition(model, key_field_name)
        column = model._meta.fields_db_projection[key_field_name]
        description = field.reference.description
        table = self._qualify_table_name(model._meta.db_table, model._meta.schema)
        return self._get_field_sql(
            db_field=column,
            field_type=field.get_for_dialect(self.DIALECT, "SQL_TYPE"),
            nullable=field.null,
            unique=field.unique,
            is_pk=field.pk,
            comment=self._get_column_comment_sql(table, column, description) if description else "",
        )

    def _get_m2m_table_definition(
        self, model: type[Model], field: ManyToManyFieldInstance[Any]
    ) -> str | None:
        if field.through in self.model_tables:
            return None
        statement = super()._get_m2m_table_definition(model, field)
        if statement is None:
            return None
        if not field.db_constraint:
            return _REFERENCES.sub("", statement)
        return statement.replace(_ON_DELETE, f"ON DELETE {field.on_delete}")

    # -- indexes ---------------------------------------------------------------------------------

    def _get_index_sql(
        self,
        model: type[Model],
        field_names: Sequence[str],
        safe: bool = False,
        index_name: str | None = None,
        index_type: str | None = None,
        extra: str | None = None,
    ) -> str:
        columns = columns_of(model, field_names)
        name = index_name or self._name_index(model, columns, index_type, extra)
        return super()._get_index_sql(model, list(columns), safe, name, index_type, extra)

    def _index_name_for_model(self, model: type[Model], index: Index) -> str:
        if index.name:
            return index.name
        index.resolve_expressions(model)
        columns = columns_of(model, index.field_names)
        return self._name_index(model, columns, index.INDEX_TYPE, index.extra)

    def _name_index(
        self, model: type[Model], columns: Sequence[str], kind: str | None, extra: str | None
    ) -> str:
        # Without its kind, two indexes of the same columns would have one name.
        parts = [*columns, *(part for part in (kind, extra) if part)]
        return self._generate_index_name("idx", model, parts)

    def _get_unique_constraint_sql(self, model: type[Model], field_names: list[str]) -> str:
        return super()._get_unique_constraint_sql(model, list(columns_of(model, field_names)))

    def _resolve_fields_to_columns(
        self, model: type[Model], field_names: Sequence[str]
    ) -> list[str]:
        return list(columns_of(model, field_names))
