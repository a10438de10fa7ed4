"""A copy of a SQLite file, made before a table of it is made anew."""

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

#: What may make a table anew, or take one away.
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


def makes_tables_anew(migration: Migration) -> bool:
    """Whether a migration does more than to add."""
    return any(isinstance(operation, _RISKY) for operation in migration.operations)


async def back_up(file: Path, reason: str) -> Path:
    """Copy a SQLite file, while others may be writing to it, and return the copy.

    Args:
        file: The file.
        reason: What comes next; part of the copy's name. One of the same name is replaced.
    """
    path = file.with_name(f"{file.name}.before-{reason}")
    await asyncio.to_thread(_copy, file, path)
    return path


def _copy(file: Path, path: Path) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
