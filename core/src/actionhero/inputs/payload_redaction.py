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
    return _Place([fields.type], {}).inner(name).redacted(value)


class _Place:
    """The types that a value may have at one place of the inputs.

    Each is examined once, however many values a client sends there.

    Args:
        annotations: The annotations of the value.
        places: All places of the inputs, by the identities of their annotations.
    """

    def __init__(self, annotations: Sequence[Any], places: dict[tuple[int, ...], _Place]) -> None:
        self._annotations = annotations
        self._places = places
        self._is_secret = any(is_secret(annotation, ()) for annotation in annotations)
        self._has_secrets = self._is_secret or any(map(_has_secrets, annotations))
        self._is_open = False
        self._fields: dict[Any, list[Any]] = {}
        self._values: list[Any] = []
        self._items: list[Any] = []
        for type_ in _objects(annotations):
            self._add(type_)

    def _add(self, type_: Any) -> None:
        container, arguments = get_origin(type_) or type_, get_args(type_)
        if has_fields(container) or is_named_tuple(container):
            self._is_open |= getattr(container, "model_config", {}).get("extra") == "allow"
            for field in fields_of(container):
                for name in field.names:
                    # Those of a generic type are in the place of its parameters.
                    self._fields.setdefault(name, []).extend((field.annotation, *arguments))
        elif isinstance(container, type) and issubclass(container, Mapping):
            self._is_open = True
            self._values += arguments[1:]
        else:
            self._items += arguments

    def inner(self, name: Any) -> _Place:
        """Return the place of a name in the object at this place."""
        return self._place_of([*self._fields.get(name, ()), *self._values])

    def redacted(self, value: Any) -> Any:
        """Return a value without all that may be secret."""
        if self._is_secret:
            return REDACTED
        if not self._has_secrets:
            return value
        if isinstance(value, Mapping):
            return {
                name: self.inner(name).redacted(item)
                if self._is_open or name in self._fields
                else REDACTED
                for name, item in value.items()
            }
        if isinstance(value, list | tuple):
            items = self._place_of(self._items or self._annotations)
            return [items.redacted(item) for item in value]
        return value if value is None or isinstance(value, bool) else REDACTED

    def _place_of(self, annotations: Sequence[Any]) -> _Place:
        key = tuple(map(id, annotations))
        if key not in self._places:
            self._places[key] = _Place(annotations, self._places)
        return self._places[key]


def _objects(annotations: Iterable[Any]) -> list[Any]:
    """Return the types of the values of annotations, without unions and root models."""
    objects: list[Any] = []
    for annotation in annotations:
        type_ = root_type(annotation)
        inner = list(members(type_))
        objects += [type_] if inner == [type_] else _objects(inner)
    return objects


def _has_secrets(annotation: Any) -> bool:
    return is_secret(annotation, ()) or any(True for _ in secret_names_in(annotation))
