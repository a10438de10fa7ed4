"""The defaults of inputs, which a call receives as they are: pydantic does not validate them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from actionhero.errors import ABSENT
from actionhero.inputs.annotations import is_optional, parts
from actionhero.inputs.fields import fields_of

if TYPE_CHECKING:
    from actionhero.inputs.fields import InputField

#: The errors of constraints, and of validators, which a default may violate on purpose: no client
#: can send an empty text for a field with `min_length=1`, so as a default it means "unset". And
#: those of `Json` and of `Base64Bytes`, whose defaults are what the text contains.
_OF_CONSTRAINTS: Final = re.compile(
    "greater_than|less_than|multiple_of|too_short|too_long|pattern_mismatch|finite_number|decimal_"
    "|_past|_future|path_|value_error|assertion_error|json_type|json_invalid|base64_"
)


def default_fault(type_: Any, seen: frozenset[int] = frozenset()) -> str | None:
    """Return the fault of the first default that does not fit its annotation, at any depth.

    Args:
        type_: The type of inputs.
        seen: The ids of the types around it.
    """
    for part in parts(type_):
        if id(part) in seen:
            continue
        for field in fields_of(part):
            fault = _fault(field) or default_fault(field.annotation, seen | {id(part)})
            if fault:
                return fault
    return None


def _fault(field: InputField) -> str | None:
    default, annotation = field.default, field.annotation
    # Fast paths for most defaults.
    if default is ABSENT or type(default) is annotation:
        return None
    if default is None and is_optional(annotation):
        return None
    try:
        value = TypeAdapter(annotation).validate_python(default)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        reasons = [item["msg"] for item in details if not _OF_CONSTRAINTS.search(item["type"])]
        if not reasons:
            return None
        reason = reasons[0]
    except Exception:  # noqa: BLE001 - the type depends on the configuration of its model
        return None
    else:
        if type(value) is type(default) or value == default:
            return None
        reason = f"a call would receive {type(default).__name__}, not {type(value).__name__}"
    # The message of pydantic may contain the value, which may be a secret.
    shown = "a default" if field.secret else f"the default {default!r}"
    reason = "" if field.secret else f": {reason[:1].lower()}{reason[1:]}"
    advice = "change one of them"
    if default is None and isinstance(annotation, type):
        advice = f"write '{annotation.__name__} | None', or remove the default"
    return (
        f"the input {field.attribute!r} with {shown}, which does not fit its annotation{reason}; "
        f"{advice}"
    )
