"""`OutputMismatch`: the error of a result that does not match the return annotation."""

from __future__ import annotations

import re
from types import CoroutineType
from typing import TYPE_CHECKING, Final

from actionhero.inputs.problems import FIXED_MESSAGES, pointer_to

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from actionhero.json import UnsupportedType

#: How many errors the message of a mismatch lists.
_MAX_ERRORS: Final = 5

#: The remedy for a result in a tuple with a status.
_STATUS_HINT: Final = "; for another status, write it in the route, as in status=201"

#: The part of the message of a failed serializer before the text of its exception.
_CALL: Final = re.compile(r"Error calling function `[^`]*`: \w+")

#: The places of exceptions that pydantic reports as text, by the type of its error.
_PLACES: Final = {"get_attribute_error": "the attribute", "iteration_error": "the iteration"}

#: The types of errors without text of the author.
_OF_SCHEMA: Final = (FIXED_MESSAGES | {"union_tag_invalid"}) - _PLACES.keys()

#: The parts of pydantic's warning; the value between them may be secret.
_WARNING: Final = re.compile(r"Expected `(?P<expected>[^`]+)`")
_FIELD: Final = re.compile(r"\[field_name='(?P<field>\w+)'")
_TYPE: Final = re.compile(r".*input_type=(?P<type>[\w.]+)\]", re.DOTALL)


class ResultError(TypeError):
    """Raised for an invalid result. Its traceback has no line of the author."""

    #: Whether clients receive the message in every environment.
    shown = False


class OutputMismatch(ResultError):
    """Raised for a result that does not match the return annotation.

    The message names the fields and contains no values.

    Args:
        errors: The errors, as `/pointer: message`.
        shown: Whether clients receive the message in every environment.
    """

    def __init__(self, errors: list[str], *, shown: bool = False) -> None:
        rest = len(errors) - _MAX_ERRORS
        if rest > 0:
            errors = [*errors[:_MAX_ERRORS], f"and {rest} more"]
        super().__init__(
            f"the result does not match the return annotation of run: {'; '.join(errors)}"
        )
        self.shown = shown


class UnsupportedResult(ResultError):
    """Raised for a result with a value that JSON does not support.

    Args:
        error: The error of the value.
    """

    def __init__(self, error: UnsupportedType) -> None:
        super().__init__(f"the result of run is invalid: {located(error)}")
        self.called = error.called


def located(error: UnsupportedType) -> str:
    """Return the message of an error, with the pointer to the value."""
    pointer = pointer_to(error.location)
    return f"{pointer}: {error}" if pointer else str(error)


def messages(error: ValidationError) -> list[str]:
    """Return the errors of a validation without the values."""
    return [
        f"{pointer_to(detail['loc']) or '/'}: {_reason(detail)}"
        for detail in error.errors(include_url=False)
    ]


def is_raised(error: ValidationError) -> bool:
    """Return whether an error of a validation was raised by code of the author."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return any(detail["type"] not in _OF_SCHEMA for detail in details)


def serializer_message(message: str) -> str:
    """Return the message of a failed serialization without the text of the author's exception."""
    match = _CALL.match(message)
    return message if match is None else match[0]


def _reason(detail: ErrorDetails) -> str:
    """Return the message of an error, with the type of the value where a type is expected."""
    value, message = detail["input"], detail["msg"]
    if detail["type"] == "union_tag_invalid":
        return f"the tag is none of {detail['ctx']['expected_tags']}"
    if detail["type"] not in _OF_SCHEMA:
        return f"{_PLACES.get(detail['type'], 'a validator')} raised {_name_of_error(detail)}"
    if type(value) is CoroutineType:
        value.close()
        return f"a coroutine of {value.__qualname__!r}; did you forget 'await'?"
    if not detail["type"].endswith("_type"):
        return message
    hint = _STATUS_HINT if _is_pair(value) else ""
    if isinstance(value, BaseException):
        hint = "; raise it, as in 'raise NotFound(…)'"
    return f"{message}, not {type(value).__name__}{hint}"


def _name_of_error(detail: ErrorDetails) -> str:
    """Return the name of an exception of the author, whose text may contain values."""
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, BaseException):
        return type(error).__name__
    if isinstance(error, str) and detail["type"] in _PLACES:
        return error.partition(":")[0]
    return f"an error of the type {detail['type']!r}"


def _is_pair(value: object) -> bool:
    """Return whether a value is a result and a status, as handlers of Flask return."""
    return isinstance(value, tuple) and len(value) == 2 and type(value[1]) is int


def warnings(text: str) -> list[str]:
    """Return the warnings of pydantic's serializer without the values."""
    messages = []
    for warning in text.split("PydanticSerializationUnexpectedValue(")[1:]:
        expected, field, actual = (part.search(warning) for part in (_WARNING, _FIELD, _TYPE))
        place = f"/{field['field']}" if field else "/"
        type_ = f", not {actual['type']}" if actual else ""
        if expected:
            messages.append(f"{place}: expected {expected['expected']}{type_}")
    return messages or ["a value has another type"]
