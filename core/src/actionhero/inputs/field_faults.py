"""The faults of `Field(…)` that pydantic accepts: unknown arguments, misplaced constraints."""

from __future__ import annotations

import inspect
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import BaseModel, Field
from pydantic_core import PydanticUndefined

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
        if fault := _private_input(part) or _async_validator(part):
            return fault
        for name, field in _fields_of(part):
            fault = _misspelled(field) or _misplaced(field)
            if fault:
                return f"the input {name!r} with {fault}"
            if inner := constraint_fault(field.annotation, seen | {id(part)}):
                return inner
    return None


def _private_input(type_: Any) -> str | None:
    """Return the fault of a field with an underscore, to which pydantic assigns no input."""
    if not isinstance(type_, type) or not issubclass(type_, BaseModel):
        return None
    if type_.model_post_init is not BaseModel.model_post_init and (
        type_.model_post_init.__name__ != "init_private_attributes"
    ):
        return None
    if type_.__pydantic_decorators__.model_validators:
        return None
    for name, private in type_.__private_attributes__.items():
        if private.default is PydanticUndefined and private.default_factory is None:
            return (
                f"the field {name!r} in {type_.__name__}, which is private and no input; write "
                f"{name.lstrip('_')!r}, or Field(alias={name!r}) if clients send the underscore"
            )
    return None


def _async_validator(type_: Any) -> str | None:
    """Return the fault of a validator that pydantic does not await."""
    if not isinstance(type_, type) or not issubclass(type_, BaseModel):
        return None
    declared = type_.__pydantic_decorators__
    functions = {
        **{name: validator.func for name, validator in declared.field_validators.items()},
        **{name: validator.func for name, validator in declared.model_validators.items()},
    }
    for name, function in functions.items():
        if inspect.iscoroutinefunction(function):
            return (
                f"the validator {name!r} in {type_.__name__} with 'async def', which is not "
                "awaited; write 'def', and check in run what needs 'await'"
            )
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
