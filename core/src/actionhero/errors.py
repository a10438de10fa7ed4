"""The two trees of errors: `BootError` for the developer, `TypedError` for the client."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ErrorType(StrEnum):
    """The types of errors, as clients see them.

    Each transport maps them to its own terms: an HTTP status, an exit code, whether a job is
    retried.
    """

    # The process.
    SERVER_INITIALIZATION = "SERVER_INITIALIZATION"
    SERVER_START = "SERVER_START"
    SERVER_STOP = "SERVER_STOP"
    CONFIG_ERROR = "CONFIG_ERROR"
    INITIALIZER_VALIDATION = "INITIALIZER_VALIDATION"
    ACTION_VALIDATION = "ACTION_VALIDATION"
    TASK_VALIDATION = "TASK_VALIDATION"
    SERVER_VALIDATION = "SERVER_VALIDATION"

    # A call.
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
    INPUT_REQUIRED = "CONNECTION_ACTION_INPUT_REQUIRED"
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

    @property
    def is_server_error(self) -> bool:
        """Whether it is an error of the server, and not of the client: over HTTP, 5xx."""
        return self in _SERVER_ERRORS


_SERVER_ERRORS: Final = frozenset(
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


class Absent:
    """The type of `ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"


#: Stands for no value, where `None` is a value.
ABSENT: Final = Absent()


class Problem(NamedTuple):
    """One error in the inputs of a call."""

    #: The place: an RFC 6901 pointer into the inputs, `/address/zip`; empty for all inputs.
    pointer: str
    #: The message for the client.
    message: str
    #: The type of the error in pydantic's terms, such as `missing` or `int_parsing`.
    type: str


#: The longest time after which a retry makes sense, in seconds: a year.
MAX_RETRY_AFTER_SECONDS: Final = 365 * 86_400


class TypedError(Exception):
    """An error that the client receives, with a type from `ErrorType`.

    Args:
        message: The message for the client, without internals and secrets.
        type: The type of the error; that of the class if omitted.
        key: The name of the invalid input, if there is one.
        value: The value of that input. It is not shown if the input is secret.
        problems: All errors in the inputs.
        retry_after_seconds: The time after which a retry makes sense; rounded up to whole seconds,
            of which `Retry-After` consists (RFC 9110 §10.2.3), between 0 and a year.
        challenge: Parameters of `WWW-Authenticate` that tell why credentials were refused, such
            as `{"error": "invalid_token"}` (RFC 6750 §3.1).
    """

    default_type: ClassVar[ErrorType] = ErrorType.ACTION_RUN
    # Most errors have few of these, and a limit refuses many calls: they are set where given.
    key: str | None = None
    value: Any = ABSENT
    problems: tuple[Problem, ...] = ()
    retry_after_seconds: float | None = None
    challenge: Mapping[str, str] | None = None
    #: When it occurred, in milliseconds since the epoch, if that was in an earlier call.
    timestamp_ms: int | None = None
    #: The identifier of the request in which it occurred, if that was an earlier one.
    request_id: str | None = None
    #: The request in whose audit event it was recorded.
    audited_request: str | None = None

    def __init__(
        self,
        message: str,
        *,
        type: ErrorType | None = None,
        key: str | None = None,
        value: Any = ABSENT,
        problems: tuple[Problem, ...] = (),
        retry_after_seconds: float | None = None,
        challenge: Mapping[str, str] | None = None,
    ) -> None:
        self.args = (message,)
        self.message = message
        self.type = self.default_type if type is None else type
        if key is not None:
            self.key = key
        if value is not ABSENT:
            self.value = value
        if problems:
            self.problems = problems
        if retry_after_seconds is not None:
            if not (
                isinstance(retry_after_seconds, int)
                and 0 <= retry_after_seconds <= MAX_RETRY_AFTER_SECONDS
            ):
                # In this order, not a number becomes 0.
                retry_after_seconds = math.ceil(
                    min(max(0, retry_after_seconds), MAX_RETRY_AFTER_SECONDS)
                )
            self.retry_after_seconds = retry_after_seconds
        if challenge is not None:
            self.challenge = challenge


class ActionNotFound(TypedError):
    """Raised when this transport offers no action with the requested name or route."""

    default_type = ErrorType.ACTION_NOT_FOUND


class InvalidInput(TypedError):
    """Raised when the inputs of a call are invalid; `problems` lists all errors."""

    default_type = ErrorType.PARAM_VALIDATION


class SignInRequired(TypedError):
    """Raised when an action needs a signed-in user and there is none."""

    default_type = ErrorType.SESSION_NOT_FOUND

    def __init__(self, message: str = "Session not found", **facts: Any) -> None:
        super().__init__(message, **facts)


class CredentialsRefused(SignInRequired):
    """Raised by an authenticator for credentials that are not, or no longer, valid.

    Args:
        message: The message for the client, without the credentials.
        reason: The reason for the audit log, such as `expired`, `revoked` or `unknown`.
        user: The user of the credentials for the audit log; `None`: unknown.
        credential_id: Their public identifier for the audit log; empty: unknown.
    """

    def __init__(
        self,
        message: str = "The credentials are not valid",
        *,
        reason: str = "invalid",
        user: Any = None,
        credential_id: str = "",
        **facts: Any,
    ) -> None:
        facts.setdefault("challenge", {"error": "invalid_token"})
        super().__init__(message, **facts)
        self.reason = reason
        self.user = user
        self.credential_id = credential_id


class InvalidCredentials(TypedError):
    """Raised when the credentials of a sign-in are wrong."""

    default_type = ErrorType.CREDENTIALS


class Forbidden(TypedError):
    """Raised when the caller is authenticated but lacks the permission."""

    default_type = ErrorType.FORBIDDEN


class NotFound(TypedError):
    """Raised when a record does not exist."""

    default_type = ErrorType.RECORD_NOT_FOUND


class Conflict(TypedError):
    """Raised when a call conflicts with the current state."""

    default_type = ErrorType.CONFLICT


class RateLimited(TypedError):
    """Raised when a caller exceeds a rate limit."""

    default_type = ErrorType.RATE_LIMITED


class Timeout(TypedError):
    """Raised when an action exceeds its time limit."""

    default_type = ErrorType.ACTION_TIMEOUT


class ChannelRefused(TypedError):
    """Raised when a connection may not subscribe to a channel."""

    default_type = ErrorType.CHANNEL_AUTHORIZATION


class ServiceUnavailable(TypedError):
    """Raised when a service that a call needs is unavailable, or during the shutdown."""

    default_type = ErrorType.SERVICE_UNAVAILABLE


class ConnectionTypeNotFound(TypedError):
    """Raised when the transport does not support the type of a result."""

    default_type = ErrorType.CONNECTION_TYPE_NOT_FOUND


class InputRequired(TypedError):
    """Raised by `Call.ask` on a transport that runs the call again with the answer."""

    default_type = ErrorType.INPUT_REQUIRED


class MethodNotAllowed(TypedError):
    """Raised by a transport when a route exists, but not for this method."""

    default_type = ErrorType.METHOD_NOT_ALLOWED


class MalformedRequest(TypedError):
    """Raised by a transport when a request cannot be parsed."""

    default_type = ErrorType.REQUEST_MALFORMED


class RequestTooLarge(TypedError):
    """Raised by a transport when a request exceeds its size limit."""

    default_type = ErrorType.REQUEST_TOO_LARGE


class UnsupportedMediaType(TypedError):
    """Raised by a transport when it does not support the format of a request."""

    default_type = ErrorType.MEDIA_TYPE


class BootError(Exception):
    """Raised when the application cannot be loaded or started; for the developer."""

    #: The exit code of the process (sysexits.h: 69 `EX_UNAVAILABLE`, 70 `EX_SOFTWARE`, 78
    #: `EX_CONFIG`).
    exit_code: ClassVar[int] = 78

    def causes(self) -> list[str]:
        """Return the causes that the message does not contain, as `caused by KeyError: 'a'`."""
        message, lines = str(self), []
        # The causes of an error that was raised from itself have no end.
        seen: set[int] = set()
        cause = self.__cause__
        while cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            if str(cause) not in message:
                lines.append(f"caused by {type(cause).__name__}: {cause}")
            cause = cause.__cause__
        return lines


class ConfigurationError(BootError):
    """Raised when settings are invalid; the message lists all of them."""


class PluginError(BootError):
    """Raised when a plugin cannot be loaded, or conflicts with core or another plugin."""


class LifecycleError(BootError):
    """Raised when an initializer or a server fails to initialize, start or stop."""

    exit_code = 70


class UnavailableError(BootError):
    """Raised when a service that the application needs is unavailable at start-up."""

    exit_code = 69


def name_hint(name: object, known: Iterable[str]) -> str:
    """Return the known name that was perhaps meant, or all of them, for the end of an error.

    Args:
        name: The unknown name.
        known: The known names.

    Returns:
        `did you mean 'queue'?`, or `available: every, queue`.
    """
    # Imported here because most starts have no misspelled name.
    from difflib import get_close_matches  # noqa: PLC0415

    names = list(known)
    if near := get_close_matches(str(name)[:100], names, n=1):
        return f"did you mean {near[0]!r}?"
    return f"available: {', '.join(names) or 'none'}"


def unknown_key(data: Iterable[object], known: Iterable[str]) -> str | None:
    """Return the fault of plain data with a key that its class does not have, if there is one.

    Args:
        data: The keys, as in `task = {"queue": "mail"}`.
        known: The arguments of the class.

    Returns:
        `the unknown key 'quue'; did you mean 'queue'?`
    """
    names = list(known)
    for key in data:
        if key not in names:
            return f"the unknown key {key!r}; {name_hint(key, names)}"
    return None
