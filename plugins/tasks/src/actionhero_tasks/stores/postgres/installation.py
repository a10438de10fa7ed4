"""`Installation`: creates the tables and functions of the PostgreSQL store, and migrates them.

A change of the tables or functions increments `VERSION`. A change of the tables also adds the file
`sql/migrations/VERSION.sql`, which changes those of the version before; the functions are replaced
by those of `sql/`, where new schemas come from too. A function that the new version does not have
is dropped by that file.
"""

from __future__ import annotations

import re
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import asyncpg  # type: ignore[import-untyped]

from actionhero import BootError
from actionhero_tasks.stores.postgres.schema import render

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from actionhero_tasks.stores.postgres.connections import BlockingConnections

#: The version of the tables and functions.
VERSION: Final = 3
#: How long a migration, or the wait for that of another process, may take.
MIGRATION_SECONDS: Final = 600.0
#: The files with the functions, in order.
_FUNCTIONS: Final = (
    "adding",
    "batches",
    "limits",
    "running",
    "workers",
    "operations",
    "outbox",
    "listing",
)
_CREATE_FUNCTION: Final = re.compile(r"^CREATE FUNCTION tasks\.(\w+)", re.MULTILINE)
#: The functions of a store: those with the names of ours that name the schema in their body. The
#: schema may have functions of others, also under these names, such as `cancel` in `public`.
_OWN_FUNCTIONS: Final = """
SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND p.prokind = 'f' AND p.proname = ANY ($2::text[])
    AND (strpos(p.prosrc, $3) > 0 OR p.proname = 'without_capacity')
"""
#: The errors because of which a schema is missing, or another process is creating it.
_MISSING: Final = (asyncpg.InvalidSchemaNameError, asyncpg.UndefinedTableError)


class Installation:
    """The tables and functions of a store, of this or another version of them.

    Args:
        schema: The name of the schema.
        version: The version to install.
        folder: The SQL files of this version; `None`: those of this package.
    """

    def __init__(
        self, schema: str, version: int = VERSION, folder: Traversable | None = None
    ) -> None:
        self._schema = schema
        self._version = version
        self._folder = folder or resources.files("actionhero_tasks.stores.postgres") / "sql"

    def run(self, connections: BlockingConnections) -> None:
        """Create the tables and functions, or migrate those of an older version.

        Several processes may do so at once.

        Raises:
            BootError: They are of a newer version, or the user may not create or change them.
            StoreUnavailable: PostgreSQL cannot be reached.
        """
        number = connections.run(self._installed_version)
        if number is None or number < self._version:
            number = connections.run(self._upgrade, timeout_seconds=MIGRATION_SECONDS)
        if number > self._version:
            raise BootError(
                f"the tables of jobs in the schema {self._schema!r} are of version {number}, and "
                f"this release of actionhero-tasks uses version {self._version}; install the "
                "release that has migrated them, or a newer one"
            )

    async def _installed_version(self, connection: Any) -> int | None:
        try:
            number: int | None = await connection.fetchval(
                render("SELECT number FROM tasks.version", self._schema)
            )
        except _MISSING:
            return None
        return number

    async def _upgrade(self, connection: Any) -> int:
        """Create or migrate in one transaction, unless another process has done so."""
        schema = self._schema
        lock = int.from_bytes(
            sha256(f"actionhero-tasks {schema}".encode()).digest()[:8], signed=True
        )
        try:
            async with connection.transaction(isolation="read_committed"):
                # Released at the end of the transaction.
                await connection.execute("SELECT pg_advisory_xact_lock($1)", lock)
                exists = "SELECT to_regclass($1) IS NOT NULL"
                if not await connection.fetchval(exists, f'"{schema}".version'):
                    await self._create(connection)
                    return self._version
                number: int = await connection.fetchval(
                    render("SELECT number FROM tasks.version", schema)
                )
                if number < self._version:
                    await self._migrate(connection, number)
                return max(number, self._version)
        except asyncpg.InsufficientPrivilegeError as error:
            raise BootError(
                f"the user of the database may not create or change the tables of jobs in the "
                f'schema {schema!r}: {error}; run: CREATE SCHEMA IF NOT EXISTS "{schema}" '
                "AUTHORIZATION the user of DATABASE_URL; if it exists, start this release once as "
                "the role that created it"
            ) from error

    async def _create(self, connection: Any) -> None:
        # `IF NOT EXISTS` would require a permission even if the schema exists.
        exists = "SELECT EXISTS(SELECT FROM pg_namespace WHERE nspname = $1)"
        if not await connection.fetchval(exists, self._schema):
            await connection.execute(f'CREATE SCHEMA "{self._schema}"')
        await self._execute(connection, self._folder / "tables.sql")
        await self._create_functions(connection)
        insert = render("INSERT INTO tasks.version VALUES ($1)", self._schema)
        await connection.execute(insert, self._version)

    async def _migrate(self, connection: Any, number: int) -> None:
        # All of them, because a function whose result has changed cannot be replaced.
        functions = await connection.fetch(
            _OWN_FUNCTIONS, self._schema, self._function_names(), f'"{self._schema}".'
        )
        if functions:
            await connection.execute(f"DROP FUNCTION {', '.join(name for (name,) in functions)}")
        for version in range(number + 1, self._version + 1):
            path = self._folder / "migrations" / f"{version}.sql"
            # There is none if only functions have changed.
            if path.is_file():
                await self._execute(connection, path)
        await self._create_functions(connection)
        update = render("UPDATE tasks.version SET number = $1", self._schema)
        await connection.execute(update, self._version)

    def _function_names(self) -> list[str]:
        files = (self._folder / f"{name}.sql" for name in _FUNCTIONS)
        return [
            name for file in files for name in _CREATE_FUNCTION.findall(file.read_text("utf-8"))
        ]

    async def _create_functions(self, connection: Any) -> None:
        for name in _FUNCTIONS:
            await self._execute(connection, self._folder / f"{name}.sql")

    async def _execute(self, connection: Any, path: Traversable) -> None:
        await connection.execute(render(path.read_text(encoding="utf-8"), self._schema))
