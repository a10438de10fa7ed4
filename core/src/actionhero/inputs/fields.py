"""The declared fields of an action's inputs, and the redaction of secret ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    NamedTuple,
    get_type_hints,
)

import pydantic
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from actionhero.errors import ABSENT
from actionhero.inputs.annotations import (
    is_named_tuple,
    is_optional_key,
    is_secret,
    members,
    parts,
    unwrap_required,
)
from actionhero.inputs.core_schemas import Kind
from actionhero.inputs.headers import Cookie, Header, Source, source_of
from actionhero.redaction import REDACTED, redact

if TYPE_CHECKING:
    from actionhero.inputs.sources import InputReader


class InputField(NamedTuple):
    """One declared input, for transports and listings."""

    #: The name that clients use.
    name: str
    #: All names that clients may use, `name` included.
    names: frozenset[str]
    #: The name of the attribute of the model.
    attribute: str
    annotation: Any
    description: str | None
    required: bool
    #: The default; `ABSENT` if there is none, or if a factory makes it.
    default: Any
    secret: bool
    #: Whether repeated values make a list.
    is_list: bool
    #: Whether its text is parsed as JSON.
    is_structure: bool
    #: The header or cookie that has its value over HTTP; `None`: path, body and query.
    source: Source | None
    #: The examples of `Field(examples=[…])`.
    examples: tuple[Any, ...] = ()


class InputFields:
    """The declared fields of a type, by the names that clients may use.

    Args:
        type_: A pydantic model, or anything that pydantic's `TypeAdapter` takes.
        reader: The reader of its inputs.
    """

    def __init__(self, type_: Any, reader: InputReader) -> None:
        self.type = type_
        root = root_type(type_)
        self.fields = tuple(fields_of(root, reader.kinds))
        #: The position of each field in the declaration, by every name of it.
        self.positions = {
            name: index for index, field in enumerate(self.fields) for name in field.names
        } or {name: index for index, name in enumerate(reader.kinds)}
        self.names = frozenset(self.positions)
        #: Whether any name is accepted.
        self.is_open = reader.is_open
        #: Whether the validated inputs may be a mapping.
        self.is_mapping = reader.is_mapping and root is _plain_type(type_)
        #: Whether there are no inputs.
        self.is_empty = not self.names and not self.is_open
        #: The names that are redacted at any depth.
        self.secret_names = frozenset(secret_names_in(type_))
        #: The names of fields that are secret or contain a secret. Stored inputs must hide them.
        self.sensitive_names = frozenset(
            name
            for field in self.fields
            if field.secret or any(secret_names_in(field.annotation))
            for name in field.names
        )
        if not self.fields:
            # The members of a union, for example, which have fields of their own.
            self.sensitive_names |= self.secret_names
        sources = [field for field in self.fields if field.source is not None]
        #: The inputs from each header and from each cookie, by the names of these.
        self.headers = _by_source(sources, Header)
        self.cookies = _by_source(sources, Cookie)
        #: The names of the headers and cookies that a transport must pass in `MixedPayload`.
        self.header_names = frozenset(self.headers)
        self.cookie_names = frozenset(self.cookies)
        #: Whether there are any of these.
        self.has_headers = bool(sources)

    def redact(self, inputs: Any) -> dict[str, Any]:
        """Return validated inputs with secrets redacted and long values cut, for logs."""
        if isinstance(inputs, BaseModel):
            values = inputs.__dict__
        elif isinstance(inputs, Mapping):
            values = dict(inputs)
        elif dataclasses.is_dataclass(inputs):
            values = {f.name: getattr(inputs, f.name) for f in dataclasses.fields(inputs)}
        else:
            return {}
        redacted: dict[str, Any] = {}
        for name, value in values.items():
            # A fast path for most inputs; `redact` handles all others.
            kind = type(value)
            if name in self.secret_names:
                redacted[name] = REDACTED
            elif kind is int or kind is bool or (kind is str and len(value) <= 100):
                redacted[name] = value
            else:
                redacted = redact(values, self.secret_names)
                break
        return redacted if len(redacted) < 100 else dict(redact(values, self.secret_names))


def root_type(type_: Any) -> Any:
    """Return the type inside aliases, `RootModel`, `Annotated` and `… | None`, or the type."""
    type_ = _plain_type(type_)
    while isinstance(type_, type) and issubclass(type_, pydantic.RootModel):
        type_ = _plain_type(type_.model_fields["root"].annotation)
    return type_


def _plain_type(type_: Any) -> Any:
    """Return the type inside aliases, `Annotated` and `… | None`, or the type itself."""
    only, *others = members(type_)
    return type_ if others else only


def fields_of(type_: Any, kinds: Mapping[str, Kind] = {}) -> Iterable[InputField]:
    """Yield the fields of a model, a typed dictionary, a dataclass or a named tuple.

    Nothing for other types.

    Args:
        type_: The type.
        kinds: The kinds of the inputs, by name.
    """
    # Models, and dataclasses of pydantic.
    if isinstance(type_, type) and "__pydantic_fields__" in vars(type_):
        config = getattr(type_, "model_config", None) or getattr(type_, "__pydantic_config__", {})
        both = config.get("populate_by_name") or config.get("validate_by_name")
        fields: Mapping[str, FieldInfo] = vars(type_)["__pydantic_fields__"]
        for name, field in fields.items():
            names = input_names(name, field)
            annotation = field.rebuild_annotation()
            default = ABSENT
            if not field.is_required() and field.default_factory is None:
                default = field.default
            yield _field(
                kinds,
                name=names[0],
                names=frozenset([*names, name] if both else names),
                attribute=name,
                annotation=annotation,
                description=field.description,
                required=field.is_required(),
                default=default,
                examples=tuple(field.examples or ()),
            )
    elif is_typeddict(type_) or dataclasses.is_dataclass(type_) or is_named_tuple(type_):
        defaults: dict[str, Any] = getattr(type_, "_field_defaults", {})
        if dataclasses.is_dataclass(type_):
            defaults = {
                field.name: (
                    ABSENT
                    if field.default is dataclasses.MISSING or isinstance(field.default, FieldInfo)
                    else field.default
                )
                for field in dataclasses.fields(type_)
                if field.default is not dataclasses.MISSING
                or field.default_factory is not dataclasses.MISSING
            }
        for name, hint in get_type_hints(type_, include_extras=True).items():
            annotation = unwrap_required(hint)
            info = FieldInfo.from_annotation(annotation)
            is_optional = is_typeddict(type_) and is_optional_key(type_, name, hint)
            yield _field(
                kinds,
                name=name,
                names=frozenset([name]),
                attribute=name,
                annotation=annotation,
                description=info.description,
                required=name not in defaults and not is_optional,
                default=defaults.get(name, ABSENT),
                examples=tuple(info.examples or ()),
            )


def _field(kinds: Mapping[str, Kind], name: str, annotation: Any, **properties: Any) -> InputField:
    kind = kinds.get(name, Kind())
    return InputField(
        name=name,
        annotation=annotation,
        secret=is_secret(annotation, ()),
        is_list=kind.is_list,
        is_structure=kind.is_structure,
        source=source_of(annotation),
        **properties,
    )


def _by_source(fields: Iterable[InputField], type_: type[Source]) -> dict[str, list[InputField]]:
    by_source: dict[str, list[InputField]] = {}
    for field in fields:
        if isinstance(field.source, type_):
            by_source.setdefault(field.source.name_for(field.name), []).append(field)
    return by_source


def input_names(name: str, field: FieldInfo) -> list[str]:
    """Return the names that clients use for a field of a model: its own, or its aliases."""
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
    """Yield the names of secret fields in `type_` and in every type inside it."""
    seen = set() if seen is None else seen
    if id(type_) in seen:
        return
    seen.add(id(type_))
    if (inner := list(parts(type_))) != [type_]:
        for part in inner:
            yield from secret_names_in(part, seen)
    for field in fields_of(type_):
        if field.secret:
            # Both the names in the payload and the attribute of the validated model.
            yield from (*field.names, field.attribute)
        else:
            for part in parts(field.annotation):
                yield from secret_names_in(part, seen)
