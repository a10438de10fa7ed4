"""The translation of asyncpg's exceptions into those of Tortoise."""

from __future__ import annotations

from typing import Final

import asyncpg  # type: ignore[import-untyped]
from tortoise.exceptions import (
    DBConnectionError,
    IntegrityError,
    OperationalError,
    TransactionManagementError,
)

from actionhero_db.error_translation import UnstorableValue

#: Errors of a server that is restarting, overloaded or out of space.
_UNAVAILABLE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
    # Another process has changed the tables; the statement is prepared again the next time.
    asyncpg.InvalidCachedStatementError,
    # The server closed the connection during an operation.
    asyncpg.InternalClientError,
)
#: Errors while connecting that need a change of the settings or of the server.
_REFUSED: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
#: Parts of the messages of asyncpg about a connection or a pool that is closed.
_CLOSED: Final = ("closed", "closing", "terminated", "released back", "lost")

#: The reason why a value does not fit its column.
_UNSTORABLE: Final = {
    asyncpg.CharacterNotInRepertoireError: "a text contains a character that cannot be stored",
    asyncpg.UntranslatableCharacterError: "a text contains a character that cannot be stored",
    asyncpg.NumericValueOutOfRangeError: "a number is too large",
    asyncpg.StringDataRightTruncationError: "a text is too long",
    asyncpg.DatetimeFieldOverflowError: "a date is out of range",
    asyncpg.InvalidDatetimeFormatError: "a text is not a date",
    asyncpg.InvalidTextRepresentationError: "a text does not match the type of its column",
    asyncpg.UnterminatedCStringError: "a text contains a character that cannot be stored",
}


def translate_error(error: Exception) -> Exception:
    """Return the exception to raise in place of one of the driver, without any sent value."""
    if isinstance(error, DBConnectionError | OperationalError | TransactionManagementError):
        return error
    for type_, reason in _UNSTORABLE.items():
        if isinstance(error, type_):
            return UnstorableValue(reason)
    if type(error) is asyncpg.DataError or isinstance(error, ValueError):
        # Raised by the driver itself, before anything was sent.
        return UnstorableValue("a value is too large for its column, or of another type")
    if isinstance(error, asyncpg.DataError):
        return OperationalError(type(error).__name__)
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        # It quotes the row.
        error.detail = None
        return IntegrityError(error)
    if isinstance(error, asyncpg.InvalidTransactionStateError):
        return TransactionManagementError(error)
    if isinstance(error, _UNAVAILABLE + _REFUSED):
        return DBConnectionError(f"{type(error).__name__}: {error.args[0] if error.args else ''}")
    if isinstance(error, asyncpg.SyntaxOrAccessError):
        return OperationalError(error)
    if isinstance(error, asyncpg.InterfaceError) and any(part in str(error) for part in _CLOSED):
        return DBConnectionError(str(error))
    if isinstance(error, OSError):
        return DBConnectionError(f"{type(error).__name__}: {error}")
    return error
