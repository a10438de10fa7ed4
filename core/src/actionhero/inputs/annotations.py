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
    NewType,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

# That of `typing` does not recognize the typed dictionaries of `typing_extensions`.
from typing_extensions import ReadOnly, is_typeddict


def unaliased(annotation: Any) -> Any:
    """Return the type that a name stands for: of `type Name = …`, a `NewType` or an `InitVar`."""
    while True:
        alias = get_origin(annotation) or annotation
        # Of `typing`, or of `typing_extensions` where that has another class.
        if type(alias).__name__ == "TypeAliasType":
            annotation = _aliased(alias, get_args(annotation))
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, dataclasses.InitVar):
            annotation = annotation.type
        else:
            return annotation


def parts(annotation: Any, enclosing: tuple[Any, ...] = ()) -> Iterable[Any]:
    """Yield the plain types in `annotation`: the members of unions, the items of containers.

    Args:
        annotation: Any annotation.
        enclosing: The aliases that contain it, of which a recursive one is not resolved again.
    """
    plain = unaliased(annotation)
    origin = get_origin(plain)
    if plain is not annotation:
        alias = get_origin(annotation) or annotation
        if not _contains(enclosing, alias):
            yield from parts(plain, (*enclosing, alias))
    elif origin is None:
        yield annotation
    elif origin is Annotated:
        yield from parts(get_args(annotation)[0], enclosing)
    else:
        if has_fields(origin):
            yield origin
        for argument in get_args(annotation):
            if argument is not types.NoneType and argument is not Ellipsis:
                yield from parts(argument, enclosing)


def members(annotation: Any) -> Iterable[Any]:
    """Yield the members of a union except `None`, or the annotation itself."""
    annotation = unaliased(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from members(get_args(annotation)[0])
    elif origin is Union or origin is types.UnionType:
        for argument in get_args(annotation):
            if argument is not types.NoneType:
                yield from members(argument)
    else:
        yield annotation


def without_none(annotation: Any) -> Any:
    """Return the type beside `None` in a union of both, or in the alias of one; or the type."""
    annotation = unaliased(annotation)
    if get_origin(annotation) is Union or get_origin(annotation) is types.UnionType:
        others = [item for item in get_args(annotation) if item is not types.NoneType]
        if len(others) == 1:
            return without_none(others[0])
    return annotation


def is_optional(annotation: Any) -> bool:
    """Return whether `None` is a member of a union, or the annotation itself."""
    annotation = unaliased(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_optional(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        return any(map(is_optional, get_args(annotation)))
    return annotation is types.NoneType


def is_secret(annotation: Any, metadata: Iterable[Any], enclosing: tuple[Any, ...] = ()) -> bool:
    """Return whether a field is secret: marked with `Secret`, or of a pydantic secret type.

    Args:
        annotation: The type of the field.
        metadata: That of the field, beside that in `annotation`.
        enclosing: The aliases and classes that contain it, which are not examined again.
    """
    if any(getattr(item, "is_secret", False) for item in metadata):
        return True
    plain = unaliased(annotation)
    type_ = get_origin(annotation) or annotation
    if plain is not annotation:
        if _contains(enclosing, type_):
            return False
        return is_secret(plain, (), (*enclosing, type_))
    if type_ is Annotated:
        inner, *marks = get_args(annotation)
        return is_secret(inner, marks, enclosing)
    if any(is_secret(argument, (), enclosing) for argument in get_args(annotation)):
        return True
    if not isinstance(type_, type) or _contains(enclosing, type_):
        return False
    # By its method: pydantic is imported where inputs and settings are defined, not here.
    if hasattr(annotation, "get_secret_value"):
        return True
    # A secret is redacted by the name of its field, and these may be values without names.
    if getattr(type_, "__pydantic_root_model__", False):
        fields: Any = getattr(type_, "__pydantic_fields__", {})
        hints = [field.rebuild_annotation() for field in fields.values()]
    elif is_named_tuple(type_):
        hints = list(_hints_of(type_).values())
    else:
        return False
    return any(is_secret(hint, (), (*enclosing, type_)) for hint in hints)


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


def is_structure(annotation: Any, enclosing: tuple[Any, ...] = ()) -> bool:
    """Return whether the text of a field is parsed as JSON: objects, and lists of objects.

    Args:
        annotation: Any annotation.
        enclosing: The annotations that contain it, one of which a recursive alias is.
    """
    if _contains(enclosing, annotation):
        return False
    for member in members(annotation):
        container = get_origin(member) or member
        if has_fields(container):
            return True
        if isinstance(container, type) and issubclass(container, Mapping):
            return True
        if is_sequence(member) and any(
            is_structure(item, (*enclosing, annotation)) for item in get_args(member)
        ):
            return True
    return False


def is_named_tuple(type_: Any) -> bool:
    """Return whether a type is a class of tuples with named fields."""
    return isinstance(type_, type) and issubclass(type_, tuple) and hasattr(type_, "_fields")


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
    """Return the type of a field of a typed dictionary, without its qualifiers."""
    while get_origin(annotation) in {Required, NotRequired, ReadOnly}:
        annotation = get_args(annotation)[0]
    return annotation


def is_optional_key(typed_dict: Any, name: str, hint: Any) -> bool:
    """Return whether a typed dictionary may omit the key `name`, whose annotation is `hint`."""
    # With postponed annotations, the class has not seen `Required` and `NotRequired`.
    if get_origin(hint) in {Required, NotRequired}:
        return get_origin(hint) is NotRequired
    return name in typed_dict.__optional_keys__


def has_fields(type_: Any) -> bool:
    """Return whether a type is a typed dictionary, a model or a dataclass."""
    return (
        is_typeddict(type_)
        or (isinstance(type_, type) and hasattr(type_, "model_fields"))
        or dataclasses.is_dataclass(type_)
    )


def _hints_of(type_: Any) -> dict[str, Any]:
    try:
        return get_type_hints(type_, include_extras=True)
    except NameError:
        # A model is defined before a name in one of its fields; its schema will be an error.
        return dict(type_.__annotations__)


def _aliased(alias: Any, arguments: tuple[Any, ...]) -> Any:
    """Return the type that an alias with these arguments stands for."""
    namespace = getattr(sys.modules.get(alias.__module__), "__dict__", {})
    holder = type("holder", (), {"__annotations__": {"value": alias.__value__}})
    try:
        value = get_type_hints(holder, namespace, include_extras=True)["value"]
    except (AttributeError, NameError, SyntaxError, TypeError):
        value = alias.__value__
    # A type has its parameters in another order than its alias may have.
    by_parameter = dict(zip(alias.__type_params__, arguments, strict=False))
    parameters = getattr(value, "__parameters__", ())
    if parameters and by_parameter:
        return value[tuple(by_parameter.get(parameter, parameter) for parameter in parameters)]
    return by_parameter.get(value, value) if isinstance(value, TypeVar) else value


def _contains(items: Iterable[Any], item: Any) -> bool:
    """Return whether one of the items is `item`, which need not be comparable."""
    return any(each is item for each in items)
