"""What goes wrong between us and a database, and what callers are told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise.exceptions import DBConnectionError, OperationalError, ValidationError

from actionhero import InvalidInput, ServiceUnavailable

if TYPE_CHECKING:
    from actionhero import Application

#: When trying again may make sense: a restart takes about so long.
RETRY_SECONDS = 1


class ConnectionUnavailable(DBConnectionError):
    """Raised when no connection was free in time."""


class Unstorable(OperationalError):
    """Raised when a value cannot be kept in a column: it holds a NUL, or is too large."""


def translate_failures(app: Application) -> None:
    """Tell callers of `app` what is theirs to mend, and that the database is away when it is.

    What breaks a rule of the tables (`tortoise.exceptions.IntegrityError`) is not told: only the
    author of an action knows what it means to a caller.
    """
    app.pipeline.translate(DBConnectionError, _unavailable)
    app.pipeline.translate(Unstorable, _invalid)
    app.pipeline.translate(ValidationError, _not_valid)


def _unavailable(_: Exception) -> ServiceUnavailable:
    return ServiceUnavailable(
        "A service that this action needs is not available", retry_after_seconds=RETRY_SECONDS
    )


def _invalid(error: Exception) -> InvalidInput:
    return InvalidInput(f"An input cannot be stored: {error}")


def _not_valid(error: Exception) -> InvalidInput:
    """Tell of a value that a validator of its field refused, such as a text that is too long."""
    field, colon, _ = str(error).partition(": ")
    # It quotes the value, as what it came of does, and both are about to be logged.
    error.__cause__ = error.__context__ = None
    error.args = (f"{field}: not valid" if colon else "a value is not valid",)
    return InvalidInput("An input cannot be stored: a value is not valid, or too long")
