"""What callers are told when Redis fails: that a service is away, and nothing of our insides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis import exceptions

from actionhero import ServiceUnavailable

if TYPE_CHECKING:
    from actionhero import Application

#: What Redis or the way to it may recover from without us.
TRANSIENT_ERRORS = (
    # Also: it refuses who we are, it still reads its data, all connections are in use.
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    # It is full.
    exceptions.OutOfMemoryError,
    # The server that takes writes is being replaced.
    exceptions.ReadOnlyError,
    exceptions.MasterDownError,
    exceptions.ClusterDownError,
    exceptions.SlotNotCoveredError,
    exceptions.TryAgainError,
)

#: When trying again may make sense: a restart takes about so long.
RETRY_SECONDS = 1


def translate_failures(app: Application) -> None:
    """Tell callers of `app` that a service is unavailable when Redis is."""
    for type_ in TRANSIENT_ERRORS:
        app.pipeline.translate(type_, _unavailable)


def _unavailable(_: Exception) -> ServiceUnavailable:
    return ServiceUnavailable(
        "A service that this action needs is not available", retry_after_seconds=RETRY_SECONDS
    )
