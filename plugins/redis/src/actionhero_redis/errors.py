"""The errors of Redis that are temporary, and the error that clients of an action see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from redis import exceptions

from actionhero import ServiceUnavailable

if TYPE_CHECKING:
    from actionhero import Application

#: The types of errors that end without a change to the application.
_TRANSIENT_TYPES: Final = (
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
#: The codes of such errors without a type in redis-py: the server cannot write its snapshot, has
#: too few replicas, is running a slow script, or was made a replica during a blocking command.
#: An error in a pipeline begins with its command.
_TRANSIENT_CODES: Final = re.compile(
    r"(?:Command # \d+ .* of pipeline caused error: (?:\(['\"])?)?"
    r"(?:MISCONF|NOREPLICAS|BUSY|UNBLOCKED) ",
    re.DOTALL,
)

#: The `Retry-After` of such an error, which is about the duration of a restart.
RETRY_AFTER_SECONDS: Final = 1


def is_transient(error: BaseException) -> bool:
    """Return whether an error of redis-py ends without a change to the application.

    Examples are a lost connection, a failover, a full disk of the server, and missing replicas.
    """
    if isinstance(error, _TRANSIENT_TYPES):
        return True
    return isinstance(error, exceptions.ResponseError) and bool(_TRANSIENT_CODES.match(str(error)))


def translate_errors(app: Application) -> None:
    """Report transient errors of Redis to the clients of `app` as an unavailable service."""
    for type_ in (*_TRANSIENT_TYPES, exceptions.ResponseError):
        app.pipeline.translate(type_, _translation)


def _translation(error: exceptions.RedisError) -> ServiceUnavailable | None:
    if not is_transient(error):
        return None
    return ServiceUnavailable(
        "A service that this action needs is not available", retry_after_seconds=RETRY_AFTER_SECONDS
    )
