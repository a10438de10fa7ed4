"""`SignedTokens`: issues and verifies the tokens in the cookies of operators."""

from __future__ import annotations

import base64
import hmac
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_PURPOSE: Final = b"actionhero.tasks.operator\0"
_OPERATOR: Final = b"operator"


class SignedTokens:
    """Tokens of Fernet, whose key is derived from `app.secret_key` and the password.

    A change of either invalidates all tokens.

    Args:
        password: The password of the operators.
        secret_key: Returns `app.secret_key`; called on first use.
        ttl_seconds: The time to live of a token.
        clock: Returns the seconds since the epoch.
    """

    def __init__(
        self,
        password: str,
        secret_key: Callable[[], str],
        *,
        ttl_seconds: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._password = password.encode()
        self._secret_key = secret_key
        self.ttl_seconds = ttl_seconds
        self._clock = clock
        self._fernet: Any = None

    def verify_password(self, password: str) -> bool:
        """Return whether the password is correct, in constant time."""
        # The digests are compared, so that the time does not depend on the length either.
        return hmac.compare_digest(self._digest(password.encode()), self._digest(self._password))

    def issue(self) -> str:
        """Return a new token."""
        token: bytes = self._get_fernet().encrypt_at_time(_OPERATOR, int(self._clock()))
        return token.decode()

    def is_valid(self, token: str) -> bool:
        """Return whether a token was issued here, for this password, and has not expired."""
        from cryptography.fernet import InvalidToken

        try:
            content = self._get_fernet().decrypt_at_time(
                token.encode(), self.ttl_seconds, int(self._clock())
            )
        except (InvalidToken, ValueError):
            return False
        return bool(content == _OPERATOR)

    def _digest(self, text: bytes) -> bytes:
        return hmac.digest(self._secret_key().encode(), _PURPOSE + text, "sha256")

    def _get_fernet(self) -> Any:
        if self._fernet is None:
            from cryptography.fernet import Fernet

            self._fernet = Fernet(base64.urlsafe_b64encode(self._digest(self._password)))
        return self._fernet
