"""The tables and functions of the PostgreSQL store, and their installation."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import asyncpg  # type: ignore[import-untyped]

from actionhero import BootError
from actionhero_tasks.job import JobState
from actionhero_tasks.stores.store import MAX_DELIVERIES

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Incremented when the tables or functions change; a schema of another version is rejected.
VERSION: Final = 1

#: The states of jobs; integers, because every index contains them.
READY: Final = 0
DELAYED: Final = 1
RUNNING: Final = 2
DONE: Final = 3
DEAD: Final = 4
CANCELLED: Final = 5
#: Ready, and it was running during two crashes.
SUSPECT: Final = 6
#: Ready, and being sent to a message broker.
SENDING: Final = 7
#: Ready, and sent to a message broker.
SENT: Final = 8

STATES: Final[Mapping[int, JobState]] = {
    READY: JobState.READY,
    DELAYED: JobState.DELAYED,
    RUNNING: JobState.RUNNING,
    DONE: JobState.DONE,
    DEAD: JobState.DEAD,
    CANCELLED: JobState.CANCELLED,
    SUSPECT: JobState.READY,
    SENDING: JobState.READY,
    SENT: JobState.READY,
}

#: The longest name of a schema and of a notification channel, in bytes.
MAX_NAME_BYTES: Final = 63
_SUFFIX: Final = "_tasks"
#: The files with the tables and functions, in order.
_FILES: Final = (
    "tables",
    "adding",
    "batches",
    "limits",
    "running",
    "workers",
    "operations",
    "outbox",
    "listing",
)
_LOST: Final = json.dumps(
    {"message": f"its worker crashed {MAX_DELIVERIES} times while it ran", "type": "WORKER_LOST"}
)
_CONSTANTS: Final[Mapping[str, object]] = {
    "READY": READY,
    "DELAYED": DELAYED,
    "RUNNING": RUNNING,
    "DONE": DONE,
    "DEAD": DEAD,
    "CANCELLED": CANCELLED,
    "SUSPECT": SUSPECT,
    "SENDING": SENDING,
    "SENT": SENT,
    "MAX_DELIVERIES": MAX_DELIVERIES,
    "VERSION": VERSION,
    # The plans of functions are kept, whatever the statistics were when they were made: those of an
    # empty table would read all of a million jobs. The costs would also start the JIT compiler.
    "PLANNER": "SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off "
    "SET enable_sort = off SET plan_cache_mode = force_generic_plan",
    "LOST": f"convert_to('{_LOST}', 'UTF8')",
}
#: A constant such as `:READY`, but no type such as `::bigint`.
_CONSTANT: Final = re.compile(r"(?<!:):([A-Z_]+)\b")
#: The schema in the files: `tasks.`, as a whole word.
_SCHEMA: Final = re.compile(r"\btasks\.")
#: The errors because of which a schema is missing, or another process is creating it.
_MISSING: Final = (asyncpg.InvalidSchemaNameError, asyncpg.UndefinedTableError)


def schema_name(application: str) -> str:
    """Return a unique name for the schema of an application, of ASCII letters and digits."""
    name = re.sub(r"[^a-z0-9_-]+", "-", application.lower())
    if name == application and 0 < len(name) <= MAX_NAME_BYTES - len(_SUFFIX):
        return name + _SUFFIX
    # Names that differ only in the replaced characters must not share their tables.
    digest = sha256(application.encode()).hexdigest()[:8]
    return f"{name[: MAX_NAME_BYTES - len(_SUFFIX) - len(digest) - 1]}-{digest}{_SUFFIX}"


def render(sql: str, schema: str) -> str:
    """Replace the constants and the schema `tasks` in a statement."""
    constants = {**_CONSTANTS, "CHANNEL": f"'{schema}'"}
    sql = _CONSTANT.sub(lambda match: str(constants[match[1]]), sql)
    return _SCHEMA.sub(f'"{schema}".', sql)


async def install(connection: Any, schema: str) -> None:
    """Create the tables and functions, unless they exist. Several processes may do so at once.

    Raises:
        BootError: They are of another version, or the user may not create them.
    """
    number = await _version(connection, schema)
    if number is None:
        try:
            number = await _create(connection, schema)
        except asyncpg.InsufficientPrivilegeError as error:
            raise BootError(
                f"the user of the database may not create the tables of jobs in the schema "
                f'{schema!r}: {error}; run: CREATE SCHEMA IF NOT EXISTS "{schema}" AUTHORIZATION '
                "the user of DATABASE_URL"
            ) from error
    if number != VERSION:
        raise BootError(
            f"the tables of jobs in the schema {schema!r} were created by another version of "
            f"actionhero-tasks (schema {number}, this version has {VERSION}); finish its jobs with "
            "that version, then drop the schema"
        )


async def _version(connection: Any, schema: str) -> int | None:
    try:
        number: int | None = await connection.fetchval(
            render("SELECT number FROM tasks.version", schema)
        )
    except _MISSING:
        return None
    return number


async def _create(connection: Any, schema: str) -> int | None:
    lock = int.from_bytes(sha256(f"actionhero-tasks {schema}".encode()).digest()[:8], signed=True)
    async with connection.transaction(isolation="read_committed"):
        # Released at the end of the transaction.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", lock)
        exists = "SELECT to_regclass($1) IS NOT NULL"
        if not await connection.fetchval(exists, f'"{schema}".version'):
            # `IF NOT EXISTS` would require a permission even if the schema exists.
            found = "SELECT EXISTS(SELECT FROM pg_namespace WHERE nspname = $1)"
            if not await connection.fetchval(found, schema):
                await connection.execute(f'CREATE SCHEMA "{schema}"')
            folder = resources.files("actionhero_tasks.stores.postgres") / "sql"
            for name in _FILES:
                text = (folder / f"{name}.sql").read_text(encoding="utf-8")
                await connection.execute(render(text, schema))
    return await _version(connection, schema)
