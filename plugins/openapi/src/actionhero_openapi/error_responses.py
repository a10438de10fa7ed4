"""What an operation may be refused with: the statuses of the profile in use, and their bodies."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from actionhero import ErrorType, TypedError
from actionhero_web import ERROR_MAPPINGS, METHODS_WITHOUT_BODY, status_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actionhero_web import ErrorFormat

_E: Final = ErrorType

#: What the server and the corridor answer by themselves, whatever the action is.
ALWAYS: Final = (
    _E.REQUEST_MALFORMED,
    _E.ACTION_TIMEOUT,
    _E.ACTION_RUN,
    _E.SERVICE_UNAVAILABLE,
)
#: The same, where there is a body.
OF_A_BODY: Final = (_E.REQUEST_TOO_LARGE, _E.MEDIA_TYPE)
#: What actions and middleware raise, of which nothing is known unless their author tells.
RAISED: Final = (
    _E.ACTION_NOT_FOUND,
    _E.SESSION_NOT_FOUND,
    _E.CREDENTIALS,
    _E.FORBIDDEN,
    _E.RECORD_NOT_FOUND,
    _E.CONFLICT,
    _E.NOT_SUBSCRIBED,
    _E.CHANNEL_AUTHORIZATION,
    _E.CHANNEL_VALIDATION,
    _E.RATE_LIMITED,
)
#: Generators of clients lean on these, in both profiles.
KEPT: Final = (400, 404, 422, 500)


def statuses_of(
    errors: Sequence[type[TypedError] | ErrorType] | None,
    method: str,
    profile: ErrorFormat,
    *,
    needs_session: bool,
    has_inputs: bool,
) -> list[int]:
    """Return the statuses by which an operation may fail, in order.

    Args:
        errors: What its author says that it raises; `None` if nothing is said.
        method: Of its route.
        profile: The profile in use.
        needs_session: Whether middleware refuses who has no session.
        has_inputs: Whether anything can be wrong with what is sent.
    """
    types: set[ErrorType] = {*ALWAYS, *(RAISED if errors is None else map(_type_of, errors))}
    if method not in METHODS_WITHOUT_BODY:
        types.update(OF_A_BODY)
    if needs_session:
        types.add(_E.SESSION_NOT_FOUND)
    if has_inputs:
        types.add(_E.PARAM_REQUIRED)
    return sorted({*KEPT, *(status_for(type_, profile)[0] for type_ in types)})


def response_name(status: int) -> str:
    """Return the name by which the answer with a status stands among the components."""
    return f"Error{status}"


def responses_for(statuses: Iterable[int], profile: ErrorFormat) -> dict[str, dict[str, Any]]:
    """Return the answers with these statuses, as components, by their names."""
    return {
        response_name(status): {
            "description": "; ".join(dict.fromkeys(ERROR_MAPPINGS[type_].title for type_ in types))
            or HTTPStatus(status).phrase,
            "content": _content(types, profile),
        }
        for status in sorted(set(statuses))
        for types in [_types_with(status, profile)]
    }


def schemas_for(profile: ErrorFormat) -> dict[str, dict[str, Any]]:
    """Return the schemas of a failure's body, by name."""
    names = sorted({status_for(type_, profile)[1] for type_ in ERROR_MAPPINGS})
    return {"Error": _envelope(names), "InputProblem": _INPUT_PROBLEM}


def _type_of(error: type[TypedError] | ErrorType) -> ErrorType:
    return error if isinstance(error, ErrorType) else error.default_type


def _types_with(status: int, profile: ErrorFormat) -> list[ErrorType]:
    known = (_E.PARAM_REQUIRED, *ALWAYS, *OF_A_BODY, *RAISED)
    return [type_ for type_ in known if status_for(type_, profile)[0] == status]


def _content(types: Sequence[ErrorType], profile: ErrorFormat) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Error"}}
    for type_ in types[:1]:
        media["example"] = {
            "error": {
                "message": ERROR_MAPPINGS[type_].title,
                "type": status_for(type_, profile)[1],
                "timestamp": 1767225600000,
                "request_id": "019b76da-a800-7000-8000-000000000000",
            }
        }
    return {"application/json": media}


_INPUT_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One thing that is wrong with the inputs.",
    "required": ["pointer", "message", "type"],
    "properties": {
        "pointer": {"type": "string", "description": "Where: an RFC 6901 pointer."},
        "message": {"type": "string"},
        "type": {"type": "string", "description": "Which rule was broken."},
    },
}
_PROBLEMS: Final[dict[str, Any]] = {
    "type": "array",
    "description": "All that is wrong with the inputs.",
    "items": {"$ref": "#/components/schemas/InputProblem"},
}


def _envelope(names: list[str]) -> dict[str, Any]:
    error = {
        "type": "object",
        "required": ["message", "type", "timestamp", "request_id"],
        "properties": {
            "message": {"type": "string"},
            "type": {"type": "string", "enum": names},
            "timestamp": {"type": "integer", "description": "Milliseconds since the epoch."},
            "key": {"type": "string", "description": "The input that is to blame."},
            "value": {"description": "What was given for it."},
            "errors": _PROBLEMS,
            "request_id": {"type": "string", "description": "What ties it to the server's log."},
            "stack": {"type": "string", "description": "Only in development."},
        },
    }
    return {
        "type": "object",
        # Not one of the contents of each answer: every client would have to tell the two apart.
        "description": "A failure. Who asks for application/problem+json gets it as RFC 9457 has "
        "it, with the statuses of HTTP.",
        "required": ["error"],
        "properties": {"error": error},
    }
