"""Schemas without what only Python has: `True` equals 1, and `int("1_0")` is 10."""

from __future__ import annotations

from enum import Enum, Flag
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic_core import (
    PydanticCustomError,
    PydanticKnownError,
    ValidationError,
    core_schema,
)

from actionhero import json
from actionhero.errors import MalformedRequest
from actionhero.inputs.core_schemas import CoreSchema, literal_values, rewrite
from actionhero.inputs.unsupported import find_unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

#: The error of a text that is no number, by the type of the schema.
_PARSING_ERRORS: Final[dict[str, Any]] = {
    "complex": "complex_str_parsing",
    "decimal": "decimal_parsing",
    "float": "float_parsing",
    "int": "int_parsing",
}
#: The errors that validators of pydantic raise for values that a client may send: a file name that
#: is too long, a regular expression that is nested too deep.
_VALUE_FAULTS: Final = (OSError, OverflowError, RecursionError)
_TAGS: Final = frozenset({bool, float, int, str})
_FUNCTIONS: Final = frozenset({"function-after", "function-before", "function-plain"})


def with_exact_values(schema: CoreSchema) -> CoreSchema:
    """Return the schema of inputs in which each value is one that the document of JSON contains.

    No number of a literal or an enumeration equals `true`, members of enumerations in a literal are
    their values, iterables are validated as lists, texts of `Json` are read like the document, and
    pydantic's own validators refuse values with a `ValidationError` only. A schema without any of
    these is returned as it is.
    """
    changes = 0

    def change(part: dict[str, Any]) -> dict[str, Any]:
        nonlocal changes
        exact = _exact(part)
        changes += exact is not part
        return exact

    copy: CoreSchema = rewrite(schema, change)
    return copy if changes else schema


def with_plain_digits(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a number whose texts have ASCII digits without underscores."""
    error = _PARSING_ERRORS.get(schema["type"])
    return schema if error is None else before(partial(_check_digits, error), schema)


def before(function: Callable[[Any], Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of values that `function` converts first."""
    reference = {"ref": schema["ref"]} if "ref" in schema else {}
    return {
        **core_schema.no_info_before_validator_function(function, cast("Any", schema)),
        **reference,
    }


def _exact(schema: dict[str, Any]) -> dict[str, Any]:
    type_ = schema["type"]
    if type_ == "generator":
        # Pydantic would validate its items within `run`, where an error is one of the author.
        return schema | {"type": "list"}
    if type_ == "json":
        return before(_check_json, schema)
    if type_ == "union":
        return _with_unchecked_json(schema)
    if type_ in _FUNCTIONS:
        return _guarded(schema)
    if type_ == "tagged-union":
        return _with_values(schema)
    if type_ == "enum" and issubclass(schema["cls"], Flag):
        return before(partial(_check_flag, schema["cls"]), schema)
    values = literal_values(schema)
    booleans = {value for value in values if type(value) is bool}
    numbers = {value for value in values if type(value) in {int, float}}
    if type_ == "literal":
        schema = _with_members(schema)
    if not booleans and not numbers:
        return schema
    error = "enum" if type_ == "enum" else "literal_error"
    return before(partial(_check_boolean, error, values, booleans, numbers), schema)


def _with_unchecked_json(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a union as it was: a function changes which of its members is chosen."""
    choices = schema["choices"]
    unchecked = [
        (_unchecked(item[0]), item[1]) if isinstance(item, tuple) else _unchecked(item)
        for item in choices
    ]
    return schema if unchecked == choices else schema | {"choices": unchecked}


def _unchecked(schema: dict[str, Any]) -> dict[str, Any]:
    function = schema.get("function", {})
    is_checked = isinstance(function, dict) and function.get("function") is _check_json
    return schema["schema"] if is_checked else schema


def _check_json(value: Any) -> Any:
    """Refuse a text of JSON that would be refused as the document."""
    if not isinstance(value, str | bytes | bytearray):
        return value
    try:
        content = json.loads(value)
    except MalformedRequest as error:
        reason = error.message.removeprefix("Invalid JSON: ")
        raise PydanticKnownError("json_invalid", {"error": reason}) from None
    for unsupported in find_unsupported({"": content}):
        raise PydanticCustomError(unsupported.type, unsupported.message)
    return value


def _guarded(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a validator of pydantic that refuses all values it cannot handle."""
    function = schema["function"]["function"]
    if not str(getattr(function, "__module__", "")).startswith("pydantic."):
        return schema
    return schema | {"function": schema["function"] | {"function": partial(_validate, function)}}


def _validate(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except _VALUE_FAULTS:
        raise PydanticCustomError("value_error", "Input is not valid") from None


def _with_members(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a literal that reads its members of enumerations from their values."""
    members = {item.value: item for item in schema["expected"] if _is_member(item)}
    if not members:
        return schema
    function = partial(_member, members, _listed(literal_values(schema)))
    return cast(
        "dict[str, Any]",
        core_schema.no_info_wrap_validator_function(function, cast("Any", schema)),
    )


def _with_values(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a union that reads its tags of enumerations from their values."""
    choices = schema["choices"]
    values = {tag.value: choice for tag, choice in choices.items() if _is_member(tag)}
    return schema | {"choices": choices | values} if values else schema


def _is_member(value: Any) -> bool:
    return isinstance(value, Enum) and type(value.value) in _TAGS


def _member(
    members: dict[Any, Enum], expected: str, value: Any, validate: Callable[[Any], Any]
) -> Any:
    member = members.get(value) if type(value) in _TAGS else None
    try:
        return validate(value if member is None else member)
    except ValidationError:
        # The message of pydantic would contain the members, not their values.
        raise PydanticKnownError("literal_error", {"expected": expected}) from None


def _listed(values: list[Any]) -> str:
    """Return values as pydantic lists them in its messages."""
    *others, last = map(repr, values)
    return f"{', '.join(others)} or {last}" if others else last


def _check_boolean(
    error: Any, values: list[Any], booleans: set[Any], numbers: set[Any], value: Any
) -> Any:
    if not isinstance(value, int | float):
        return value
    same, other = (booleans, numbers) if isinstance(value, bool) else (numbers, booleans)
    if value not in same and (isinstance(value, bool) or value in other):
        raise PydanticKnownError(error, {"expected": _listed(values)})
    return value


def _check_flag(type_: type[Flag], value: Any) -> Any:
    """Refuse values that only Python takes for members of a flag: a negative number, and `True`.

    An `IntFlag` is any integer.
    """
    is_negative = isinstance(value, int) and value < 0 and not issubclass(type_, int)
    if isinstance(value, bool) or is_negative:
        members = ", ".join(str(member.value) for member in type_)
        raise PydanticKnownError("enum", {"expected": f"0 or a sum of {members}"})
    return value


def _check_digits(error: Any, value: Any) -> Any:
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        raise PydanticKnownError(error)
    return value
