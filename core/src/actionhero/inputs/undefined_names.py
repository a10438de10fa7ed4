"""Advice about names in annotations that are not defined, such as `integer`."""

from __future__ import annotations

import builtins
import re
import typing
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The types of other languages and schemas, in Python.
_TYPES: Final = {
    "array": "list",
    "boolean": "bool",
    "double": "float",
    "integer": "int",
    "map": "dict",
    "null": "None",
    "number": "float",
    "string": "str",
    "text": "str",
}
_NAME: Final = re.compile(r"name '(\w+)' is not defined|you should define `(\w+)`")


def undefined_name(error: BaseException) -> str | None:
    """Return the name that is not defined, from an error of Python or pydantic."""
    match = _NAME.search(str(error))
    return (match[1] or match[2]) if match else None


def advice(name: str, known: Iterable[str]) -> str | None:
    """Return the remedy for a name that is not defined; `None` if nothing is similar to it.

    Args:
        name: The name.
        known: The names of the module.
    """
    if type_ := _TYPES.get(name.lower()):
        return f"write {type_!r}"
    if name in typing.__all__:
        return f"add 'from typing import {name}'"
    names = [*known, *vars(builtins)]
    # Imported here because most annotations have no misspelled name.
    from difflib import get_close_matches  # noqa: PLC0415

    near = get_close_matches(name, names, n=1, cutoff=0.75)
    return f"did you mean {near[0]!r}?" if near else None
