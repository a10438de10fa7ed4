"""The values of bodies that decoders of plugins have parsed, in the containers of JSON."""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import Enum
from typing import Any, Final

from actionhero.errors import MalformedRequest
from actionhero.json import MAX_DEPTH

#: The types of nearly all values, none of which is a container.
_SCALARS: Final = frozenset({bool, bytes, float, int, str, type(None)})


def decoded_object(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object of a decoder, as one of JSON: its tuples and sets are lists.

    Texts and numbers of subclasses, such as those of parsers of XML, become plain ones.

    Raises:
        MalformedRequest: It is nested deeper than a document of JSON may be.
    """
    return {name: _plain(value, 2) for name, value in values.items()}


def _plain(value: Any, level: int) -> Any:
    if type(value) in _SCALARS:
        return value
    # Without the exact types, which are faster, every value would be compared with the ABC.
    is_object = type(value) is dict or (type(value) is not list and isinstance(value, Mapping))
    if not is_object and not isinstance(value, list | tuple | Set):
        return _plain_scalar(value)
    if level > MAX_DEPTH:
        raise MalformedRequest(f"the body is nested deeper than {MAX_DEPTH} levels")
    if is_object:
        return {
            name: item if type(item) in _SCALARS else _plain(item, level + 1)
            for name, item in value.items()
        }
    return [item if type(item) in _SCALARS else _plain(item, level + 1) for item in value]


def _plain_scalar(value: Any) -> Any:
    if not isinstance(value, Enum):
        # Not `str(…)` and the like, which a subclass may override.
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            return int.__int__(value)
        if isinstance(value, float):
            return float.__float__(value)
    return value
