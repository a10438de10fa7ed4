"""The deduplication key of a job with `unique_for`: a digest of its parsed inputs.

It is the same for all spellings of the same inputs, over every transport and in every process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from actionhero import InvalidInput
from actionhero.transport import canonical
from actionhero_tasks.envelope import parsed_inputs

if TYPE_CHECKING:
    from actionhero.transport import RegisteredAction
    from actionhero_tasks.encryption import Encryption


def key_of(action: RegisteredAction, inputs: Any, encryption: Encryption) -> str:
    """Return a key that is equal for equal inputs.

    It is a digest, because a key is visible in the queue; with secret inputs, it depends on
    `app.secret_key`, because secrets may be guessed.

    Raises:
        InvalidInput: The inputs are invalid, or one of them has no canonical form.
    """
    # Parsed twice: a default that is a time or a random number is different each time, and so is no
    # part of the key.
    first, second = (_canonical_fields(action, inputs) for _ in range(2))
    text = json.dumps(_common(first, second), sort_keys=True, separators=(",", ":"))
    if action.inputs.sensitive_names:
        return encryption.mac(text.encode())
    return sha256(text.encode()).hexdigest()


def _canonical_fields(action: RegisteredAction, inputs: Any) -> dict[str, Any]:
    parsed = parsed_inputs(action, inputs)
    is_mapping = isinstance(parsed, Mapping)
    values = {
        field.name: parsed.get(field.attribute) if is_mapping else getattr(parsed, field.attribute)
        for field in action.inputs.fields
    }
    try:
        return {name: canonical(value) for name, value in values.items()}
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"the inputs of {action.name!r} have no key for unique_for: {error}; pass a key"
        ) from None


def _common(first: Any, second: Any) -> Any:
    """Return the parts of a value that are equal in another; the others are `None`."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {name: _common(first[name], second.get(name)) for name in first}
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return [_common(*items) for items in zip(first, second, strict=True)]
    return first if first == second else None
