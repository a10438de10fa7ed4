"""`SignedTokens`: what an operator's browser shows to be let in again."""

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
    """Gives passes for a password, and knows them again.

    The key is made of the password too: a new password, or a new `app.secret_key`, ends all.

    Args:
        password: The operators'.
        secret_key: Returns `app.secret_key`; called when the first pass is given or shown.
        ttl_seconds: How long a pass is good.
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
        self._sealing: Any = None

    def is_password(self, given: str) -> bool:
        """Whether it is the password; takes as long for any that is not."""
        # Of digests: the length of the password is not told by the time either.
        return hmac.compare_digest(self._digest(given.encode()), self._digest(self._password))

    def give(self) -> str:
        """Return a pass that is good from now on."""
        token: bytes = self._fernet().encrypt_at_time(_OPERATOR, int(self._clock()))
        return token.decode()

    def is_good(self, shown: str) -> bool:
        """Whether a pass was given here, for this password, and not too long ago."""
        from cryptography.fernet import InvalidToken

        try:
            opened = self._fernet().decrypt_at_time(
                shown.encode(), self.ttl_seconds, int(self._clock())
            )
        except (InvalidToken, ValueError):
            return False
        return bool(opened == _OPERATOR)

    def _digest(self, text: bytes) -> bytes:
        return hmac.digest(self._secret_key().encode(), _PURPOSE + text, "sha256")

    def _fernet(self) -> Any:
        if self._sealing is None:
            from cryptography.fernet import Fernet

            self._sealing = Fernet(base64.urlsafe_b64encode(self._digest(self._password)))
        return self._sealing
