"""The deduplication key of a job with `unique_for`, computed from its inputs."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from actionhero.transport import dumps
from actionhero_tasks.envelope import validated_inputs

if TYPE_CHECKING:
    from actionhero.transport import RegisteredAction


def key_of(action: RegisteredAction, inputs: Any) -> str:
    """Return a key that is equal for equal inputs in any order.

    It is a digest, because a key is visible in the queue and inputs may be secret.
    """
    values = validated_inputs(action, inputs)
    return sha256(dumps(dict(sorted(values.items())))).hexdigest()
