"""The key of jobs that are one by their inputs."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from actionhero.transport import dumps
from actionhero_tasks.envelope import plain_inputs

if TYPE_CHECKING:
    from actionhero.transport import RegisteredAction


def key_of(action: RegisteredAction, inputs: Any) -> str:
    """Return a key that the same inputs of an action have, whatever their order; no secret in it.

    A digest: a key may be read by anybody who reads the queue.
    """
    values = plain_inputs(action, inputs)
    return sha256(dumps(dict(sorted(values.items())))).hexdigest()
