"""The redaction of inputs that are not valid, by their annotations.

The names of secrets are not enough: a client may have sent the text of an object, or a list, in the
place of an object with a secret, or misspelt the name of the secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args, get_origin

from actionhero.inputs.annotations import has_fields, is_named_tuple, is_secret, members
from actionhero.inputs.fields import InputFields, fields_of, root_type, secret_names_in
from actionhero.redaction import REDACTED, redact


def redact_payload(values: Mapping[str, Any], fields: InputFields) -> dict[str, Any]:
    """Return inputs with secrets redacted and long values cut, for logs.

    Args:
        values: The inputs, as the client has sent them. Undeclared names are left out.
        fields: The declared fields.
    """
    known = {
        name: redact_value(name, value, fields)
        for name, value in values.items()
        if fields.is_open or name in fields.names
    }
    return redact(known, fields.secret_names) if known else {}


def redact_value(name: str, value: Any, fields: InputFields) -> Any:
    """Return the value of one name, without values in the place of an object with a secret.

    Args:
        name: The name.
        value: The value, as the client has sent it.
        fields: The declared fields.
    """
    if name in fields.secret_names:
        return REDACTED
    # Decided by name where possible: to follow the annotations takes longer than the validation.
    if not fields.secret_names or (fields.fields and name not in fields.sensitive_names):
        return value
    annotations, _ = _annotations_of(name, _objects([fields.type]))
    return _redacted(value, annotations)


def _redacted(value: Any, annotations: Sequence[Any]) -> Any:
    """Return a value that should be one of these types."""
    if any(is_secret(annotation, ()) for annotation in annotations):
        return REDACTED
    if not any(_has_secrets(annotation) for annotation in annotations):
        return value
    types = _objects(annotations)
    if isinstance(value, Mapping):
        return {name: _redacted_item(name, item, types) for name, item in value.items()}
    if isinstance(value, list | tuple):
        items = [item for type_ in types for item in _items_of(type_)]
        return [_redacted(item, items or annotations) for item in value]
    return value if value is None or isinstance(value, bool) else REDACTED


def _redacted_item(name: Any, value: Any, types: Sequence[Any]) -> Any:
    annotations, is_declared = _annotations_of(name, types)
    return _redacted(value, annotations) if is_declared else REDACTED


def _annotations_of(name: Any, types: Iterable[Any]) -> tuple[list[Any], bool]:
    """Return the annotations of a name in objects of these types, and whether it is declared."""
    annotations: list[Any] = []
    is_declared = False
    for type_ in types:
        arguments = get_args(type_)
        container = get_origin(type_) or type_
        if _is_object(container):
            fields = [field.annotation for field in fields_of(container) if name in field.names]
            # Those of a generic type are in the place of its parameters.
            annotations += [*fields, *arguments] if fields else []
            is_declared |= bool(fields) or _is_open(container)
        elif isinstance(container, type) and issubclass(container, Mapping):
            annotations += arguments[1:]
            is_declared = True
    return annotations, is_declared


def _objects(annotations: Iterable[Any]) -> list[Any]:
    """Return the types of the values of annotations, without unions and root models."""
    objects: list[Any] = []
    for annotation in annotations:
        type_ = root_type(annotation)
        inner = list(members(type_))
        objects += [type_] if inner == [type_] else _objects(inner)
    return objects


def _items_of(type_: Any) -> tuple[Any, ...]:
    """Return the annotations of the items of a list; nothing for other types."""
    container = get_origin(type_)
    is_list = isinstance(container, type) and not _is_object(container)
    return get_args(type_) if is_list and not issubclass(container, Mapping) else ()


def _has_secrets(annotation: Any) -> bool:
    return is_secret(annotation, ()) or any(True for _ in secret_names_in(annotation))


def _is_object(type_: Any) -> bool:
    return has_fields(type_) or is_named_tuple(type_)


def _is_open(type_: Any) -> bool:
    return getattr(type_, "model_config", {}).get("extra") == "allow"
