"""Exceptions of the database, and their translation into errors for clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise.exceptions import DBConnectionError, OperationalError, ValidationError

from actionhero import InvalidInput, ServiceUnavailable

if TYPE_CHECKING:
    from actionhero import Application

#: The `Retry-After` while the database is unavailable: about as long as a restart takes.
RETRY_SECONDS = 1


class ConnectionUnavailable(DBConnectionError):
    """Raised when no connection was free in time."""


class UnstorableValue(OperationalError):
    """Raised when a value cannot be stored in a column: it contains a NUL, or is too large."""


def register_translations(app: Application) -> None:
    """Register the translations with the pipeline of `app`.

    A violated constraint (`tortoise.exceptions.IntegrityError`) has no translation: its meaning to
    a client is known to the author of the action only.
    """
    app.pipeline.translate(DBConnectionError, _service_unavailable)
    app.pipeline.translate(UnstorableValue, _unstorable_input)
    app.pipeline.translate(ValidationError, _invalid_input)


def _service_unavailable(_: Exception) -> ServiceUnavailable:
    return ServiceUnavailable(
        "A service that this action needs is not available", retry_after_seconds=RETRY_SECONDS
    )


def _unstorable_input(error: Exception) -> InvalidInput:
    return InvalidInput(f"An input cannot be stored: {error}")


def _invalid_input(error: Exception) -> InvalidInput:
    """Return the error for a value that a validator of its field refused, such as a long text."""
    field, colon, _ = str(error).partition(": ")
    # The exception and its cause quote the value, and both are logged.
    error.__cause__ = error.__context__ = None
    error.args = (f"{field}: not valid" if colon else "a value is not valid",)
    return InvalidInput("An input cannot be stored: a value is not valid, or too long")
