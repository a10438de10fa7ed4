"""`Encryption`: encrypts the secret inputs of a job, which others can read in the queue."""

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
    """Raised if a ciphertext is damaged, or belongs to another key or another job."""


class Encryption:
    """AES-GCM with a key derived from `app.secret_key`.

    Args:
        secret_key: Returns `app.secret_key`; called when the key is first needed.
    """

    def __init__(self, secret_key: Callable[[], str]) -> None:
        self._secret_key = secret_key
        self._cipher: Any = None

    def encrypt(self, values: Mapping[str, Any], job_id: str) -> str:
        """Return `values` as ciphertext that can be decrypted for the same job only."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._aes().encrypt(nonce, dumps(values), job_id.encode())
        return base64.b64encode(nonce + ciphertext).decode()

    def decrypt(self, text: str, job_id: str) -> dict[str, Any]:
        """Return the values of a ciphertext.

        Raises:
            DecryptionError: It was encrypted with another key, or for another job.
        """
        from cryptography.exceptions import InvalidTag

        try:
            data = base64.b64decode(text, validate=True)
            plaintext = self._aes().decrypt(
                data[:_NONCE_BYTES], data[_NONCE_BYTES:], job_id.encode()
            )
        except (InvalidTag, ValueError) as error:
            raise DecryptionError(
                "its secret inputs were encrypted with another app.secret_key"
            ) from error
        values: dict[str, Any] = loads(plaintext)
        return values

    def mac(self, data: bytes) -> str:
        """Return a digest of data that may be guessed, which needs the key."""
        key = blake2b(self._secret_key().encode(), digest_size=32, person=b"actionhero.keys")
        return blake2b(data, digest_size=32, key=key.digest()).hexdigest()

    def _aes(self) -> Any:
        if self._cipher is None:
            # Most jobs have no secrets, and most processes do not need this import.
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            key = blake2b(self._secret_key().encode(), digest_size=32, person=b"actionhero.tasks")
            self._cipher = AESGCM(key.digest())
        return self._cipher
