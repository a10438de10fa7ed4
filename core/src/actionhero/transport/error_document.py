"""How a failure is told as JSON: the same document at every door."""

from __future__ import annotations

import json
from typing import Any, Final

from actionhero.errors import ABSENT, TypedError

#: How many characters of an input's value are told back.
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
) -> dict[str, Any]:
    """Return the document of a failure: `{"error": {...}}`.

    Args:
        error: What went wrong. Its `value` is told as it is: that of a secret must not be there.
        timestamp_ms: Milliseconds since the epoch.
        request_id: What ties the failure to the log; `None` where there was no call.
        stack: The traceback; `None` where it is nobody's business.
        name: What the door calls the type; the type's own name where left out.
    """
    document: dict[str, Any] = {
        "message": error.message,
        "type": error.type.value if name is None else name,
        "timestamp": timestamp_ms,
    }
    if error.key is not None:
        document["key"] = error.key
    value = _shown(error.value)
    if value is not ABSENT:
        document["value"] = value
    if error.problems:
        document["errors"] = error_problems(error)
    if request_id is not None:
        document["request_id"] = request_id
    if stack is not None:
        document["stack"] = stack
    return {"error": document}


def error_problems(error: TypedError) -> list[dict[str, str]]:
    """Return all that is wrong with the inputs, as it is told."""
    return [
        {"pointer": pointer, "message": message, "type": type}
        for pointer, message, type in error.problems
    ]


def _shown(value: Any) -> Any:
    """Return what is told of a value: JSON, at most `VALUE_LIMIT` characters of it."""
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
        # What comes back is JSON and nothing else, whatever went in, and any writer can write it.
        return json.loads(_valid_text(text), parse_int=_shown_integer, parse_constant=_no_number)
    except (ValueError, TypeError, RecursionError):
        # It has no JSON: it holds itself, or a number of thousands of digits, or odd keys.
        return _name_of_type(value)


def _valid_text(text: str) -> str:
    """Return `text` without lone surrogates, which no UTF-8 can hold."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _shown_integer(digits: str) -> int | str:
    """Return an integer, or its digits as text where it has more than 64 bits."""
    number = int(digits)
    return number if _SMALLEST <= number <= _LARGEST else digits


def _no_number(_constant: str) -> None:
    """Stand in for `NaN` and the infinities, which JSON does not have."""


def _name_of_type(value: object) -> str:
    return f"<{type(value).__name__}>"
