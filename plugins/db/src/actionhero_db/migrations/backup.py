"""Copies of a SQLite file, made before a migration rebuilds a table or deletes values."""

from __future__ import annotations

import asyncio
import filecmp
import itertools
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


async def back_up(file: Path, reason: str) -> Path:
    """Copy a SQLite file, even during writes of other processes, and return the copy.

    A copy is never replaced: the next one with the same reason gets a number. It is not stored if
    it equals the last one, as before each attempt of a migration that fails.

    Args:
        file: The file.
        reason: The reason, as a part of the copy's name.
    """
    return await asyncio.to_thread(_copy, file, f"{file.name}.before-{reason}")


def _copy(file: Path, name: str) -> Path:
    path, previous = _create(file, name)
    try:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(path)) as target:
            source.backup(target)
        if previous is None or not filecmp.cmp(path, previous, shallow=False):
            return path
    except BaseException:
        # An incomplete copy would look like a complete one.
        path.unlink()
        raise
    path.unlink()
    return previous


def _create(file: Path, name: str) -> tuple[Path, Path | None]:
    """Create an empty file for a copy, and return its path and that of the previous copy."""
    previous = None
    mode = stat.S_IMODE(file.stat().st_mode)
    for number in itertools.count(1):
        path = file.with_name(name if number == 1 else f"{name}.{number}")
        try:
            # As private as the original.
            path.touch(mode=mode, exist_ok=False)
        except FileExistsError:
            previous = path
        else:
            break
    return path, previous
