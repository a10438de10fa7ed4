"""Values that JSON can express and inputs refuse: NUL, lone surrogates, numbers out of range."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

#: How many problems of the inputs of a call are reported.
MAX_PROBLEMS: Final = 1000


class Unsupported(NamedTuple):
    """A value that is refused, with the names and positions that lead to it."""

    location: tuple[Any, ...]
    message: str
    type: str


def find_unsupported(
    values: Mapping[Any, Any], declared: Container[str] | None = None
) -> list[Unsupported]:
    """Return the unsupported values, and the unsupported names of objects, in inputs.

    At most as many as are reported. An infinity is a number that overflowed a float.

    Args:
        values: The inputs.
        declared: The declared names; of an input with another name, one value is returned.
            `None`: every name is declared.
    """
    # Most inputs are without faults, and this is faster than to list them.
    if not _may_contain(values):
        return []
    unsupported = (
        item
        for name, value in values.items()
        for item in islice(
            _unsupported({name: value}, ()),
            MAX_PROBLEMS if declared is None or name in declared else 1,
        )
    )
    return list(islice(unsupported, MAX_PROBLEMS))


def _may_contain(value: Any) -> bool:
    if isinstance(value, dict):
        for name in value:
            # Printable text contains neither NUL nor lone surrogates.
            if type(name) is str and not name.isprintable():
                return True
        items = value.values()
    else:
        items = value
    for item in items:
        kind = type(item)
        if kind is str:
            if not item.isprintable() and _fault(item):
                return True
        elif kind is int or kind is bool:
            continue
        elif kind is float:
            if _is_not_finite(item):
                return True
        elif isinstance(item, dict | list | str) and (isinstance(item, str) or _may_contain(item)):
            return True
    return False


def _unsupported(value: Any, location: tuple[Any, ...]) -> Iterator[Unsupported]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(name, str) and (fault := _fault(name)):
                yield Unsupported((*location, name), f"The name contains {fault[0]}", fault[1])
            yield from _unsupported(item, (*location, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unsupported(item, (*location, index))
    elif isinstance(value, str):
        if fault := _fault(value):
            yield Unsupported(location, f"Input contains {fault[0]}", fault[1])
    elif _is_not_finite(value):
        yield Unsupported(location, "Input is a number out of range", "number_out_of_range")


def _fault(text: str) -> tuple[str, str] | None:
    if "\0" in text:
        return "a NUL character", "nul"
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a lone surrogate", "lone_surrogate"
    return None


def _is_not_finite(value: Any) -> bool:
    # The difference of an infinity and itself is not a number, and no number equals itself then.
    return type(value) is float and value - value != 0
