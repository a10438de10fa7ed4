"""The translation of errors of MySQL and MariaDB."""

from __future__ import annotations

import re
from typing import Final

from asyncmy import errors
from tortoise.exceptions import (
    DBConnectionError,
    IntegrityError,
    OperationalError,
    TransactionManagementError,
)

from actionhero_db.error_translation import UnstorableValue

#: Numbers of errors of a server that is restarting, overloaded or out of space, or that cannot be
#: reached, and of a connection that it has closed.
_UNAVAILABLE: Final = frozenset(
    {1021, 1040, 1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1203, 1226, 1290, 1836, 1927}
    | {2002, 2003, 2006, 2013, 2055, 4031}
)
#: Errors while connecting that need a change of the settings or of the server.
_REFUSED: Final = frozenset({1044, 1045, 1049, 1698})
#: Violated constraints that the driver does not take for such: checks, and a missing value.
_CONSTRAINTS: Final = frozenset({1364, 3819, 4025})
#: The reason why a value does not fit its column.
_UNSTORABLE: Final = {
    1264: "a number is too large",
    1265: "a value does not match the type of its column",
    1292: "a text is not a date",
    1366: "a text contains a character that cannot be stored, or is not a number",
    1367: "a value does not match the type of its column",
    1406: "a text is too long",
    1441: "a date is out of range",
}
_DUPLICATE: Final = 1062
_KEY: Final = re.compile(r"for key '([^']*)'$")


def translate_error(error: Exception) -> Exception:
    """Return the exception to raise in place of one of the driver, without any sent value."""
    if isinstance(error, DBConnectionError | OperationalError | TransactionManagementError):
        return error
    if isinstance(error, UnicodeEncodeError):
        return UnstorableValue("a text contains an unpaired surrogate")
    if isinstance(error, OSError | TimeoutError | EOFError):
        return DBConnectionError(f"{type(error).__name__}: {error}")
    if isinstance(error, RuntimeError) and "closing pool" in str(error):
        return DBConnectionError(str(error))
    if not isinstance(error, errors.MySQLError):
        return error
    number = error.args[0] if error.args else None
    if number in _UNAVAILABLE | _REFUSED or isinstance(error, errors.InterfaceError):
        return DBConnectionError(": ".join(map(str, error.args)))
    if number in _UNSTORABLE:
        return UnstorableValue(_UNSTORABLE[number])
    if number == _DUPLICATE:
        # The rest of the message quotes the row.
        key = _KEY.search(str(error.args[-1]))
        return IntegrityError(f"duplicate entry for key {key[1]!r}" if key else "duplicate entry")
    if number in _CONSTRAINTS or isinstance(error, errors.IntegrityError):
        return IntegrityError(error)
    return OperationalError(error)
