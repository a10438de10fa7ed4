"""The schema for inputs with more errors than are reported: its validation stops at the first ones.

Pydantic collects an error for each invalid item of a list, and to report 300,000 of them would
block the event loop for seconds.
"""

from __future__ import annotations

from typing import Any, Final

from actionhero.inputs.core_schemas import CoreSchema, literal_values, rewrite
from actionhero.inputs.exact_values import before
from actionhero.inputs.problems import integer_of

_LISTS: Final = frozenset({"frozenset", "list", "set", "tuple"})
#: Types that a float without fraction is a value of.
_FLOATS: Final = frozenset({"any", "complex", "decimal", "float"})


def with_bounded_errors(schema: CoreSchema) -> CoreSchema:
    """Return the schema in which each list has at most one error.

    Floats without fraction are integers, without an error that `convert_integers` would need.
    """
    bounded: CoreSchema = rewrite(schema, _bounded)
    return bounded


def _bounded(schema: dict[str, Any]) -> dict[str, Any]:
    type_ = schema["type"]
    if type_ in _LISTS:
        return schema | {"fail_fast": True}
    if type_ == "int" or any(type(value) is int for value in literal_values(schema)):
        return before(_integer, schema)
    if type_ == "union" and any(_type_of(choice) in _FLOATS for choice in schema["choices"]):
        return schema | {"choices": list(map(_without_integer, schema["choices"]))}
    return schema


def _integer(value: Any) -> Any:
    number = integer_of(value) if type(value) is float else None
    return value if number is None else number


def _type_of(choice: Any) -> str:
    schema = choice[0] if isinstance(choice, tuple) else choice
    return str(schema["type"])


def _without_integer(choice: Any) -> Any:
    if isinstance(choice, tuple):
        return (_without_integer(choice[0]), *choice[1:])
    function = choice.get("function")
    return choice["schema"] if function and function["function"] is _integer else choice
