"""`SERVER_ERRORS`: the types of errors that mark a span as failed."""

from __future__ import annotations

from typing import Final

from actionhero import ErrorType

#: The errors of a server; those of clients do not mark a span as failed.
SERVER_ERRORS: Final = frozenset(
    {
        ErrorType.SERVER_INITIALIZATION,
        ErrorType.SERVER_START,
        ErrorType.SERVER_STOP,
        ErrorType.CONFIG_ERROR,
        ErrorType.INITIALIZER_VALIDATION,
        ErrorType.ACTION_VALIDATION,
        ErrorType.TASK_VALIDATION,
        ErrorType.SERVER_VALIDATION,
        ErrorType.SERVER_ERROR,
        ErrorType.ACTION_RUN,
        ErrorType.TASK_DEFINITION,
        ErrorType.SERVICE_UNAVAILABLE,
    }
)
