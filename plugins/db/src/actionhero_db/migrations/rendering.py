"""Fields and operations as they are written to a migration file."""

from __future__ import annotations

import datetime as dt
import uuid
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tortoise.migrations.writer import ImportManager, MigrationWriter

#: The types of a default that a file can contain as it is.
_PLAIN: Final = (
    bool,
    int,
    float,
    str,
    bytes,
    Decimal,
    dt.datetime,
    dt.date,
    dt.time,
    dt.timedelta,
    uuid.UUID,
)


class Writer(MigrationWriter):
    """Tortoise's writer, which also writes options that differ from the default of a field."""

    def _render_field(self, field: Any, imports: ImportManager) -> str:
        path, args, options = field.deconstruct()
        if field.pk and field.allows_generated:
            # A key is generated unless it says that it is not.
            options["generated"] = field.generated
        return super()._render_field(_Parts((path, args, options)), imports)


@dataclass
class _Parts:
    """An object whose parts are known."""

    parts: tuple[str, list[Any], dict[str, Any]]

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.parts


def writable(field: Any) -> Any:
    """Return a field without a default that is no plain value.

    The database knows `db_default` only; `default` is applied by Python. A function would bind the
    file to a name of the application, which may be gone when it runs again.
    """
    if field is None or is_plain(field.default):
        return field
    written = copy(field)
    written.default = None
    return written


def is_plain(value: Any) -> bool:
    """Return whether a value is a constant of a type that every release has."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(map(is_plain, value)) and all(map(is_plain, value.values()))
    return value is None or type(value) in _PLAIN
