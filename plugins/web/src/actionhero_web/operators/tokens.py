"""`SignedTokens`: issues and verifies the tokens in the cookies of operators."""

from __future__ import annotations

import base64
import hmac
import time
from typing import TYPE_CHECKING, Any

from actionhero.transport import normalize_password

if TYPE_CHECKING:
    from collections.abc import Callable


class SignedTokens:
    """Tokens of Fernet, whose key is derived from `app.secret_key`.

    A change of the key invalidates all tokens. It needs `cryptography`.

    Args:
        purpose: The name of the page; tokens of others are invalid.
        secret_key: Returns `app.secret_key`; called on first use.
        ttl_seconds: The time to live of a token.
        clock: Returns the seconds since the epoch.
    """

    def __init__(
        self,
        purpose: str,
        secret_key: Callable[[], str],
        *,
        ttl_seconds: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._purpose = f"{purpose}\0".encode()
        self._secret_key = secret_key
        self.ttl_seconds = ttl_seconds
        self._clock = clock
        self._fernet: Any = None

    def digest(self, text: str) -> bytes:
        """Return the keyed digest of a text, such as a password."""
        return hmac.digest(self._secret_key().encode(), self._purpose + text.encode(), "sha256")

    def verify_password(self, password: str, expected: str) -> bool:
        """Return whether a password is the expected one, in a time that does not depend on both."""
        # The digests are compared, so that the time does not depend on the length either.
        digest, other = (self.digest(normalize_password(text)) for text in (password, expected))
        return hmac.compare_digest(digest, other)

    def issue(self, content: str) -> str:
        """Return a new token with a content, which the client cannot read."""
        token: bytes = self._get_fernet().encrypt_at_time(content.encode(), int(self._clock()))
        return token.decode()

    def read(self, token: str) -> str | None:
        """Return the content of a token; `None` if it was not issued here, or has expired."""
        from cryptography.fernet import InvalidToken

        try:
            content: bytes = self._get_fernet().decrypt_at_time(
                token.encode(), self.ttl_seconds, int(self._clock())
            )
        except (InvalidToken, ValueError):
            return None
        return content.decode()

    def _get_fernet(self) -> Any:
        if self._fernet is None:
            from cryptography.fernet import Fernet

            self._fernet = Fernet(base64.urlsafe_b64encode(self.digest("")))
        return self._fernet
