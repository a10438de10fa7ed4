"""Values of parameters, checked and converted before a driver gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.timezone import get_default_timezone, get_use_tz

from actionhero_db.error_translation import UnstorableValue

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable


def refuse_nul(values: Iterable[Any] | None) -> None:
    """Refuse a text with a NUL character, as PostgreSQL does.

    Raises:
        UnstorableValue: One of the values contains a NUL.
    """
    for value in values or ():
        if type(value) is str:
            if "\x00" in value:
                raise UnstorableValue("a text contains the character U+0000")
        elif type(value) in {list, tuple}:
            # The values of one row of an `executemany`.
            refuse_nul(value)


def in_default_zone(value: datetime.datetime) -> datetime.datetime:
    """Return a time in the time zone of the database, which does not store one."""
    if value.tzinfo is not None and get_use_tz():
        return value.astimezone(get_default_timezone())
    return value
