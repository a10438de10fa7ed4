"""`Encryption`: what is secret is kept from whoever can read the queue."""

from __future__ import annotations

import base64
import os
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from actionhero.transport import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NONCE_BYTES: Final = 12


class DecryptionError(Exception):
    """Raised when what was sealed cannot be opened: another key, another job, or not all of it."""


class Encryption:
    """Encrypts with AES-GCM, under a key that is made from the application's.

    Args:
        secret_key: Returns `app.secret_key`; called when the first secret is sealed or opened.
    """

    def __init__(self, secret_key: Callable[[], str]) -> None:
        self._secret_key = secret_key
        self._cipher: Any = None

    def close(self, values: Mapping[str, Any], job_id: str) -> str:
        """Return `values` as text that only `open` reads, and only for the same job."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._aes().encrypt(nonce, dumps(values), job_id.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, text: str, job_id: str) -> dict[str, Any]:
        """Return what was closed.

        Raises:
            DecryptionError: It was closed with another key, or for another job.
        """
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(text, validate=True)
            opened = self._aes().decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], job_id.encode())
        except (InvalidTag, ValueError) as error:
            raise DecryptionError(
                "its secret inputs were sealed with another app.secret_key than this process has"
            ) from error
        values: dict[str, Any] = loads(opened)
        return values

    def _aes(self) -> Any:
        if self._cipher is None:
            # Most jobs have no secrets, and most processes never pay for this import.
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            key = blake2b(self._secret_key().encode(), digest_size=32, person=b"actionhero.tasks")
            self._cipher = AESGCM(key.digest())
        return self._cipher
