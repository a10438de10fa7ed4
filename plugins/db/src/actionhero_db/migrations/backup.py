"""Copies of a SQLite file, made before a migration rebuilds one of its tables."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from tortoise.migrations.operations import (
    AddConstraint,
    AddField,
    AlterField,
    DeleteModel,
    RemoveConstraint,
    RemoveField,
    RunPython,
    RunSQL,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tortoise.migrations.migration import Migration

#: The operations that may rebuild or drop a table.
_RISKY = (
    AddConstraint,
    AddField,
    AlterField,
    DeleteModel,
    RemoveConstraint,
    RemoveField,
    RunPython,
    RunSQL,
)


def may_rebuild_tables(migration: Migration) -> bool:
    """Return whether a migration may rebuild or drop a table."""
    return any(isinstance(operation, _RISKY) for operation in migration.operations)


async def back_up(file: Path, reason: str) -> Path:
    """Copy a SQLite file, even during writes of other processes, and return the copy.

    Args:
        file: The file.
        reason: The reason, as a part of the copy's name. A copy with the same name is replaced.
    """
    path = file.with_name(f"{file.name}.before-{reason}")
    await asyncio.to_thread(_copy, file, path)
    return path


def _copy(file: Path, path: Path) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
