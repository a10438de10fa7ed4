"""The JSON document of an error, the same for all transports."""

from __future__ import annotations

import json
from typing import Any, Final

from actionhero.errors import ABSENT, TypedError

#: The maximum length of an input's value in the document, in characters.
VALUE_LIMIT: Final = 1000

_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1


def error_document(
    error: TypedError,
    *,
    timestamp_ms: int,
    request_id: str | None,
    stack: str | None = None,
    name: str | None = None,
    has_retry_after: bool = True,
) -> dict[str, Any]:
    """Return the document of an error: `{"error": {...}}`.

    Args:
        error: The error. Its `value` is shown, so it must not be secret.
        timestamp_ms: Milliseconds since the epoch, unless the error has its own time.
        request_id: The identifier of the request in the log, unless the error has its own; `None`
            if there was no call.
        stack: The traceback; `None` if tracebacks are not shown.
        name: The transport's own name of the type; that of `ErrorType` if omitted.
        has_retry_after: Whether it tells when a retry makes sense, in seconds.
    """
    document: dict[str, Any] = {
        "message": error.message,
        "type": str(error.type) if name is None else name,
        "timestamp": timestamp_ms if error.timestamp_ms is None else error.timestamp_ms,
    }
    if error.key is not None:
        document["key"] = error.key
    value = _json_value(error.value)
    if value is not ABSENT:
        document["value"] = value
    if error.problems:
        document["errors"] = error_problems(error)
    if error.retry_after_seconds is not None and has_retry_after:
        document["retry_after"] = error.retry_after_seconds
    request_id = error.request_id or request_id
    if request_id is not None:
        document["request_id"] = request_id
    if stack is not None:
        document["stack"] = stack
    return {"error": document}


def error_problems(error: TypedError) -> list[dict[str, str]]:
    """Return the errors of the inputs, for the document."""
    return [
        {"pointer": pointer, "message": message, "type": type}
        for pointer, message, type in error.problems
    ]


def _json_value(value: Any) -> Any:
    """Return `value` as a JSON value of at most `VALUE_LIMIT` characters."""
    if isinstance(value, str):
        return _valid_text(value[:VALUE_LIMIT])
    if value is None or value is ABSENT:
        return value
    if isinstance(value, int) and _SMALLEST <= value <= _LARGEST:
        return value
    try:
        text = json.dumps(value, ensure_ascii=False, default=_name_of_type)
        if len(text) > VALUE_LIMIT:
            return _valid_text(text[:VALUE_LIMIT])
        # The result has JSON types only, so any writer can serialize it.
        return json.loads(_valid_text(text), parse_int=_limited_integer, parse_constant=_null)
    except (ValueError, TypeError, RecursionError):
        # Not serializable: it contains itself, a number of thousands of digits, or invalid keys.
        return _name_of_type(value)


def _valid_text(text: str) -> str:
    """Return `text` without lone surrogates, which UTF-8 cannot encode."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _limited_integer(digits: str) -> int | str:
    """Return an integer; as text if it has more than 64 bits."""
    number = int(digits)
    return number if _SMALLEST <= number <= _LARGEST else digits


def _null(_constant: str) -> None:
    """Return `None` for `NaN` and the infinities, which JSON does not have."""


def _name_of_type(value: object) -> str:
    return f"<{type(value).__name__}>"
