"""Type annotations: what stands inside one, is it secret, is it a list, can it be validated."""

from __future__ import annotations

import dataclasses
import operator
import sys
import types
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import (
    Annotated,
    Any,
    Final,
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


#: What strict reading takes alike, be it in JSON or in Python.
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def is_plain(annotation: Any) -> bool:
    """Whether a type is text, a number or a truth value, or one of these."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_plain(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return all(map(is_plain, get_args(annotation)))
    return annotation in _PLAIN


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


def portable(annotation: Any, around: tuple[Any, ...] = ()) -> Any:
    """Return `annotation` with typed dictionaries as pydantic wants them.

    Before Python 3.12, those of `typing` did not know which of their keys they inherited. They are
    replaced by those of `typing_extensions`, however deep they stand; not within themselves.

    Args:
        annotation: Any annotation.
        around: The typed dictionaries that it stands in.
    """
    if sys.version_info >= (3, 12) or annotation in around:
        return annotation
    if is_typeddict(annotation) and type(annotation).__module__ == "typing":
        from typing_extensions import TypedDict  # noqa: PLC0415 - not needed from 3.12 on

        fields = {}
        inside = (*around, annotation)
        for name, hint in get_type_hints(annotation, include_extras=True).items():
            field = portable(required(hint), inside)
            optional = may_be_left_out(annotation, name, hint)
            fields[name] = (NotRequired if optional else Required)[field]
        make: Any = TypedDict
        made = make(annotation.__name__, fields)
        made.__module__, made.__doc__ = annotation.__module__, annotation.__doc__
        return made
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return Annotated[portable(arguments[0], around), *arguments[1:]]
    changed = tuple(portable(argument, around) for argument in arguments)
    if all(map(operator.is_, changed, arguments)):
        return annotation
    origin = get_origin(annotation)
    return (Union if origin is types.UnionType else origin)[changed]


def required(annotation: Any) -> Any:
    """Return the type of a field of a typed dictionary, without the word on whether it is there."""
    return (
        get_args(annotation)[0] if get_origin(annotation) in {Required, NotRequired} else annotation
    )


def may_be_left_out(typed_dict: Any, name: str, hint: Any) -> bool:
    """Whether a typed dictionary may be without the key `name`, whose annotation is `hint`."""
    # Where annotations are text, the class itself has not seen these words.
    if get_origin(hint) in {Required, NotRequired}:
        return get_origin(hint) is NotRequired
    return name in typed_dict.__optional_keys__


def _has_fields(type_: Any) -> bool:
    return (
        is_typeddict(type_)
        or (isinstance(type_, type) and hasattr(type_, "model_fields"))
        or dataclasses.is_dataclass(type_)
    )
