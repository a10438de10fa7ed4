"""The values of bodies that decoders of plugins have parsed, in the containers of JSON."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from actionhero.errors import MalformedRequest
from actionhero.json import MAX_DEPTH


def decoded_object(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object of a decoder, as one of JSON: its tuples and sets are lists.

    Raises:
        MalformedRequest: It is nested deeper than a document of JSON may be.
    """
    return {name: _plain(value, 2) for name, value in values.items()}


def _plain(value: Any, level: int) -> Any:
    is_object = isinstance(value, Mapping)
    if not is_object and not isinstance(value, list | tuple | Set):
        return value
    if level > MAX_DEPTH:
        raise MalformedRequest(f"the body is nested deeper than {MAX_DEPTH} levels")
    if is_object:
        return {name: _plain(item, level + 1) for name, item in value.items()}
    return [_plain(item, level + 1) for item in value]
