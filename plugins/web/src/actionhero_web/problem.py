"""How failures are told over HTTP: the one table of statuses and names, and the two documents.

Every `ErrorType` has a status and a name in each of two profiles. `standard` says what HTTP says.
`actionhero` speaks to clients that were written for earlier ActionHero servers: their statuses,
and no names but theirs.

A client that asks for `application/problem+json` gets RFC 9457, always with standard statuses. The
`type` there is `urn:actionhero:error:` and the name of the error type, and stays the same for ever.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote

from actionhero import envelope as core
from actionhero.errors import ErrorType, TypedError

Profile: TypeAlias = Literal["standard", "actionhero"]

PROBLEM_TYPE_PREFIX: Final = "urn:actionhero:error:"


class Telling(NamedTuple):
    """How one type of error is told."""

    #: Its title in RFC 9457.
    title: str
    #: Its status in profile `standard`, where it keeps its own name.
    status: int
    #: Its status in profile `actionhero`.
    actionhero_status: int
    #: What it is called in profile `actionhero`; `None`: by its own name.
    actionhero_name: ErrorType | None = None


_E: Final = ErrorType

TABLE: Final[dict[ErrorType, Telling]] = {
    # The life of the process.
    _E.SERVER_INITIALIZATION: Telling("Server failed to initialize", 500, 500),
    _E.SERVER_START: Telling("Server failed to start", 500, 500),
    _E.SERVER_STOP: Telling("Server failed to stop", 500, 500),
    _E.CONFIG_ERROR: Telling("Wrong configuration", 500, 500),
    _E.INITIALIZER_VALIDATION: Telling("Invalid initializer", 500, 500),
    _E.ACTION_VALIDATION: Telling("Invalid action", 500, 500),
    _E.TASK_VALIDATION: Telling("Invalid task", 500, 500),
    _E.SERVER_VALIDATION: Telling("Invalid server", 500, 500),
    # One call.
    _E.SESSION_NOT_FOUND: Telling("Sign-in required", 401, 401),
    _E.SERVER_ERROR: Telling("Server error", 500, 500),
    _E.ACTION_NOT_FOUND: Telling("Action not found", 404, 404),
    _E.PARAM_REQUIRED: Telling("Invalid input", 422, 406),
    _E.PARAM_DEFAULT: Telling("Invalid default of an input", 422, 406, _E.PARAM_REQUIRED),
    _E.PARAM_VALIDATION: Telling("Invalid input", 422, 406, _E.PARAM_REQUIRED),
    _E.PARAM_FORMATTING: Telling("Unreadable input", 422, 406, _E.PARAM_REQUIRED),
    _E.ACTION_RUN: Telling("Action failed", 500, 500),
    _E.ACTION_TIMEOUT: Telling("Action took too long", 408, 408),
    _E.CONFLICT: Telling("Conflict", 409, 500, _E.ACTION_VALIDATION),
    _E.RECORD_NOT_FOUND: Telling("Record not found", 404, 500, _E.ACTION_RUN),
    _E.CREDENTIALS: Telling("Invalid credentials", 401, 500, _E.ACTION_RUN),
    _E.FORBIDDEN: Telling("Forbidden", 403, 403, _E.CHANNEL_AUTHORIZATION),
    _E.CONNECTION_TYPE_NOT_FOUND: Telling("Not for this kind of connection", 406, 406),
    _E.NOT_SUBSCRIBED: Telling("Not subscribed", 409, 406),
    _E.CHANNEL_AUTHORIZATION: Telling("Channel refused", 403, 403),
    _E.CHANNEL_VALIDATION: Telling("Invalid channel", 422, 400),
    _E.RATE_LIMITED: Telling("Too many requests", 429, 429),
    _E.TASK_DEFINITION: Telling("Undefined task", 500, 500),
    _E.METHOD_NOT_ALLOWED: Telling("Method not allowed", 405, 404, _E.ACTION_NOT_FOUND),
    _E.REQUEST_MALFORMED: Telling("Malformed request", 400, 400, _E.ACTION_RUN),
    _E.REQUEST_TOO_LARGE: Telling("Request too large", 413, 413, _E.ACTION_RUN),
    _E.MEDIA_TYPE: Telling("Unsupported media type", 415, 415, _E.ACTION_RUN),
    _E.SERVICE_UNAVAILABLE: Telling("Service unavailable", 503, 503, _E.SERVER_ERROR),
}

_TOLD: Final[dict[str, dict[ErrorType, tuple[int, str]]]] = {
    "standard": {type: (telling.status, type.value) for type, telling in TABLE.items()},
    "actionhero": {
        type: (telling.actionhero_status, (telling.actionhero_name or type).value)
        for type, telling in TABLE.items()
    },
}


def told(error_type: ErrorType, profile: Profile) -> tuple[int, str]:
    """Return the HTTP status and the name that an error type is told by."""
    return _TOLD[profile][error_type]


def envelope(
    error: TypedError,
    *,
    profile: Profile,
    request_id: str,
    timestamp_ms: int,
    stack: str | None = None,
) -> dict[str, Any]:
    """Return the JSON document of a failure: that of every door, with the names of `profile`."""
    return core.envelope(
        error,
        timestamp_ms=timestamp_ms,
        request_id=request_id,
        stack=stack,
        name=_TOLD[profile][error.type][1],
    )


def problem_details(error: TypedError, *, request_id: str) -> dict[str, Any]:
    """Return the `application/problem+json` document of a failure (RFC 9457).

    `instance` is `urn:actionhero:request:` and the request id. `errors` is there if the inputs are
    to blame.
    """
    telling = TABLE[error.type]
    document: dict[str, Any] = {
        "type": PROBLEM_TYPE_PREFIX + error.type.value,
        "title": telling.title,
        "status": telling.status,
        "detail": error.message,
        "instance": f"urn:actionhero:request:{quote(request_id, safe=':@')}",
    }
    if error.problems:
        document["errors"] = core.problems_of(error)
    return document
