"""The error responses of operations: their statuses in the configured format, and their bodies."""

from __future__ import annotations

from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from actionhero import ErrorType, TypedError
from actionhero_web import ERROR_MAPPINGS, METHODS_WITHOUT_BODY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actionhero_web import ResponseFormat

_E: Final = ErrorType

#: Errors of the server and the pipeline, possible for every action.
SERVER_ERRORS: Final = (
    _E.REQUEST_MALFORMED,
    _E.ACTION_TIMEOUT,
    _E.ACTION_RUN,
    _E.SERVICE_UNAVAILABLE,
)
#: Errors of the server for requests with a body.
BODY_ERRORS: Final = (_E.REQUEST_TOO_LARGE, _E.MEDIA_TYPE)
#: Errors of actions and middleware, possible unless the author lists the actual ones.
ACTION_ERRORS: Final = (
    _E.ACTION_NOT_FOUND,
    _E.SESSION_NOT_FOUND,
    _E.CREDENTIALS,
    _E.FORBIDDEN,
    _E.RECORD_NOT_FOUND,
    _E.CONFLICT,
    _E.NOT_SUBSCRIBED,
    _E.CHANNEL_AUTHORIZATION,
    _E.CHANNEL_VALIDATION,
)
#: Errors of middleware only, such as limits.
MIDDLEWARE_ERRORS: Final = (_E.RATE_LIMITED,)
#: Statuses of every operation, which client generators depend on, in both formats.
COMMON_STATUSES: Final = (400, 404, 422, 500)
#: Statuses whose responses have `Retry-After`.
_RETRIED_STATUSES: Final = (429, 503)
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


def error_statuses(
    errors: Sequence[type[TypedError] | ErrorType] | None,
    method: str,
    response_format: ResponseFormat,
    *,
    may_lack_credentials: bool,
    may_be_forbidden: bool,
    refusals: Iterable[ErrorType],
    has_inputs: bool,
) -> list[int]:
    """Return the error statuses of an operation, sorted.

    Args:
        errors: The errors listed by its author; `None` without a list.
        method: The method of its route.
        response_format: The configured format.
        may_lack_credentials: Whether calls without a user, or with credentials that are invalid,
            are refused.
        may_be_forbidden: Whether calls of some users are refused.
        refusals: The errors with which middleware refuses calls.
        has_inputs: Whether the operation has inputs, which may be invalid.
    """
    action_types = ACTION_ERRORS if errors is None else map(_type_of, errors)
    types: set[ErrorType] = {*SERVER_ERRORS, *action_types, *refusals}
    if method not in METHODS_WITHOUT_BODY:
        types.update(BODY_ERRORS)
    if may_lack_credentials:
        types.add(_E.SESSION_NOT_FOUND)
    if may_be_forbidden:
        types.add(_E.FORBIDDEN)
    if has_inputs:
        types.add(_E.PARAM_REQUIRED)
    return sorted({*COMMON_STATUSES, *(response_format.status_of(type_) for type_ in types)})


def response_name(status: int) -> str:
    """Return the name of the response component for a status."""
    return f"Error{status}"


def error_responses(
    statuses: Iterable[int], response_format: ResponseFormat
) -> dict[str, dict[str, Any]]:
    """Return the response components for these statuses, by name."""
    return {
        response_name(status): error_response(status, response_format)
        for status in sorted(set(statuses))
    }


def error_response(
    status: int, response_format: ResponseFormat, headers: Mapping[str, str] = _NO_HEADERS
) -> dict[str, Any]:
    """Return the response for a status.

    Args:
        status: The status.
        response_format: The configured format.
        headers: The descriptions of further headers, by name.
    """
    types = _types_with_status(status, response_format)
    response: dict[str, Any] = {
        "description": "; ".join(dict.fromkeys(ERROR_MAPPINGS[type_].title for type_ in types))
        or HTTPStatus(status).phrase,
        "content": _content(types, response_format),
    }
    if status in _RETRIED_STATUSES:
        headers = {"Retry-After": "The seconds after which a retry makes sense.", **headers}
    if headers:
        response["headers"] = header_objects(headers)
    return response


def header_objects(descriptions: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the header objects of a response, by the names and descriptions of the headers."""
    return {
        name: {"description": description, "schema": {"type": "string"}}
        for name, description in descriptions.items()
    }


def error_schemas(response_format: ResponseFormat) -> dict[str, dict[str, Any]]:
    """Return the schemas of the body of an error, by name."""
    names = sorted({response_format.name_of(type_) for type_ in ERROR_MAPPINGS})
    schema = _error_schema(names, has_retry_after=response_format.has_retry_after)
    return {"Error": schema, "InputProblem": _INPUT_PROBLEM}


def _type_of(error: type[TypedError] | ErrorType) -> ErrorType:
    return error if isinstance(error, ErrorType) else error.default_type


def _types_with_status(status: int, response_format: ResponseFormat) -> list[ErrorType]:
    types = (_E.PARAM_REQUIRED, *SERVER_ERRORS, *BODY_ERRORS, *ACTION_ERRORS, *MIDDLEWARE_ERRORS)
    return [type_ for type_ in types if response_format.status_of(type_) == status]


def _content(types: Sequence[ErrorType], response_format: ResponseFormat) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Error"}}
    for type_ in types[:1]:
        media["example"] = {
            "error": {
                "message": ERROR_MAPPINGS[type_].title,
                "type": response_format.name_of(type_),
                "timestamp": 1767225600000,
                "request_id": "019b76da-a800-7000-8000-000000000000",
            }
        }
    return {"application/json": media}


_INPUT_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One problem of the inputs.",
    "required": ["pointer", "message", "type"],
    "properties": {
        "pointer": {"type": "string", "description": "The RFC 6901 pointer to the value."},
        "message": {"type": "string"},
        "type": {"type": "string", "description": "The violated rule."},
    },
}
_PROBLEMS: Final[dict[str, Any]] = {
    "type": "array",
    "description": "All problems of the inputs.",
    "items": {"$ref": "#/components/schemas/InputProblem"},
}
_RETRY_AFTER: Final[dict[str, Any]] = {
    "type": "integer",
    "description": "The seconds after which a retry makes sense.",
}


def _error_schema(names: list[str], *, has_retry_after: bool) -> dict[str, Any]:
    error = {
        "type": "object",
        "required": ["message", "type", "timestamp", "request_id"],
        "properties": {
            "message": {"type": "string"},
            "type": {"type": "string", "enum": names},
            "timestamp": {"type": "integer", "description": "Milliseconds since the epoch."},
            "key": {"type": "string", "description": "The name of the invalid input."},
            "value": {"description": "The value of the invalid input."},
            "errors": _PROBLEMS,
            **({"retry_after": _RETRY_AFTER} if has_retry_after else {}),
            "request_id": {"type": "string", "description": "The identifier in the server's log."},
            "stack": {"type": "string", "description": "The traceback, in development only."},
        },
    }
    return {
        "type": "object",
        # As a content of each response, every client would have to distinguish two formats.
        "description": "An error. With `Accept: application/problem+json` it has the format of "
        "RFC 9457 and the statuses of HTTP.",
        "required": ["error"],
        "properties": {"error": error},
    }
