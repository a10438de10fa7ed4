"""Schemas without what only Python has: `True` equals 1, and `int("1_0")` is 10."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic_core import PydanticKnownError, core_schema

from actionhero.inputs.core_schemas import CoreSchema, literal_values, rewrite

if TYPE_CHECKING:
    from collections.abc import Callable

#: The error of a text that is no number, by the type of the schema.
_PARSING_ERRORS: Final[dict[str, Any]] = {
    "complex": "complex_str_parsing",
    "decimal": "decimal_parsing",
    "float": "float_parsing",
    "int": "int_parsing",
}


def with_exact_values(schema: CoreSchema) -> CoreSchema:
    """Return the schema of inputs, in which no number of a literal or an enumeration equals `true`.

    A schema without such literals is returned as it is.
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
    values = literal_values(schema)
    booleans = {value for value in values if type(value) is bool}
    numbers = {value for value in values if type(value) in {int, float}}
    if not booleans and not numbers:
        return schema
    error = "enum" if schema["type"] == "enum" else "literal_error"
    return before(partial(_check_boolean, error, values, booleans, numbers), schema)


def _check_boolean(
    error: Any, values: list[Any], booleans: set[Any], numbers: set[Any], value: Any
) -> Any:
    if not isinstance(value, int | float):
        return value
    same, other = (booleans, numbers) if isinstance(value, bool) else (numbers, booleans)
    if value in other and value not in same:
        *others, last = map(repr, values)
        expected = f"{', '.join(others)} or {last}" if others else last
        raise PydanticKnownError(error, {"expected": expected})
    return value


def _check_digits(error: Any, value: Any) -> Any:
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        raise PydanticKnownError(error)
    return value
