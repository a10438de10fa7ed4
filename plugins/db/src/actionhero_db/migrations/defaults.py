"""The defaults of columns as SQL: each value is the one that Tortoise would store, as a literal."""

from __future__ import annotations

import contextlib
import datetime
import functools
import math
import sqlite3
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from pypika_tortoise.context import DEFAULT_SQL_CONTEXT
from tortoise.fields import BinaryField, DateField, DatetimeField, JSONField, TextField, TimeField
from tortoise.fields.db_defaults import Now, SqlDefault
from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.migrations.expressions import RawSQLTerm

from actionhero_db.backends.values import in_default_zone
from actionhero_db.migrations.errors import MigrationRefused
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tortoise.models import Model

#: The current time for each kind of field. SQLite compares texts, so it has the form that Tortoise
#: stores.
_NOW: Final[dict[str, dict[type, str]]] = {
    Dialect.SQLITE: {
        DatetimeField: "(replace(strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'), '.000000', ''))",
        DateField: "CURRENT_DATE",
        TimeField: "(replace(strftime('%H:%M:%f000+00:00', 'now'), '.000000', ''))",
    },
    Dialect.MYSQL: {
        DatetimeField: "CURRENT_TIMESTAMP(6)",
        DateField: "(CURRENT_DATE)",
        TimeField: "(CURRENT_TIME(6))",
    },
}
#: Python's types of the values that `Field.to_db_value` returns; a date includes one with a time.
_MYSQL_TYPES: Final[tuple[type, ...]] = (
    *(str, int, float, Decimal),
    *(datetime.date, datetime.time, datetime.timedelta),
)


@contextlib.contextmanager
def rendered_defaults(dialect: str, *models: type[Model]) -> Iterator[None]:
    """Replace the defaults of models by their SQL for a block.

    Tortoise writes values into statements as if none of them had an apostrophe, and asks only for
    the SQL of expressions.
    """
    originals = [
        (field, field.db_default, default_sql(model, _value_field(name, field), dialect))
        for model in models
        for name, field in model._meta.fields_map.items()
        if has_default(field)
    ]
    try:
        for field, _, sql in originals:
            field.db_default = SqlDefault(sql)
        yield
    finally:
        for field, default, _ in originals:
            field.db_default = default


def has_default(field: Any) -> bool:
    """Return whether a field has a default in the database."""
    has_column = field.has_db_field or isinstance(field, ForeignKeyFieldInstance)
    return bool(has_column and field.has_db_default())


def _value_field(name: str, field: Any) -> str:
    """Return the name of the field with the column of a field, which a reference does not have."""
    return str(field.source_field) if isinstance(field, ForeignKeyFieldInstance) else name


def is_expression(field: Any) -> bool:
    """Return whether the default of a field is computed by the database, for each row."""
    return has_default(field) and hasattr(field.db_default, "get_sql")


def default_sql(model: type[Model], name: str, dialect: str) -> str:
    """Return the default of a field, as SQL.

    Raises:
        MigrationRefused: The default is not a value of the field.
    """
    field: Any = model._meta.fields_map[name]
    if is_expression(field):
        return _expression(field, dialect)
    try:
        # The value that Tortoise would write: a number with all its decimal places, for example.
        value = field.db_default
        if isinstance(value, Enum):
            value = value.value
        if not isinstance(field, JSONField) and value is not None:
            value = field.to_python_value(value)
        value = field.to_db_value(value, model)
        sql = literal(value, dialect, field.get_for_dialect(dialect, "SQL_TYPE"))
    except Exception as error:
        raise MigrationRefused(
            f"the db_default of {model._meta.app}.{model.__name__}.{name} is "
            f"{field.db_default!r}, which is not a value of the field: {error}; use a value that a "
            "row can have"
        ) from error
    if dialect == Dialect.MYSQL and isinstance(field, BinaryField | JSONField | TextField):
        # MySQL accepts only expressions for such columns.
        return f"({sql})"
    return sql


def _expression(field: Any, dialect: str) -> str:
    default = field.db_default
    if isinstance(default, Now):
        for kind, sql in _NOW.get(dialect, {}).items():
            if isinstance(field, kind):
                return sql
    if isinstance(default, SqlDefault | RawSQLTerm):
        return str(default.get_sql(dialect=dialect))
    return str(default.get_sql(DEFAULT_SQL_CONTEXT))


def literal(value: Any, dialect: str, sql_type: str = "") -> str:
    """Return a value as an SQL literal.

    Args:
        value: A value as Tortoise passes it to the driver.
        dialect: The kind of database.
        sql_type: The type of its column, which an array needs.

    Raises:
        ValueError: The database cannot store the value.
        TypeError: There is no literal of its type.
    """
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("a text contains the character U+0000")
    if isinstance(value, datetime.datetime):
        value = in_default_zone(value)
    if value is None:
        return "NULL"
    if dialect == Dialect.SQLITE:
        return _sqlite_literal(value)
    if dialect == Dialect.MYSQL:
        return _mysql_literal(value)
    return _postgres_literal(value, sql_type)


def _sqlite_literal(value: Any) -> str:
    # Imported for the adapters that Tortoise and this package register.
    import actionhero_db.backends.sqlite  # noqa: F401

    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        return str(connection.execute("SELECT quote(?)", (value,)).fetchone()[0])


def _mysql_literal(value: Any) -> str:
    from asyncmy.converters import escape_item  # type: ignore[import-untyped,unused-ignore]

    if isinstance(value, str):
        # The driver escapes an apostrophe with a backslash, which a splitter of scripts would have
        # to know.
        return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
    if isinstance(value, bytes):
        # As text, it would be converted to the character set of the statement.
        return f"X'{value.hex()}'"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a number that MySQL stores")
    if not isinstance(value, _MYSQL_TYPES):
        # The driver would quote its text.
        raise TypeError(f"no literal of type {type(value).__name__!r}")
    return str(escape_item(value, "utf8mb4"))


@functools.singledispatch
def _postgres_literal(value: Any, sql_type: str = "") -> str:
    """Return a literal, as `quote_literal` does: the driver has no function for it."""
    raise TypeError(f"no literal of type {type(value).__name__!r}")


@_postgres_literal.register
def _(value: str, sql_type: str = "") -> str:
    quoted = "'" + value.replace("'", "''") + "'"
    # With E its meaning does not depend on standard_conforming_strings.
    return "E" + quoted.replace("\\", "\\\\") if "\\" in value else quoted


@_postgres_literal.register
def _(value: bool, sql_type: str = "") -> str:
    return "TRUE" if value else "FALSE"


@_postgres_literal.register
def _(value: int, sql_type: str = "") -> str:
    return str(int(value))


@_postgres_literal.register(float)
@_postgres_literal.register(Decimal)
def _(value: Any, sql_type: str = "") -> str:
    return str(value) if math.isfinite(value) else f"'{value}'"


@_postgres_literal.register
def _(value: bytes, sql_type: str = "") -> str:
    return f"E'\\\\x{value.hex()}'"


@_postgres_literal.register(datetime.date)
@_postgres_literal.register(datetime.time)
@_postgres_literal.register(UUID)
def _(value: Any, sql_type: str = "") -> str:
    return f"'{value}'"


@_postgres_literal.register
def _(value: datetime.timedelta, sql_type: str = "") -> str:
    return f"'{value.total_seconds():f} seconds'"


@_postgres_literal.register
def _(value: list, sql_type: str = "") -> str:  # type: ignore[type-arg]
    return f"ARRAY[{', '.join(_postgres_literal(item, '') for item in value)}]::{sql_type}"
