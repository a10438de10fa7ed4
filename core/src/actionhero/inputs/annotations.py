"""Type annotations: their members, and whether they are secret, lists or nested."""

from __future__ import annotations

import dataclasses
import operator
import sys
import types
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import (
    Annotated,
    Any,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)


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
    """Yield the members of a union except `None`, or the annotation itself."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from members(get_args(annotation)[0])
    elif origin is Union or origin is types.UnionType:
        for argument in get_args(annotation):
            if argument is not types.NoneType:
                yield from members(argument)
    else:
        yield annotation


def is_optional(annotation: Any) -> bool:
    """Return whether `None` is a member of a union, or the annotation itself."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_optional(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        return any(map(is_optional, get_args(annotation)))
    return annotation is types.NoneType


def is_secret(annotation: Any, metadata: Iterable[Any]) -> bool:
    """Return whether a field is secret: marked with `Secret`, or of a pydantic secret type."""
    if any(getattr(item, "is_secret", False) for item in metadata):
        return True
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        return is_secret(inner, marks)
    if any(is_secret(argument, ()) for argument in get_args(annotation)):
        return True
    # By its method: pydantic is imported where inputs and settings are defined, not here.
    return isinstance(annotation, type) and hasattr(annotation, "get_secret_value")


def is_sequence(annotation: Any) -> bool:
    """Return whether repeated values of a field make a list."""
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
    """Return whether the text of a field is parsed as JSON: objects, and lists of objects."""
    for member in members(annotation):
        container = get_origin(member) or member
        if _has_fields(container):
            return True
        if isinstance(container, type) and issubclass(container, Mapping):
            return True
        if is_sequence(member) and any(is_structure(item) for item in get_args(member)):
            return True
    return False


def with_portable_typed_dicts(annotation: Any, enclosing: tuple[Any, ...] = ()) -> Any:
    """Return `annotation` with typed dictionaries that pydantic accepts.

    Before Python 3.12, those of `typing` lost the information which inherited keys are required.
    They are replaced by those of `typing_extensions` at any depth; recursive uses are not.

    Args:
        annotation: Any annotation.
        enclosing: The typed dictionaries that contain it.
    """
    if sys.version_info >= (3, 12) or annotation in enclosing:
        return annotation
    if is_typeddict(annotation) and type(annotation).__module__ == "typing":
        from typing_extensions import TypedDict  # noqa: PLC0415 - not needed from 3.12 on

        fields = {}
        inside = (*enclosing, annotation)
        for name, hint in get_type_hints(annotation, include_extras=True).items():
            field = with_portable_typed_dicts(unwrap_required(hint), inside)
            optional = is_optional_key(annotation, name, hint)
            fields[name] = (NotRequired if optional else Required)[field]
        create: Any = TypedDict
        portable = create(annotation.__name__, fields)
        portable.__module__, portable.__doc__ = annotation.__module__, annotation.__doc__
        return portable
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return Annotated[with_portable_typed_dicts(arguments[0], enclosing), *arguments[1:]]
    changed = tuple(with_portable_typed_dicts(argument, enclosing) for argument in arguments)
    if all(map(operator.is_, changed, arguments)):
        return annotation
    origin = get_origin(annotation)
    return (Union if origin is types.UnionType else origin)[changed]


def unwrap_required(annotation: Any) -> Any:
    """Return the type of a field of a typed dictionary, without `Required` or `NotRequired`."""
    return (
        get_args(annotation)[0] if get_origin(annotation) in {Required, NotRequired} else annotation
    )


def is_optional_key(typed_dict: Any, name: str, hint: Any) -> bool:
    """Return whether a typed dictionary may omit the key `name`, whose annotation is `hint`."""
    # With postponed annotations, the class has not seen `Required` and `NotRequired`.
    if get_origin(hint) in {Required, NotRequired}:
        return get_origin(hint) is NotRequired
    return name in typed_dict.__optional_keys__


def _has_fields(type_: Any) -> bool:
    return (
        is_typeddict(type_)
        or (isinstance(type_, type) and hasattr(type_, "model_fields"))
        or dataclasses.is_dataclass(type_)
    )
