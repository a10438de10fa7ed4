"""The scope of a key, and the fingerprint of the inputs that it was used with."""

from __future__ import annotations

import asyncio
import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from actionhero import File
from actionhero.transport import canonical, parts
from actionhero_limits.identity import address_identity, user_identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Call
    from actionhero.transport import RegisteredAction


def scope_of(call: Call, key: str) -> str:
    """Return a digest of the action, the caller and the key.

    A caller is a user, or for an anonymous call an address. So a key that another caller has
    guessed is a new one.
    """
    principal = call.principal
    caller = (
        address_identity(call.connection.remote)
        if principal.is_anonymous
        else user_identity(principal.user)
    )
    text = json.dumps([call.action.name, caller, key])
    return blake2b(text.encode(), digest_size=16).hexdigest()


async def fingerprint_of(
    action: RegisteredAction, inputs: Any, secret_key: Callable[[], str]
) -> bytes:
    """Return a digest of the inputs of a call, which differs for other inputs.

    With secret inputs it depends on `app.secret_key`, because secrets may be guessed.

    Args:
        action: The action.
        inputs: The validated inputs.
        secret_key: Returns `app.secret_key`.

    Raises:
        TypeError: An input cannot be compared.
    """
    if any(File in set(parts(field.annotation)) for field in action.inputs.fields):
        # The file is perhaps on a slow disk.
        form = await asyncio.to_thread(_form, action, inputs)
    else:
        form = _form(action, inputs)
    key = b""
    if action.inputs.sensitive_names:
        key = blake2b(secret_key().encode(), digest_size=32, person=b"actionhero.idemp").digest()
    return blake2b(form, digest_size=32, key=key).digest()


def _form(action: RegisteredAction, inputs: Any) -> bytes:
    try:
        text = json.dumps(canonical(inputs), sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"the inputs of {action.name!r} cannot be compared with those of another call: "
            f"{error}; use types that pydantic can serialize, or remove Idempotent()"
        ) from error
    return text.encode()
