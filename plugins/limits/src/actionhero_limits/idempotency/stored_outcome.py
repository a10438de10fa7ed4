"""`StoredOutcome`: the outcome of a call as it is stored, and returned to repetitions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero import (
    ActionNotFound,
    ChannelRefused,
    Conflict,
    ConnectionTypeNotFound,
    Encoded,
    ErrorType,
    Forbidden,
    InvalidCredentials,
    InvalidInput,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    Outcome,
    Problem,
    RequestTooLarge,
    SignInRequired,
    TypedError,
    UnsupportedMediaType,
)
from actionhero.transport import ABSENT, dumps, encode, error_document, loads

if TYPE_CHECKING:
    from actionhero import Call

#: The errors of clients, except those after which a repetition makes sense: a time limit, and a
#: rate limit. Over HTTP they have the statuses 4xx.
KEPT_ERRORS: Final = frozenset(
    {
        ErrorType.ACTION_NOT_FOUND,
        ErrorType.CHANNEL_AUTHORIZATION,
        ErrorType.CHANNEL_VALIDATION,
        ErrorType.CONFLICT,
        ErrorType.CONNECTION_TYPE_NOT_FOUND,
        ErrorType.CREDENTIALS,
        ErrorType.FORBIDDEN,
        ErrorType.MEDIA_TYPE,
        ErrorType.METHOD_NOT_ALLOWED,
        ErrorType.NOT_SUBSCRIBED,
        ErrorType.PARAM_DEFAULT,
        ErrorType.PARAM_FORMATTING,
        ErrorType.PARAM_REQUIRED,
        ErrorType.PARAM_VALIDATION,
        ErrorType.RECORD_NOT_FOUND,
        ErrorType.REQUEST_MALFORMED,
        ErrorType.REQUEST_TOO_LARGE,
        ErrorType.SESSION_NOT_FOUND,
    }
)
VALUE: Final = "value"
ERROR: Final = "error"

_CLASSES: Final[dict[ErrorType, type[TypedError]]] = {
    class_.default_type: class_
    for class_ in (
        ActionNotFound,
        ChannelRefused,
        Conflict,
        ConnectionTypeNotFound,
        Forbidden,
        InvalidCredentials,
        InvalidInput,
        MalformedRequest,
        MethodNotAllowed,
        NotFound,
        RequestTooLarge,
        SignInRequired,
        UnsupportedMediaType,
    )
}


class StoredOutcome(NamedTuple):
    """The outcome of a call as it is stored."""

    #: `VALUE` or `ERROR`.
    status: str
    #: The value as JSON, as it was sent; or the facts of the error as JSON.
    body: bytes

    def restore(self) -> Outcome:
        """Return the outcome."""
        return Outcome(Encoded(self.body)) if self.status == VALUE else _error_outcome(self.body)


def is_kept(error: TypedError) -> bool:
    """Return whether an error of `run` is stored: one of the client that a repetition repeats."""
    # An error with a status of its own is that of a transport, not of the action.
    has_own_status = hasattr(error, "status")
    return error.type in KEPT_ERRORS and error.retry_after_seconds is None and not has_own_status


def stored_value(call: Call, outcome: Outcome, result: Any) -> StoredOutcome:
    """Return the value of a call as it is stored.

    Args:
        call: The call.
        outcome: The outcome, which is a value.
        result: The result of `run`, which was checked against the return annotation; the value of
            the outcome is another one if middleware has replaced it.

    Raises:
        OutputMismatch: The value does not match the return annotation.
        TypeError: The value cannot be serialized.
    """
    value, outputs = outcome.value, call.action.outputs
    if type(value) is Encoded:
        return StoredOutcome(VALUE, value.body)
    if outputs.is_open:
        return StoredOutcome(VALUE, encode(value))
    # Not `conform` for the result, because checking twice could convert twice.
    body = outputs.encode(value if value is result else outputs.conform(value))
    return StoredOutcome(VALUE, b"{}" if body is None else body)


def stored_error(call: Call, outcome: Outcome) -> StoredOutcome:
    """Return the error of a call as it is stored; from now on it has its time and request."""
    error = outcome.error
    assert error is not None  # noqa: S101 - only called for an error
    error.timestamp_ms = time.time_ns() // 1_000_000
    error.request_id = call.request_id
    # The value as clients see it.
    shown = error_document(error, timestamp_ms=0, request_id=None)["error"]
    facts = {
        "message": error.message,
        "type": error.type.value,
        "key": error.key,
        "has_value": "value" in shown,
        "value": shown.get("value"),
        "problems": error.problems,
        "challenge": None if error.challenge is None else dict(error.challenge),
        "timestamp_ms": error.timestamp_ms,
        "request_id": error.request_id,
        "stack": outcome.stack,
    }
    return StoredOutcome(ERROR, dumps(facts))


def _error_outcome(body: bytes) -> Outcome:
    facts = loads(body)
    type_ = ErrorType(facts["type"])
    error = _CLASSES.get(type_, TypedError)(
        facts["message"],
        type=type_,
        key=facts["key"],
        value=facts["value"] if facts["has_value"] else ABSENT,
        problems=tuple(Problem(*problem) for problem in facts["problems"]),
        challenge=facts["challenge"],
    )
    error.timestamp_ms = facts["timestamp_ms"]
    error.request_id = facts["request_id"]
    return Outcome(error=error, stack=facts["stack"])
