"""The errors of invalid inputs: pydantic's errors as problems with RFC 6901 pointers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic_core import core_schema

from actionhero import json
from actionhero.errors import ABSENT, ErrorType, InvalidInput, MalformedRequest, Problem, name_hint
from actionhero.inputs.payload_redaction import redact_value
from actionhero.inputs.unsupported import MAX_PROBLEMS
from actionhero.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Container

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from actionhero.inputs.fields import InputFields
    from actionhero.inputs.unsupported import Unsupported

#: The prefixes that pydantic adds to the message of a validator's `ValueError` or
#: `AssertionError`.
VALIDATOR_PREFIXES: Final = {
    "value_error": "Value error, ",
    "assertion_error": "Assertion failed, ",
}

#: The types of errors whose messages come from the schema alone. Others may repeat the input.
FIXED_MESSAGES: Final = frozenset(
    (*get_args(core_schema.ErrorType), "nul", "lone_surrogate", "number_out_of_range", "unlisted")
) - {
    "assertion_error",
    "union_tag_invalid",
    "value_error",
}

#: The longest name in a pointer, and the longest pointer. A name may be as long as the inputs, and
#: be in the pointer of each problem.
MAX_NAME_LENGTH: Final = 200
MAX_POINTER_LENGTH: Final = 1000

#: To compare a thousand unknown names with all declared ones would take seconds.
_MAX_HINTS: Final = 10

#: Where values, not bytes, are validated, pydantic names the types of Python: a list, not an array.
#: Clients get the same messages in any case.
_JSON_MESSAGES: Final = {
    **dict.fromkeys(
        ("counter_type", "dataclass_type", "dict_type", "frozen_dict_type", "model_attributes_type",
         "model_type", "ordered_dict_type"),
        "Input should be an object",
    ),
    **dict.fromkeys(
        ("deque_type", "frozen_set_type", "iterable_type", "list_type", "set_type", "tuple_type"),
        "Input should be a valid array",
    ),
    "named_tuple_type": "Input should be an array or an object",
    "none_required": "Input should be null",
    "time_delta_type": "Input should be a valid duration",
}  # fmt: skip
_INTEGER_TYPES: Final = frozenset(
    {"byte_size", "enum", "int_from_float", "int_type", "literal_error"}
)
_FIRST_INEXACT: Final = 2**53
_TOO_LARGE: Final = 2**64
_NOT_AN_OBJECT: Final = frozenset(
    {"model_type", "model_attributes_type", "dict_type", "dataclass_type", "mapping_type"}
)


class InputErrors:
    """Makes the errors of invalid inputs.

    Args:
        fields: The declared fields; problems are sorted by their order.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: InputFields) -> None:
        self._fields = fields

    def needs_values(self, details: Sequence[ErrorDetails]) -> bool:
        """Return whether `from_validation` needs the invalid inputs."""
        return self._fields.is_open or any(
            len(detail["loc"]) != 1 or is_integral(detail) for detail in details
        )

    def from_validation(
        self,
        details: Sequence[ErrorDetails],
        values: Mapping[str, Any] | None,
        other_problems: Sequence[Problem] = (),
    ) -> InvalidInput | MalformedRequest:
        """Return the error for the errors of pydantic.

        Args:
            details: The errors of pydantic.
            values: The invalid inputs by name; `None` if they are not needed.
            other_problems: More problems of the same inputs.
        """
        first = details[0]
        if not first["loc"] and first["type"] in _NOT_AN_OBJECT:
            return MalformedRequest(json.NOT_AN_OBJECT)
        if values is None:
            # Pydantic validates in the order of declaration, so these are sorted already.
            problems = [problem_at(detail, detail["loc"]) for detail in details]
            return self._error(problems, {str(first["loc"][0]): first["input"]})
        problems = [self.problem(detail, values, detail["loc"]) for detail in details]
        return self.invalid([*other_problems, *problems], values)

    def unsupported(
        self,
        unsupported: Iterable[Unsupported],
        values: Mapping[str, Any],
        other_problems: Sequence[Problem] = (),
    ) -> InvalidInput:
        """Return the error of inputs with values that JSON can express and inputs refuse."""
        secrets = self._fields.secret_names
        problems = [
            Problem(pointer_to(location_in(values, item.location, secrets)), *item[1:])
            for item in unsupported
        ]
        # Without the value, which the response could not show as it is.
        return self.invalid([*other_problems, *problems], {})

    def invalid(self, problems: list[Problem], values: Mapping[str, Any]) -> InvalidInput:
        """Return the error with all `problems`, sorted by order of declaration.

        Args:
            problems: At least one.
            values: The invalid inputs by name.
        """
        positions = self._fields.positions
        problems.sort(
            key=lambda problem: positions.get(first_part(problem.pointer), len(positions))
        )
        return self._error(problems, values)

    def _error(self, problems: Sequence[Problem], values: Mapping[str, Any]) -> InvalidInput:
        """Return the error with all `problems`, of which the first one is shown."""
        key = first_part(problems[0].pointer) or None
        value: Any = ABSENT
        # pydantic reports the whole of the inputs as the value of a missing field.
        is_shown = key not in self._fields.secret_names and problems[0].type != "missing"
        if key is not None and is_shown and key in values:
            value = redact_value(key, values[key], self._fields)
            value = redact(value, self._fields.secret_names, limit=None)
        return InvalidInput(
            problems[0].message,
            type=ErrorType.PARAM_REQUIRED,
            key=key,
            value=value,
            problems=tuple(problems),
        )

    def problem(self, detail: ErrorDetails, values: Any, location: Sequence[Any]) -> Problem:
        """Return the problem for one error of pydantic, at its place in `values`."""
        missing = detail["type"] == "missing"
        first = location[0] if location else None
        if first in self._fields.names and first not in values and not missing:
            # A validator before those of the fields has added the name.
            return problem_at(detail, [first])
        place = location_in(values, location, self._fields.secret_names, missing=missing)
        return problem_at(detail, place)

    def unknown_names(self, values: Mapping[str, Any]) -> list[Problem]:
        """Return a problem for each name that is not declared."""
        if self._fields.is_open:
            return []
        problems: list[Problem] = []
        names = sorted(self._fields.names)
        unknown = (name for name in values if name not in self._fields.names)
        for name in islice(unknown, MAX_PROBLEMS):
            message = f"Unknown param: {name}"
            if len(problems) < _MAX_HINTS:
                message += f" ({name_hint(name, names)})"
            problems.append(Problem(pointer_to((name,)), message, "extra_forbidden"))
        return problems


def problem_at(detail: ErrorDetails, location: Iterable[Any]) -> Problem:
    """Return one of pydantic's errors as a problem at `location`."""
    kind, message = detail["type"], detail["msg"]
    if kind == "missing":
        message = f"Missing required param: {detail['loc'][-1]}"
    elif kind in VALIDATOR_PREFIXES:
        # An assertion may have no message.
        message = message.removeprefix(VALIDATOR_PREFIXES[kind]) or "Input is not valid"
    elif kind == "time_delta_parsing":
        message = message.replace("a valid timedelta", "a valid duration", 1)
    else:
        message = _JSON_MESSAGES.get(kind, message)
    return Problem(pointer_to(location), message, kind)


def details_of(error: ValidationError) -> list[ErrorDetails]:
    """Return the errors of pydantic that are reported."""
    return error.errors(include_url=False, include_context=False)[:MAX_PROBLEMS]


def is_integral(detail: ErrorDetails) -> bool:
    """Return whether an error is a float without fraction in the place of an integer.

    JSON does not distinguish `436.0` from `436`, and by JSON Schema both are integers.
    """
    value = detail["input"]
    return (
        type(value) is float and detail["type"] in _INTEGER_TYPES and integer_of(value) is not None
    )


def integer_of(value: float) -> int | None:
    """Return the integer that a document contains as a float; `None` if it is not known.

    From 2**53 on, a float identifies an integer of few digits only, such as `1e18`. Larger ones
    than those of 64 bits would take far more memory than their text.
    """
    if not value.is_integer() or abs(value) >= _TOO_LARGE:
        return None
    if abs(value) < _FIRST_INEXACT:
        return int(value)
    text = f"{value:.14e}"
    if float(text) != value:
        return None
    digits, _, exponent = text.partition("e")
    factor: int = 10 ** (int(exponent) - 14)
    return int(digits.replace(".", "")) * factor


def converted_integers(
    details: Iterable[ErrorDetails], values: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return a copy of `values` in which floats that are integers by `is_integral` are converted.

    `None` if there are none.
    """
    integral = [detail for detail in details if is_integral(detail)]
    if not integral:
        return None
    copy = deepcopy(dict(values))
    changed = False
    for detail in integral:
        *way, last = location_in(copy, detail["loc"], ()) or [None]
        container: Any = copy
        for part in way:
            container = container[part]
        if _contains(container, last) and type(container[last]) is float:
            container[last] = integer_of(container[last])
            changed = True
    return copy if changed else None


def location_in(
    values: Any, location: Sequence[Any], secrets: Container[str], *, missing: bool = False
) -> list[Any]:
    """Return the place of an error in `values`.

    A location of pydantic contains names that are not in the inputs, such as those of the members
    of a union. Inside a secret it may contain secret names, such as the keys of a mapping.

    Args:
        values: The inputs.
        location: The location according to pydantic.
        secrets: The names of secret inputs.
        missing: Whether the last part is missing in the inputs.
    """
    place: list[Any] = []
    for index, part in enumerate(location, 1):
        if _contains(values, part):
            values = values[part]
        elif not missing or index < len(location):
            continue
        place.append(part)
        if part in secrets:
            break
    return place


def pointer_to(location: Iterable[Any]) -> str:
    """Return the RFC 6901 pointer to `location`.

    Names of more than 200 characters are cut. A pointer of more than 1,000 characters leads to a
    value that contains the location.
    """
    pointer = ""
    for part in location:
        text = str(part)
        if len(text) > MAX_NAME_LENGTH:
            text = f"{text[:MAX_NAME_LENGTH]}…"
        if "~" in text or "/" in text:
            text = text.replace("~", "~0").replace("/", "~1")
        if len(pointer) + len(text) >= MAX_POINTER_LENGTH:
            break
        pointer += f"/{text}"
    return pointer


def first_part(pointer: str) -> str:
    """Return the first name in an RFC 6901 pointer; empty for the whole document."""
    return pointer[1:].partition("/")[0].replace("~1", "/").replace("~0", "~")


def _contains(values: Any, part: Any) -> bool:
    if isinstance(values, Mapping):
        return part in values
    return isinstance(values, list | tuple) and isinstance(part, int) and part < len(values)
