"""The faults of `Field(…)` that pydantic accepts: unknown arguments, misplaced constraints."""

from __future__ import annotations

import inspect
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import Field

from actionhero.inputs.annotations import members, parts
from actionhero.inputs.near_misses import near_miss

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic.fields import FieldInfo

#: The keyword of `Field` for each constraint.
_LENGTHS: Final = {MinLen: "min_length", MaxLen: "max_length"}
_BOUNDS: Final = {Ge: "ge", Gt: "gt", Le: "le", Lt: "lt", MultipleOf: "multiple_of"}
_SIZED: Final = (str, bytes, list, tuple, set, frozenset, dict)
#: A key that schemas of OpenAPI have had, and no misspelled `examples`.
_KNOWN_KEYS: Final = frozenset({"example"})


def constraint_fault(type_: Any, seen: frozenset[int] = frozenset()) -> str | None:
    """Return the first fault of a field in inputs, at any depth; `None` if there is none.

    Pydantic ignores an argument that it does not know, and fails in every call for a constraint
    that its type cannot have.

    Args:
        type_: The type of inputs.
        seen: The ids of the types around it.
    """
    for part in parts(type_):
        if id(part) in seen:
            continue
        for name, field in _fields_of(part):
            fault = _misspelled(field) or _misplaced(field)
            if fault:
                return f"the input {name!r} with {fault}"
            if inner := constraint_fault(field.annotation, seen | {id(part)}):
                return inner
    return None


def _fields_of(type_: Any) -> Iterable[tuple[str, FieldInfo]]:
    if isinstance(type_, type):
        fields: Mapping[str, FieldInfo] = vars(type_).get("__pydantic_fields__", {})
        yield from fields.items()


def _misspelled(field: FieldInfo) -> str | None:
    extra = field.json_schema_extra
    if not isinstance(extra, dict):
        return None
    known = inspect.signature(Field).parameters
    for key in extra:
        # Keywords of JSON Schema are in camel case.
        if key in known or key in _KNOWN_KEYS or not key.islower():
            continue
        if match := near_miss(key, known):
            return f"Field({key}=…), which nothing reads; did you mean {match!r}?"
    return None


def _misplaced(field: FieldInfo) -> str | None:
    types = [get_origin(member) or member for member in members(field.annotation)]
    if not field.metadata or not all(isinstance(type_, type) for type_ in types):
        return None
    for item in field.metadata:
        length, bound = _LENGTHS.get(type(item)), _BOUNDS.get(type(item))
        if length and all(issubclass(type_, int | float | Decimal) for type_ in types):
            return f"Field({length}=…), which numbers cannot have; write ge=… or le=…"
        # Texts and lists can be compared with each other.
        is_number = bound and isinstance(getattr(item, bound), int | float)
        if is_number and all(issubclass(type_, _SIZED) for type_ in types):
            return f"Field({bound}=…), which is for numbers; write min_length=… or max_length=…"
    return None
