"""`Session`: the connections, the files and the records of one run of migrations."""

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
from actionhero_db.orm import close_context, entered, new_context
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from tortoise.backends.base.client import BaseDBAsyncClient
    from tortoise.context import TortoiseContext
    from tortoise.migrations.migration import Migration

    from actionhero_db.database import Database


class Recorder(MigrationRecorder):
    """Tortoise's table of what was run, read so that a failure is not taken for an empty table."""

    async def applied_migrations(self) -> list[MigrationKey]:
        """Return what was run, in the order in which it was; nothing if there is no table."""
        if not await has_table(self.connection, self.table_name):
            return []
        _, rows = await self.connection.execute_query(
            f"SELECT app, name FROM {self._quote(self.table_name)} ORDER BY id"  # noqa: S608
        )
        return [MigrationKey(app_label=row["app"], name=row["name"]) for row in rows]


class _NoRecords(MigrationRecorder):
    """Nothing was run: for what needs no database."""

    def __init__(self) -> None:
        super().__init__(connection=None)

    async def applied_migrations(self) -> list[MigrationKey]:
        return []


class Session:
    """What a run of migrations works with.

    Args:
        context: Tortoise's context of this run alone.
        client: Its connections.
        apps: The part `apps` of Tortoise's configuration.
    """

    def __init__(
        self, context: TortoiseContext, client: BaseDBAsyncClient, apps: dict[str, Any]
    ) -> None:
        self.context = context
        self.client = client
        self.apps = apps
        self.recorder = Recorder(client)
        self.graph = MigrationGraph()

    async def read_files(self) -> None:
        """Read the migrations of all plugins.

        Raises:
            PluginError: They cannot be imported, or one names another that is not there.
        """
        loader = MigrationLoader(self.apps, _NoRecords())
        try:
            await loader.build_graph()
        except (ImportError, ValueError, SyntaxError) as error:
            raise PluginError(
                f"migrations cannot be read: {error}; mend the files, or install the plugin whose "
                "migrations they need"
            ) from error
        self.graph = loader.graph

    @property
    def plan(self) -> list[MigrationKey]:
        """All migrations, each after those that it needs."""
        leaves = self.graph.leaf_nodes()
        return list(dict.fromkeys(key for leaf in leaves for key in self.graph.forwards_plan(leaf)))

    def migration(self, key: MigrationKey) -> Migration:
        """Return what was read from the file of `key`."""
        migration = self.graph.nodes[key]
        if migration is None:
            raise PluginError(f"migration {key} is not there")
        return migration

    async def applied(self) -> list[MigrationKey]:
        """Return what was run, in the order in which it was."""
        return await self.recorder.applied_migrations()

    async def ensure_records(self) -> None:
        """Make the table of what was run, if it is not there."""
        await self.recorder.ensure_schema(editor_for(self.client, atomic=False))

    async def state_after(self, keys: Iterable[MigrationKey]) -> State:
        """Return the models as they are after `keys` were run."""
        wanted = set(keys)
        connection = self.client.connection_name
        apps = StateApps(default_connections=dict.fromkeys(self.apps, connection))
        state = State(models={}, apps=apps)
        for key in self.plan:
            if key in wanted:
                await self.migration(key).apply(state, dry_run=True)
        return state


@contextlib.asynccontextmanager
async def session_of(database: Database) -> AsyncIterator[Session]:
    """Open a session for a block. Nothing is connected before it is used."""
    # With foreign keys on, a SQLite table cannot be made anew without losing what refers to it.
    # Of a pool, one connection holds the lock while another works.
    own: dict[Dialect, dict[str, Any]] = {
        Dialect.SQLITE: {"foreign_keys": "OFF"},
        Dialect.POSTGRES: {"minsize": 0, "maxsize": 2},
    }
    config = database.config(**own.get(database.dialect, {}))
    context = await new_context(config)
    try:
        with entered(context):
            client = context.connections.get(str(database.dialect))
            session = Session(context, client, config["apps"])
            await session.read_files()
            yield session
    finally:
        await close_context(context)


async def has_table(client: BaseDBAsyncClient, table: str, schema: str | None = None) -> bool:
    """Whether there is a table of that name."""
    return bool(await columns_in(client, table, schema))


async def columns_in(client: BaseDBAsyncClient, table: str, schema: str | None = None) -> set[str]:
    """Return the columns of a table; none if it is not there."""
    dialect = client.capabilities.dialect
    if dialect == Dialect.SQLITE:
        _, rows = await client.execute_query(f'PRAGMA table_info("{table}")')
        return {row["name"] for row in rows}
    place = "%s" if dialect == Dialect.MYSQL else "$1"
    here = "database()" if dialect == Dialect.MYSQL else "current_schema()"
    within = f"'{schema}'" if schema else here
    _, rows = await client.execute_query(
        "SELECT column_name AS name FROM information_schema.columns "  # noqa: S608
        f"WHERE table_name = {place} AND table_schema = {within}",
        [table],
    )
    return {row["name"] for row in rows}
