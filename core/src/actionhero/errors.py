"""The two trees of errors: `BootError` is told to the developer, `TypedError` to the caller."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Final, NamedTuple


class ErrorType(StrEnum):
    """The one vocabulary of failures, as it is seen on the wire.

    Core gives a failure its type and no more. Each door owns its own table from types to what its
    callers understand: an HTTP status, an exit code, *try again* or *give up*.
    """

    # The life of the process.
    SERVER_INITIALIZATION = "SERVER_INITIALIZATION"
    SERVER_START = "SERVER_START"
    SERVER_STOP = "SERVER_STOP"
    CONFIG_ERROR = "CONFIG_ERROR"
    INITIALIZER_VALIDATION = "INITIALIZER_VALIDATION"
    ACTION_VALIDATION = "ACTION_VALIDATION"
    TASK_VALIDATION = "TASK_VALIDATION"
    SERVER_VALIDATION = "SERVER_VALIDATION"

    # One call.
    SESSION_NOT_FOUND = "CONNECTION_SESSION_NOT_FOUND"
    SERVER_ERROR = "CONNECTION_SERVER_ERROR"
    ACTION_NOT_FOUND = "CONNECTION_ACTION_NOT_FOUND"
    PARAM_REQUIRED = "CONNECTION_ACTION_PARAM_REQUIRED"
    PARAM_DEFAULT = "CONNECTION_ACTION_PARAM_DEFAULT"
    PARAM_VALIDATION = "CONNECTION_ACTION_PARAM_VALIDATION"
    PARAM_FORMATTING = "CONNECTION_ACTION_PARAM_FORMATTING"
    ACTION_RUN = "CONNECTION_ACTION_RUN"
    ACTION_TIMEOUT = "CONNECTION_ACTION_TIMEOUT"
    CONFLICT = "CONNECTION_ACTION_CONFLICT"
    RECORD_NOT_FOUND = "CONNECTION_ACTION_RECORD_NOT_FOUND"
    CREDENTIALS = "CONNECTION_ACTION_CREDENTIALS"
    FORBIDDEN = "CONNECTION_ACTION_FORBIDDEN"
    CONNECTION_TYPE_NOT_FOUND = "CONNECTION_TYPE_NOT_FOUND"
    NOT_SUBSCRIBED = "CONNECTION_NOT_SUBSCRIBED"
    CHANNEL_AUTHORIZATION = "CONNECTION_CHANNEL_AUTHORIZATION"
    CHANNEL_VALIDATION = "CONNECTION_CHANNEL_VALIDATION"
    RATE_LIMITED = "CONNECTION_RATE_LIMITED"
    TASK_DEFINITION = "CONNECTION_TASK_DEFINITION"
    METHOD_NOT_ALLOWED = "CONNECTION_METHOD_NOT_ALLOWED"
    REQUEST_MALFORMED = "CONNECTION_REQUEST_MALFORMED"
    REQUEST_TOO_LARGE = "CONNECTION_REQUEST_TOO_LARGE"
    MEDIA_TYPE = "CONNECTION_MEDIA_TYPE"
    SERVICE_UNAVAILABLE = "CONNECTION_SERVICE_UNAVAILABLE"


class Absent:
    """The type of `ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"


#: Stands for *no value was given*, where `None` is a value like any other.
ABSENT: Final = Absent()


class Problem(NamedTuple):
    """One thing that is wrong with the inputs of a call."""

    #: Where: an RFC 6901 pointer into the inputs, `/address/zip`; empty for the inputs as a whole.
    pointer: str
    #: What is wrong, in the words shown to the caller.
    message: str
    #: Which rule was broken: pydantic's code of the error, such as `missing` or `int_parsing`.
    type: str


class TypedError(Exception):
    """A failure that the caller is told about, with a type from `ErrorType`.

    Args:
        message: What the caller reads. Never put our insides or a secret here.
        type: The kind of failure; the subclass's own where it is left out.
        key: The input that is to blame, where there is one.
        value: What was given for `key`. It is not shown if the input is secret.
        problems: All that is wrong with the inputs, if the inputs are to blame.
        retry_after_seconds: When trying again makes sense, in whole seconds.
    """

    default_type: ClassVar[ErrorType] = ErrorType.ACTION_RUN

    def __init__(
        self,
        message: str,
        *,
        type: ErrorType | None = None,
        key: str | None = None,
        value: Any = ABSENT,
        problems: tuple[Problem, ...] = (),
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.type = self.default_type if type is None else type
        self.key = key
        self.value = value
        self.problems = problems
        self.retry_after_seconds = retry_after_seconds


class ActionNotFound(TypedError):
    """Raised when no action of the wanted name or route can be reached by this door."""

    default_type = ErrorType.ACTION_NOT_FOUND


class InvalidInput(TypedError):
    """Raised when the inputs of a call do not fit; `problems` tells all that is wrong."""

    default_type = ErrorType.PARAM_VALIDATION


class SignInRequired(TypedError):
    """Raised when an action needs a session with a user and there is none."""

    default_type = ErrorType.SESSION_NOT_FOUND

    def __init__(self, message: str = "Session not found", **facts: Any) -> None:
        super().__init__(message, **facts)


class InvalidCredentials(TypedError):
    """Raised when a name and a password do not belong together."""

    default_type = ErrorType.CREDENTIALS


class Forbidden(TypedError):
    """Raised when the caller is known and may not do this."""

    default_type = ErrorType.FORBIDDEN


class NotFound(TypedError):
    """Raised when the record that a call is about does not exist."""

    default_type = ErrorType.RECORD_NOT_FOUND


class Conflict(TypedError):
    """Raised when a call contradicts what is already there."""

    default_type = ErrorType.CONFLICT


class RateLimited(TypedError):
    """Raised when a caller asks too often."""

    default_type = ErrorType.RATE_LIMITED


class Timeout(TypedError):
    """Raised when an action ran longer than its time limit."""

    default_type = ErrorType.ACTION_TIMEOUT


class ChannelRefused(TypedError):
    """Raised when a connection may not join a channel."""

    default_type = ErrorType.CHANNEL_AUTHORIZATION


class ServiceUnavailable(TypedError):
    """Raised when something that a call leans on cannot be used now, or we are shutting down."""

    default_type = ErrorType.SERVICE_UNAVAILABLE


class ConnectionTypeNotFound(TypedError):
    """Raised when what an action returned cannot be told through this kind of door."""

    default_type = ErrorType.CONNECTION_TYPE_NOT_FOUND


class MethodNotAllowed(TypedError):
    """Raised by a door when a route exists, but not for this method."""

    default_type = ErrorType.METHOD_NOT_ALLOWED


class MalformedRequest(TypedError):
    """Raised by a door when a request cannot be read at all."""

    default_type = ErrorType.REQUEST_MALFORMED


class RequestTooLarge(TypedError):
    """Raised by a door when a request is larger than its limit."""

    default_type = ErrorType.REQUEST_TOO_LARGE


class UnsupportedMediaType(TypedError):
    """Raised by a door when a request is written in a format that it does not read."""

    default_type = ErrorType.MEDIA_TYPE


class BootError(Exception):
    """Raised to the developer when the application cannot be put together or started."""

    #: What the process exits with (sysexits.h: 69 `EX_UNAVAILABLE`, 70 `EX_SOFTWARE`, 78
    #: `EX_CONFIG`).
    exit_code: ClassVar[int] = 78


class ConfigurationError(BootError):
    """Raised when settings are wrong; the message lists every one that is."""


class PluginError(BootError):
    """Raised when a plugin cannot be loaded, or does not fit with core or another plugin."""


class LifecycleError(BootError):
    """Raised when an initializer or a server fails to initialize, start or stop."""

    exit_code = 70


class UnavailableError(BootError):
    """Raised when a service that the application needs is not there when it starts."""

    exit_code = 69
