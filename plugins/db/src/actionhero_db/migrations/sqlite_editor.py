"""`SqliteEditor`: the schema editor for SQLite, which rebuilds a table without loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.migrations.constraints import UniqueConstraint
from tortoise.migrations.schema_editor import SqliteSchemaEditor

from actionhero_db.migrations.defaults import default_sql, is_expression, rendered_defaults
from actionhero_db.migrations.definitions import Definitions
from actionhero_db.migrations.errors import MigrationFailed
from actionhero_db.migrations.indexes import columns_of, declared_by, existing_on, name_of
from actionhero_db.migrations.scripts import statements_in

if TYPE_CHECKING:
    from tortoise.models import Model


class SqliteEditor(Definitions, SqliteSchemaEditor):
    """Tortoise's schema editor for SQLite, with another way to rebuild a table.

    Tortoise's own drops the table's indexes, triggers, unique constraints and checks, and with
    foreign keys on, all rows that refer to it. This one creates the new table next to the old one,
    copies and counts every row, and restores indexes and triggers that no model declares.
    """

    async def _run_sql(self, sql: str) -> None:
        if self.collect_sql:
            self.collected_sql.append(sql)
            return
        # Not as a script: sqlite3 commits before it.
        for statement in statements_in(sql, self.DIALECT):
            await self.client.execute_query(statement)

    async def add_field(self, model: type[Model], field_name: str) -> None:
        """Add a column; if SQLite cannot add its default, by rebuilding the table."""
        field = model._meta.fields_map[field_name]
        if is_expression(field) or _is_unconstrained(field):
            await self._remake_table(model)
        else:
            await super().add_field(model, field_name)

    async def add_constraint(self, model: type[Model], constraint: Any) -> None:
        """Add a constraint: a unique one is an index, and a check needs another table."""
        if isinstance(constraint, UniqueConstraint):
            await self._run_sql(self._unique_index(model, constraint))
        else:
            await super().add_constraint(model, constraint)

    def _unique_index(self, model: type[Model], constraint: UniqueConstraint) -> str:
        columns = columns_of(model, constraint.fields)
        name = constraint.name or self._get_unique_constraint_name(model, list(columns))
        where = f" WHERE {constraint.condition}" if constraint.condition else ""
        fields = ", ".join(map(self.quote, columns))
        table = self.quote(model._meta.db_table)
        return f"CREATE UNIQUE INDEX {self.quote(name)} ON {table} ({fields}){where};"

    async def remove_constraint(self, model: type[Model], constraint: Any) -> None:
        """Remove a constraint by rebuilding the table, which it is a part of."""
        await self._remake_table(model)

    async def rename_constraint(
        self, model: type[Model], old_constraint: Any, new_constraint: Any
    ) -> None:
        """Rename a constraint by rebuilding the table, which it is a part of."""
        await self._remake_table(model)

    async def _remake_table(
        self,
        model: type[Model],
        create_field: Any = None,
        delete_field: Any = None,
        alter_fields: Any = None,
    ) -> None:
        meta = model._meta
        reference = f"{meta.app}.{model.__name__}"
        source, target = (state.apps.get_model(reference) for state in (self.source, self.target))
        table, draft = self.quote(meta.db_table), self.quote(f"new__{meta.db_table}")
        undeclared = await self._undeclared(source)
        values = await self._column_values(source, target, alter_fields or [])
        create, *indexes = self._create(target)
        await self._run_sql(create.replace(f"CREATE TABLE {table}", f"CREATE TABLE {draft}", 1))
        await self._run_sql(
            f"INSERT INTO {draft} ({', '.join(map(self.quote, values))}) "  # noqa: S608
            f"SELECT {', '.join(values.values())} FROM {table}"
        )
        await self._compare_counts(meta.db_table)
        sequence = await self._sequence(meta.db_table)
        await self._run_sql(f"DROP TABLE {table}")
        # Otherwise SQLite checks every view, and refuses views of the dropped table.
        await self._run_sql("PRAGMA legacy_alter_table = ON")
        await self._run_sql(f"ALTER TABLE {draft} RENAME TO {table}")
        await self._run_sql("PRAGMA legacy_alter_table = OFF")
        if sequence is not None:
            # The ids of deleted rows are not used again.
            await self._run_sql(f"DELETE FROM sqlite_sequence WHERE name = '{meta.db_table}'")  # noqa: S608
            await self._run_sql(
                f"INSERT INTO sqlite_sequence VALUES ('{meta.db_table}', {sequence})"  # noqa: S608
            )
        for statement in indexes:
            await self._run_sql(statement)
        await self._restore(meta.db_table, undeclared)

    def _create(self, target: type[Model]) -> list[str]:
        """Return the statements that create the table and the indexes of a model."""
        with rendered_defaults(self.DIALECT, target):
            sql = self._get_model_sql_data(target).table_sql
        create, *indexes = statements_in(sql, self.DIALECT)
        constraints = self._unique_constraints(target)
        return [create, *indexes, *(self._unique_index(target, item) for item in constraints)]

    async def _column_values(
        self, source: type[Model], target: type[Model], altered: list[tuple[Any, Any]]
    ) -> dict[str, str]:
        """Return the SQL value of each column of the new table, without those left to defaults."""
        table = source._meta.db_table
        before = set(source._meta.fields_db_projection.values())
        after = list(target._meta.fields_db_projection.values())
        existing = before if self.collect_sql else await self._columns(table)
        if unknown := existing - before - set(after):
            raise MigrationFailed(
                f"table {table!r} has the column {min(unknown)!r}, which is in no migration and "
                "would be lost; add it to the model, or drop it yourself"
            )
        values = {column: self.quote(column) for column in after if column in existing}
        for old, new in altered:
            old_column = old.source_field or old.model_field_name
            new_column = new.source_field or new.model_field_name
            if old_column not in existing or new_column not in after:
                continue
            value = self.quote(old_column)
            if old.null and not new.null and new.has_db_default():
                value = (
                    f"COALESCE({value}, {default_sql(target, new.model_field_name, self.DIALECT)})"
                )
            values[new_column] = value
        return values

    async def _columns(self, table: str) -> set[str]:
        _, rows = await self.client.execute_query(f'PRAGMA table_info("{table}")')
        return {row["name"] for row in rows}

    async def _undeclared(self, source: type[Model]) -> list[tuple[str, str]]:
        """Return the names and SQL of triggers and indexes that the model does not declare."""
        if self.collect_sql:
            return []
        table = source._meta.db_table
        declared = declared_by(source)
        columns = {item.columns for item in declared if item.columns}
        names = {name_of(self, source, item) for item in declared}
        declared_names = {
            index.name
            for index in await existing_on(self.client, source)
            if index.columns in columns or index.name in names
        }
        _, rows = await self.client.execute_query(
            "SELECT name, sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL "
            "AND type IN ('index', 'trigger')",
            [table],
        )
        return [(row["name"], row["sql"]) for row in rows if row["name"] not in declared_names]

    async def _restore(self, table: str, items: list[tuple[str, str]]) -> None:
        for name, sql in items:
            _, rows = await self.client.execute_query(
                "SELECT 1 FROM sqlite_master WHERE name = ?", [name]
            )
            if rows:
                continue
            try:
                await self.client.execute_query(sql)
            except Exception as error:
                raise MigrationFailed(
                    f"{name!r} on table {table!r} is not declared by its model, and cannot be "
                    f"restored: {error}; drop it, migrate, and create it again"
                ) from error

    async def _compare_counts(self, table: str) -> None:
        if self.collect_sql:
            return
        _, rows = await self.client.execute_query(
            f'SELECT (SELECT count(*) FROM "{table}") AS before, '  # noqa: S608
            f'(SELECT count(*) FROM "new__{table}") AS after'
        )
        if rows[0]["before"] != rows[0]["after"]:
            raise MigrationFailed(
                f"only {rows[0]['after']} of the {rows[0]['before']} rows of table {table!r} "
                "would remain"
            )

    async def _sequence(self, table: str) -> int | None:
        if self.collect_sql:
            return None
        _, rows = await self.client.execute_query(
            "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
        )
        if rows:
            _, rows = await self.client.execute_query(
                "SELECT seq FROM sqlite_sequence WHERE name = ?", [table]
            )
        return int(rows[0]["seq"]) if rows else None


def _is_unconstrained(field: Any) -> bool:
    return isinstance(field, ForeignKeyFieldInstance) and not field.db_constraint
