"""Questions about type annotations: what stands inside one, is it secret, is it a list."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Annotated, Any, Union, get_args, get_origin, is_typeddict


def parts(annotation: Any) -> Iterable[Any]:
    """Yield the plain types in `annotation`: the members of unions, the items of containers."""
    origin = get_origin(annotation)
    if origin is None:
        yield annotation
    elif origin is Annotated:
        yield from parts(get_args(annotation)[0])
    else:
        for argument in get_args(annotation):
            if argument is not types.NoneType and argument is not Ellipsis:
                yield from parts(argument)


def members(annotation: Any) -> Iterable[Any]:
    """Yield the members of a union, `None` left out, or the annotation itself."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from members(get_args(annotation)[0])
    elif origin is Union or origin is types.UnionType:
        for argument in get_args(annotation):
            if argument is not types.NoneType:
                yield from members(argument)
    else:
        yield annotation


def holds(annotation: Any, type_: type) -> bool:
    """Whether a value of `type_` may stand anywhere in `annotation`; models count as yes."""
    for part in parts(annotation):
        if part is Any or part is object or _has_fields(part):
            return True
        if isinstance(part, type) and part is not bool and issubclass(part, type_):
            return True
    return False


def is_secret(annotation: Any, metadata: Iterable[Any]) -> bool:
    """Whether a field so annotated is secret: marked with `Secret`, or a pydantic secret type."""
    if any(getattr(item, "is_secret", False) for item in metadata):
        return True
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        return is_secret(inner, marks)
    if any(is_secret(argument, ()) for argument in get_args(annotation)):
        return True
    # By what it offers: pydantic is imported where inputs and settings are defined, not here.
    return isinstance(annotation, type) and hasattr(annotation, "get_secret_value")


def is_sequence(annotation: Any) -> bool:
    """Whether repeated values for a field so annotated make a list."""
    for member in members(annotation):
        container = get_origin(member) or member
        if (
            isinstance(container, type)
            and issubclass(container, Sequence | Set)
            and not issubclass(container, str | bytes | bytearray)
        ):
            return True
    return False


def is_structure(annotation: Any) -> bool:
    """Whether text for a field so annotated is read as JSON: objects, and lists of objects."""
    for member in members(annotation):
        container = get_origin(member) or member
        if _has_fields(container):
            return True
        if isinstance(container, type) and issubclass(container, Mapping):
            return True
        if is_sequence(member) and any(is_structure(item) for item in get_args(member)):
            return True
    return False


def _has_fields(type_: Any) -> bool:
    return (
        is_typeddict(type_)
        or (isinstance(type_, type) and hasattr(type_, "model_fields"))
        or dataclasses.is_dataclass(type_)
    )
