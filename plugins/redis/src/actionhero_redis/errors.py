"""The errors of Redis that are temporary, and the error that clients of an action see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis import exceptions

from actionhero import ServiceUnavailable

if TYPE_CHECKING:
    from actionhero import Application

#: The errors that end without a change to the application.
TRANSIENT_ERRORS = (
    # Includes failed authentication, a server that is loading its data, and an exhausted pool.
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    # The memory limit of the server is reached.
    exceptions.OutOfMemoryError,
    # A failover is in progress.
    exceptions.ReadOnlyError,
    exceptions.MasterDownError,
    exceptions.ClusterDownError,
    exceptions.SlotNotCoveredError,
    exceptions.TryAgainError,
)

#: The `Retry-After` of such an error, which is about the duration of a restart.
RETRY_AFTER_SECONDS = 1


def translate_errors(app: Application) -> None:
    """Report transient errors of Redis to the clients of `app` as an unavailable service."""
    for type_ in TRANSIENT_ERRORS:
        app.pipeline.translate(type_, _unavailable)


def _unavailable(_: Exception) -> ServiceUnavailable:
    return ServiceUnavailable(
        "A service that this action needs is not available", retry_after_seconds=RETRY_AFTER_SECONDS
    )
