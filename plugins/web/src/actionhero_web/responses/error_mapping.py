"""The mapping of errors to HTTP: the table of statuses and names, and the two documents.

Every `ErrorType` has a status and a name in each of two error formats. `standard` follows HTTP.
`actionhero` is for clients of the original ActionHero: it has only the statuses and names that
they know.

A client that accepts `application/problem+json` gets RFC 9457, always with the standard statuses.
Its `type` is `urn:actionhero:error:` and the name of the error type, and never changes.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from actionhero import ErrorType

ErrorFormat: TypeAlias = Literal["standard", "actionhero"]


class ErrorMapping(NamedTuple):
    """The HTTP status, title and name of one error type."""

    #: The title in RFC 9457.
    title: str
    #: The status in the format `standard`, which has the error type as its name.
    status: int
    #: The status in the format `actionhero`.
    actionhero_status: int
    #: The name in the format `actionhero`; `None` for the error type itself.
    actionhero_name: ErrorType | None = None


_E: Final = ErrorType

ERROR_MAPPINGS: Final[dict[ErrorType, ErrorMapping]] = {
    # The lifecycle of the process.
    _E.SERVER_INITIALIZATION: ErrorMapping("Server failed to initialize", 500, 500),
    _E.SERVER_START: ErrorMapping("Server failed to start", 500, 500),
    _E.SERVER_STOP: ErrorMapping("Server failed to stop", 500, 500),
    _E.CONFIG_ERROR: ErrorMapping("Wrong configuration", 500, 500),
    _E.INITIALIZER_VALIDATION: ErrorMapping("Invalid initializer", 500, 500),
    _E.ACTION_VALIDATION: ErrorMapping("Invalid action", 500, 500),
    _E.TASK_VALIDATION: ErrorMapping("Invalid task", 500, 500),
    _E.SERVER_VALIDATION: ErrorMapping("Invalid server", 500, 500),
    # One call.
    _E.SESSION_NOT_FOUND: ErrorMapping("Sign-in required", 401, 401),
    _E.SERVER_ERROR: ErrorMapping("Server error", 500, 500),
    _E.ACTION_NOT_FOUND: ErrorMapping("Action not found", 404, 404),
    _E.PARAM_REQUIRED: ErrorMapping("Invalid input", 422, 406),
    _E.PARAM_DEFAULT: ErrorMapping("Invalid default of an input", 422, 406, _E.PARAM_REQUIRED),
    _E.PARAM_VALIDATION: ErrorMapping("Invalid input", 422, 406, _E.PARAM_REQUIRED),
    _E.PARAM_FORMATTING: ErrorMapping("Unreadable input", 422, 406, _E.PARAM_REQUIRED),
    _E.ACTION_RUN: ErrorMapping("Action failed", 500, 500),
    _E.ACTION_TIMEOUT: ErrorMapping("Action took too long", 408, 408),
    _E.CONFLICT: ErrorMapping("Conflict", 409, 500, _E.ACTION_VALIDATION),
    _E.RECORD_NOT_FOUND: ErrorMapping("Record not found", 404, 500, _E.ACTION_RUN),
    _E.CREDENTIALS: ErrorMapping("Invalid credentials", 401, 500, _E.ACTION_RUN),
    _E.FORBIDDEN: ErrorMapping("Forbidden", 403, 403, _E.CHANNEL_AUTHORIZATION),
    _E.CONNECTION_TYPE_NOT_FOUND: ErrorMapping("Not for this kind of connection", 406, 406),
    _E.INPUT_REQUIRED: ErrorMapping("Input required", 406, 406, _E.CONNECTION_TYPE_NOT_FOUND),
    _E.NOT_SUBSCRIBED: ErrorMapping("Not subscribed", 409, 406),
    _E.CHANNEL_AUTHORIZATION: ErrorMapping("Channel refused", 403, 403),
    _E.CHANNEL_VALIDATION: ErrorMapping("Invalid channel", 422, 400),
    _E.RATE_LIMITED: ErrorMapping("Too many requests", 429, 429),
    _E.TASK_DEFINITION: ErrorMapping("Undefined task", 500, 500),
    _E.METHOD_NOT_ALLOWED: ErrorMapping("Method not allowed", 405, 404, _E.ACTION_NOT_FOUND),
    _E.REQUEST_MALFORMED: ErrorMapping("Malformed request", 400, 400, _E.ACTION_RUN),
    _E.REQUEST_TOO_LARGE: ErrorMapping("Request too large", 413, 413, _E.ACTION_RUN),
    _E.MEDIA_TYPE: ErrorMapping("Unsupported media type", 415, 415, _E.ACTION_RUN),
    _E.SERVICE_UNAVAILABLE: ErrorMapping("Service unavailable", 503, 503, _E.SERVER_ERROR),
}
