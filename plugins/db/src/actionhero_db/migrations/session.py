"""`Session`: the connections, the files and the recorder of one run of migrations."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tortoise.migrations.graph import MigrationGraph, MigrationKey
from tortoise.migrations.loader import MigrationLoader
from tortoise.migrations.recorder import MigrationRecorder
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps

from actionhero import PluginError
from actionhero_db.migrations.editors import editor_for
from actionhero_db.migrations.files import import_files, remove_missing_packages
from actionhero_db.migrations.steps import advance, state_of
from actionhero_db.orm import activated, close_context, create_context
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from tortoise.backends.base.client import BaseDBAsyncClient
    from tortoise.context import TortoiseContext
    from tortoise.migrations.migration import Migration

    from actionhero_db.database import Database


class Recorder(MigrationRecorder):
    """Tortoise's table of applied migrations. A failed query is not taken for an empty table."""

    async def applied_migrations(self) -> list[MigrationKey]:
        """Return the applied migrations in their order; none if there is no table."""
        if not await has_table(self.connection, self.table_name):
            return []
        _, rows = await self.connection.execute_query(
            f"SELECT app, name FROM {self._quote(self.table_name)} ORDER BY id"  # noqa: S608
        )
        return [MigrationKey(app_label=row["app"], name=row["name"]) for row in rows]


class _EmptyRecorder(MigrationRecorder):
    """A recorder without applied migrations, which needs no database."""

    def __init__(self) -> None:
        super().__init__(connection=None)

    async def applied_migrations(self) -> list[MigrationKey]:
        return []


class Session:
    """The resources of one run of migrations.

    Args:
        context: Tortoise's context of this run only.
        client: Its connections.
        apps: The section `apps` of Tortoise's configuration.
    """

    def __init__(
        self, context: TortoiseContext, client: BaseDBAsyncClient, apps: dict[str, Any]
    ) -> None:
        self.context = context
        self.client = client
        self.apps = apps
        self.recorder = Recorder(client)
        self.graph = MigrationGraph()

    async def load_files(self) -> None:
        """Load the migrations of all plugins.

        Raises:
            PluginError: A file cannot be imported, or depends on a missing migration.
        """
        import_files(self.apps)
        loader = MigrationLoader(self.apps, _EmptyRecorder())
        try:
            await loader.build_graph()
        except (ImportError, ValueError) as error:
            raise PluginError(
                f"migrations cannot be loaded: {error}; fix the files, or install the plugin with "
                "the missing migrations"
            ) from error
        self.graph = loader.graph

    @property
    def plan(self) -> list[MigrationKey]:
        """All migrations, each after its dependencies."""
        leaves = self.graph.leaf_nodes()
        return list(dict.fromkeys(key for leaf in leaves for key in self.graph.forwards_plan(leaf)))

    def migration(self, key: MigrationKey) -> Migration:
        """Return the migration loaded from the file of `key`."""
        migration = self.graph.nodes[key]
        if migration is None:
            raise PluginError(f"migration {key} does not exist")
        return migration

    async def applied(self) -> list[MigrationKey]:
        """Return the applied migrations in their order."""
        return await self.recorder.applied_migrations()

    async def create_recorder_table(self) -> None:
        """Create the table of applied migrations, if it does not exist."""
        # MySQL warns about a table that exists, also with `IF NOT EXISTS`.
        if not await has_table(self.client, self.recorder.table_name):
            await self.recorder.ensure_schema(editor_for(self.client, atomic=False))

    async def state_after(self, keys: Iterable[MigrationKey]) -> State:
        """Return the models as they are after the migrations `keys`."""
        selected = set(keys)
        connection = self.client.connection_name
        apps = StateApps(default_connections=dict.fromkeys(self.apps, connection))
        state = State(models={}, apps=apps)
        for key in self.plan:
            if key in selected:
                migration = self.migration(key)
                for operation in migration.operations:
                    advance(migration, operation, state)
        try:
            state.validate_relations_initialized()
        except RuntimeError as error:
            raise PluginError(f"the migrations do not fit together: {error}") from error
        return state

    def application_state(self, like: State) -> State:
        """Return the models of the application, with the connections of another state."""
        return state_of(
            [
                (label, model)
                for label, models in (self.context.apps or {}).items()
                for model in models.values()
            ],
            like,
        )

    def unknown(self, applied: Iterable[MigrationKey]) -> list[MigrationKey]:
        """Return the applied migrations without a file: those of a newer release."""
        return [
            key for key in applied if key.app_label in self.apps and key not in self.graph.nodes
        ]


def migration_config(database: Database) -> dict[str, Any]:
    """Return Tortoise's configuration for a run of migrations."""
    if database.dialect is Dialect.SQLITE:
        # With foreign keys on, rebuilding a table would delete the rows that refer to it.
        return database.config(foreign_keys="OFF")
    # One connection holds the lock while another one works.
    return database.config(minsize=0, maxsize=2)


@contextlib.asynccontextmanager
async def open_session(database: Database, *, load_files: bool = True) -> AsyncIterator[Session]:
    """Open a session for a block. The first statement connects.

    Args:
        database: The database.
        load_files: Whether to load the migrations.

    Raises:
        PluginError: A migration cannot be loaded.
    """
    config = migration_config(database)
    context = await create_context(config)
    try:
        with activated(context):
            client = context.connections.get(str(database.dialect))
            remove_missing_packages(config["apps"])
            session = Session(context, client, config["apps"])
            if load_files:
                await session.load_files()
            yield session
    finally:
        await close_context(context)


async def has_table(client: BaseDBAsyncClient, table: str, schema: str | None = None) -> bool:
    """Return whether a table exists."""
    return bool(await columns_in(client, table, schema))


async def columns_in(client: BaseDBAsyncClient, table: str, schema: str | None = None) -> set[str]:
    """Return the columns of a table; none if the table does not exist."""
    dialect = client.capabilities.dialect
    if dialect == Dialect.SQLITE:
        _, rows = await client.execute_query(f'PRAGMA table_info("{table}")')
        return {row["name"] for row in rows}
    placeholder = "%s" if dialect == Dialect.MYSQL else "$1"
    default_schema = "database()" if dialect == Dialect.MYSQL else "current_schema()"
    table_schema = f"'{schema}'" if schema else default_schema
    _, rows = await client.execute_query(
        "SELECT column_name AS name FROM information_schema.columns "  # noqa: S608
        f"WHERE table_name = {placeholder} AND table_schema = {table_schema}",
        [table],
    )
    return {row["name"] for row in rows}
