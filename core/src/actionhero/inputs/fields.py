"""The declared fields of an action's inputs, as doors and listings need to know them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints, is_typeddict

import pydantic
from pydantic import BaseModel

from actionhero.errors import ABSENT
from actionhero.inputs.annotations import (
    is_secret,
    is_sequence,
    is_structure,
    may_be_left_out,
    parts,
    required,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class InputField(NamedTuple):
    """One declared input, as doors and listings need to know it."""

    #: The name by which it is given from outside.
    name: str
    #: Every name by which it may be given, `name` included.
    names: frozenset[str]
    #: The name by which an action reads it.
    attribute: str
    annotation: Any
    description: str | None
    required: bool
    #: The default, or `ABSENT` where there is none that can be shown.
    default: Any
    secret: bool
    #: Whether repeated values make a list.
    is_list: bool
    #: Whether text for it is read as JSON.
    is_structure: bool


def fields_of(type_: Any) -> Iterable[InputField]:
    """Yield the fields of a model, a typed dictionary or a dataclass; none of anything else."""
    if isinstance(type_, type) and issubclass(type_, BaseModel):
        for name, field in type_.model_fields.items():
            outside = outside_names(name, field)
            both = type_.model_config.get("populate_by_name") or type_.model_config.get(
                "validate_by_name"
            )
            annotation = field.rebuild_annotation()
            default = ABSENT
            if not field.is_required() and field.default_factory is None:
                default = field.default
            yield InputField(
                name=outside[0],
                names=frozenset([*outside, name] if both else outside),
                attribute=name,
                annotation=annotation,
                description=field.description,
                required=field.is_required(),
                default=default,
                secret=is_secret(annotation, ()),
                is_list=is_sequence(annotation),
                is_structure=is_structure(annotation),
            )
    elif is_typeddict(type_) or dataclasses.is_dataclass(type_):
        defaults = set()
        if not is_typeddict(type_):
            defaults = {
                field.name
                for field in dataclasses.fields(type_)
                if field.default is not dataclasses.MISSING
                or field.default_factory is not dataclasses.MISSING
            }
        for name, hint in get_type_hints(type_, include_extras=True).items():
            annotation = required(hint)
            info = pydantic.fields.FieldInfo.from_annotation(annotation)
            yield InputField(
                name=name,
                names=frozenset([name]),
                attribute=name,
                annotation=annotation,
                description=info.description,
                required=not (
                    may_be_left_out(type_, name, hint) if is_typeddict(type_) else name in defaults
                ),
                default=ABSENT,
                secret=is_secret(annotation, ()),
                is_list=is_sequence(annotation),
                is_structure=is_structure(annotation),
            )


def outside_names(name: str, field: pydantic.fields.FieldInfo) -> list[str]:
    """Return the names by which a field of a model is given: its own, or its aliases."""
    alias = field.validation_alias if field.validation_alias is not None else field.alias
    if alias is None:
        return [name]
    if isinstance(alias, str):
        return [alias]
    choices = alias.choices if isinstance(alias, pydantic.AliasChoices) else [alias]
    names = []
    for choice in choices:
        if isinstance(choice, str):
            names.append(choice)
        elif isinstance(choice.path[0], str):
            names.append(choice.path[0])
    return names or [name]


def secret_names_in(type_: Any, seen: set[int] | None = None) -> Iterable[str]:
    """Yield the names of secret fields in `type_` and in every type that stands inside it."""
    seen = set() if seen is None else seen
    if id(type_) in seen:
        return
    seen.add(id(type_))
    if (plain := list(parts(type_))) != [type_]:
        for part in plain:
            yield from secret_names_in(part, seen)
    for field in fields_of(type_):
        if field.secret:
            # By either name: what was given has the one, what came of it the other.
            yield from (*field.names, field.attribute)
        else:
            for part in parts(field.annotation):
                yield from secret_names_in(part, seen)
