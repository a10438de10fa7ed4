"""`Signer`: session ids, states of requests and ids of tasks that clients cannot forge."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Any

from actionhero import MalformedRequest
from actionhero.transport import dumps, loads
from actionhero_mcp.settings import McpSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application


class Signer:
    """Signs values with HMAC-SHA-256 (RFC 2104).

    Args:
        keys: The keys: the first signs, all verify.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def sign(self, purpose: str, value: dict[str, Any], ttl_seconds: float) -> str:
        """Return a token of a value, of visible ASCII characters.

        Args:
            purpose: The purpose of the token; `verify` accepts it for no other one.
            value: A JSON object, which the client can read.
            ttl_seconds: The time to live.
        """
        payload = _encode(dumps({**value, "exp": int(time.time() + ttl_seconds)}))
        return f"{payload}.{_mac(self._keys[0], purpose, payload)}"

    def verify(self, purpose: str, token: object) -> dict[str, Any] | None:
        """Return the value of a token; `None` if it is forged, expired, or of another purpose."""
        if not isinstance(token, str) or not token.isascii():
            return None
        payload, _, mac = token.partition(".")
        if not any(hmac.compare_digest(mac, _mac(key, purpose, payload)) for key in self._keys):
            return None
        try:
            value = loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (binascii.Error, ValueError, MalformedRequest):
            return None
        if not isinstance(value, dict) or value.pop("exp", 0) <= time.time():
            return None
        return value


def signer_for(app: Application) -> Signer:
    """Return the signer of an application.

    Raises:
        ConfigurationError: There is no key in production.
    """
    if not app.has(Signer):
        keys = [key.get_secret_value().encode() for key in app.get(McpSettings).keys]
        if not keys:
            keys = [hmac.digest(app.secret_key().encode(), b"actionhero.mcp", "sha256")]
        app.provide(Signer, Signer(keys))
    return app.get(Signer)


def digest(value: Any) -> str:
    """Return a digest of a JSON value, the same for the same value."""
    return hashlib.sha256(dumps(value)).hexdigest()[:32]


def _mac(key: bytes, purpose: str, payload: str) -> str:
    return _encode(hmac.digest(key, f"{purpose}\n{payload}".encode(), "sha256"))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
