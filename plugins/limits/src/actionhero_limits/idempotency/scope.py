"""The scope of a key, and the fingerprint of the inputs that it was used with."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from actionhero import File
from actionhero.transport import canonical, parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Call
    from actionhero.transport import RegisteredAction


def scope_of(call: Call, key: str) -> str:
    """Return a digest of the action, the caller and the key.

    A caller is a user, or for an anonymous call an address. So a key that another caller has
    guessed is a new one.
    """
    text = json.dumps([call.action.name, *_caller(call), key])
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _caller(call: Call) -> tuple[str, str]:
    principal = call.principal
    if not principal.is_anonymous:
        return "user", principal.id
    remote = call.connection.remote or ""
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return "address", remote
    if address.version == 6:
        # A client has a whole network of them.
        return "address", str(ipaddress.ip_network((address, 64), strict=False))
    return "address", str(address)


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
