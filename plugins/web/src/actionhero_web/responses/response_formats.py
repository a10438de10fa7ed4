"""The formats of responses: one class each for `standard`, `actionhero` and problem details.

A format determines the status and the document of an error, the JSON of a value, and whatever else
clients of that format expect. The server selects one by `web.error_format`, at start-up; a client
that accepts `application/problem+json` gets its errors in that format.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote

from actionhero.transport import (
    dumps,
    dumps_pretty,
    encode_outcome,
    error_problems,
    outcome_value,
)
from actionhero.transport import error_document as core_error_document
from actionhero_web.responses.encoded_response import JSON, EncodedResponse, Headers
from actionhero_web.responses.error_mapping import ERROR_MAPPINGS
from actionhero_web.responses.http_error import HttpError
from actionhero_web.routes.route import checked_status

if TYPE_CHECKING:
    from actionhero import ErrorType, Outcome, TypedError
    from actionhero_web.responses.error_mapping import ErrorFormat
    from actionhero_web.routes.route import Status

PROBLEM_TYPE_PREFIX: Final = "urn:actionhero:error:"

#: The media type of problem details (RFC 9457).
PROBLEM_JSON: Final = "application/problem+json"


class ResponseFormat(ABC):
    """A format of values and errors."""

    #: The media type of errors.
    media_type: ClassVar[str] = JSON
    #: Whether a response sets a session cookie even if it does not need a session.
    always_opens_session: ClassVar[bool] = False
    #: Whether every response has the CORS headers for methods and headers.
    always_lists_methods: ClassVar[bool] = False
    #: Whether errors tell when a retry makes sense.
    has_retry_after: ClassVar[bool] = True
    #: Whether the error of a form that looks like JSON tells how to send JSON.
    explains_forms: ClassVar[bool] = True
    #: The status of a success in place of one that a function of the route computes.
    computed_status: ClassVar[int | None] = None
    #: The body of the response to a WebSocket handshake of an origin that is not allowed.
    rejected_origin_message: ClassVar[str] = "Origin not allowed"

    @abstractmethod
    def status_of(self, error_type: ErrorType) -> int:
        """Return the status of a type of errors."""

    def status_of_error(self, error: TypedError) -> int:
        """Return the status of an error: that of its type, unless it has its own."""
        return error.status if isinstance(error, HttpError) else self.status_of(error.type)

    @abstractmethod
    def error_document(
        self, error: TypedError, *, request_id: str, stack: str | None = None
    ) -> dict[str, Any]:
        """Return the JSON document of an error.

        Args:
            error: The error.
            request_id: The identifier of the request.
            stack: The traceback, if it may be shown.
        """

    def name_of(self, error_type: ErrorType) -> str:
        """Return the name of an error type in documents."""
        # Not `value`, which is a property in Python.
        return str(error_type)

    def dump(self, value: Any) -> bytes:
        """Serialize a value as JSON."""
        return dumps(value)

    def dump_result(self, outcome: Outcome) -> bytes:
        """Return the value of an outcome as JSON, by the return annotation of the action.

        Raises:
            TypeError: It cannot be serialized.
        """
        return encode_outcome(outcome)

    def status_of_result(self, status: Status, value: Any) -> int:
        """Return the status of a success.

        Args:
            status: The status of the route.
            value: The value that the action returned.

        Raises:
            ValueError: A function of the author has returned an invalid status.
        """
        if isinstance(status, int):
            return status
        return self.computed_status or checked_status(status(value))

    def method_not_allowed_message(self, method: str, allow: str) -> str:
        """Return the message of the error for a path without a route for `method`."""
        return f"Method {method} is not allowed; allowed: {allow}"

    def options_response(self, allow: str, headers: Headers) -> EncodedResponse | None:
        """Return the response to an `OPTIONS` request.

        Args:
            allow: The value of the header `Allow`; empty if the path has no route.
            headers: Its CORS headers and the cookie.

        Returns:
            The response; `None` for an error.
        """
        return EncodedResponse(204, b"", "", (*headers, ("Allow", allow))) if allow else None


class StandardFormat(ResponseFormat):
    """The statuses of HTTP, our own error types, and compact JSON."""

    def status_of(self, error_type: ErrorType) -> int:
        return ERROR_MAPPINGS[error_type].status

    def error_document(
        self, error: TypedError, *, request_id: str, stack: str | None = None
    ) -> dict[str, Any]:
        return core_error_document(
            error,
            timestamp_ms=time.time_ns() // 1_000_000,
            request_id=request_id,
            stack=stack,
            name=self.name_of(error.type),
            has_retry_after=self.has_retry_after,
        )


class ActionHeroFormat(StandardFormat):
    """The statuses, error types and JSON that clients of the original ActionHero expect."""

    always_opens_session = True
    has_retry_after = False
    always_lists_methods = True
    explains_forms = False
    computed_status = 200
    rejected_origin_message = "WebSocket origin not allowed"

    def status_of(self, error_type: ErrorType) -> int:
        return ERROR_MAPPINGS[error_type].actionhero_status

    def name_of(self, error_type: ErrorType) -> str:
        return (ERROR_MAPPINGS[error_type].actionhero_name or error_type).value

    def dump(self, value: Any) -> bytes:
        return dumps_pretty(value)

    def dump_result(self, outcome: Outcome) -> bytes:
        return dumps_pretty(outcome_value(outcome))

    def method_not_allowed_message(self, method: str, allow: str) -> str:
        return "Action not found"

    def options_response(self, allow: str, headers: Headers) -> EncodedResponse | None:
        return EncodedResponse(200, b"{}\r\n", JSON, headers)


class ProblemDetails(StandardFormat):
    """Problem details (RFC 9457) for errors, with the statuses of HTTP.

    `type` is `urn:actionhero:error:` and the name of the error type, and never changes. `instance`
    is `urn:actionhero:request:` and the request id. `errors` lists invalid inputs.
    """

    media_type = PROBLEM_JSON

    def error_document(
        self, error: TypedError, *, request_id: str, stack: str | None = None
    ) -> dict[str, Any]:
        title = ERROR_MAPPINGS[error.type].title
        request_id = error.request_id or request_id
        if isinstance(error, HttpError):
            title = error.title
        document: dict[str, Any] = {
            "type": PROBLEM_TYPE_PREFIX + error.type.value,
            "title": title,
            "status": self.status_of_error(error),
            "detail": error.message,
            "instance": f"urn:actionhero:request:{quote(request_id, safe=':@')}",
        }
        if error.problems:
            document["errors"] = error_problems(error)
        return document


FORMATS: Final[dict[ErrorFormat, ResponseFormat]] = {
    "standard": StandardFormat(),
    "actionhero": ActionHeroFormat(),
}
PROBLEM_DETAILS: Final = ProblemDetails()
