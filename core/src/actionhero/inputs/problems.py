"""What is wrong with inputs: the validation library's errors, told in our words and pointers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from pydantic_core.core_schema import ErrorType

from actionhero.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Set

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

#: How pydantic introduces the message of a validator's own `ValueError` or `AssertionError`.
_PREFIXES = {"value_error": "Value error, ", "assertion_error": "Assertion failed, "}


#: The rules whose messages are made of the schema alone. The others may repeat what was given.
FIXED_MESSAGES = frozenset(get_args(ErrorType)) - {
    "assertion_error",
    "union_tag_invalid",
    "value_error",
}


def problem_of(detail: ErrorDetails, location: Iterable[Any]) -> Problem:
    """Return what one of pydantic's errors tells, at `location`."""
    kind, message = detail["type"], detail["msg"]
    if kind == "missing":
        message = f"Missing required param: {detail['loc'][-1]}"
    elif kind in _PREFIXES:
        message = message.removeprefix(_PREFIXES[kind])
    return Problem(pointer_to(location), message, kind)


def details_of(error: ValidationError) -> list[ErrorDetails]:
    """Return pydantic's errors, without what was given in place of a missing field: the rest."""
    return error.errors(include_input=False, include_url=False, include_context=False)


def location_in(
    values: Any, location: Sequence[Any], secrets: Set[str], *, missing: bool = False
) -> list[Any]:
    """Return where in `values` an error is.

    pydantic's location has names that are not there, such as those of the members of a union.
    Inside of a secret it may have some that must not be told, such as the keys of a mapping.

    Args:
        values: What was given.
        location: As pydantic has it.
        secrets: The names of what is secret.
        missing: Whether the last part is what was not given.
    """
    found: list[Any] = []
    for index, part in enumerate(location, 1):
        if _is_in(values, part):
            values = values[part]
        elif not missing or index < len(location):
            continue
        found.append(part)
        if part in secrets:
            break
    return found


def _is_in(values: Any, part: Any) -> bool:
    if isinstance(values, Mapping):
        return part in values
    return isinstance(values, list | tuple) and isinstance(part, int) and part < len(values)


def pointer_to(location: Iterable[Any]) -> str:
    """Return the RFC 6901 pointer to `location`."""
    pointer = ""
    for part in location:
        text = str(part)
        if "~" in text or "/" in text:
            text = text.replace("~", "~0").replace("/", "~1")
        pointer += f"/{text}"
    return pointer


def first_part(pointer: str) -> str:
    """Return the name that an RFC 6901 pointer begins with; none of the whole document."""
    return pointer[1:].partition("/")[0].replace("~1", "/").replace("~0", "~")
