"""`CredentialCache`: the principals of credentials that were verified a moment ago."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from actionhero import Principal

#: The largest number of credentials of one process; the oldest are verified again.
MAX_CREDENTIALS: Final = 10_000


class CredentialCache:
    """Principals by the digest of their credentials, for a limited time.

    The credentials themselves are not kept. Invalid ones are not either, so that forged ones evict
    none.

    Args:
        max_age_seconds: How long credentials are not verified again.
        max_size: The largest number of credentials.
    """

    def __init__(self, max_age_seconds: float, max_size: int = MAX_CREDENTIALS) -> None:
        self._max_age_seconds = max_age_seconds
        self._max_size = max_size
        self._entries: dict[bytes, tuple[Principal, float]] = {}
        self._digests: dict[str, bytes] = {}
        #: Whether principals are added: not while a revocation would be missed.
        self.is_open = False
        #: Changes with each removal: a result that was read before one is not added after it.
        self.generation = 0

    def get(self, digest: bytes) -> Principal | None:
        """Return the principal of credentials; `None` if they have to be verified."""
        entry = self._entries.get(digest)
        if entry is None or time.monotonic() >= entry[1]:
            return None
        return entry[0]

    def add(
        self, digest: bytes, principal: Principal, generation: int, expires: float | None = None
    ) -> None:
        """Add the principal of verified credentials.

        Args:
            digest: The digest of the credentials.
            principal: Their principal.
            generation: `generation` from before they were verified.
            expires: The time at which they expire, in seconds since the epoch.
        """
        if not self.is_open or generation != self.generation:
            return
        seconds = self._max_age_seconds
        if expires is not None:
            seconds = min(seconds, expires - time.time())
        if seconds <= 0:
            return
        # To the end: the order is that of the additions.
        self._entries.pop(digest, None)
        self._entries[digest] = (principal, time.monotonic() + seconds)
        self._digests[principal.credential_id] = digest
        if len(self._entries) > self._max_size:
            oldest = next(iter(self._entries))
            removed, _ = self._entries.pop(oldest)
            if self._digests.get(removed.credential_id) == oldest:
                del self._digests[removed.credential_id]

    def remove(self, credential_id: str) -> None:
        """Remove credentials that are revoked."""
        self.generation += 1
        digest = self._digests.pop(credential_id, None)
        if digest is not None:
            self._entries.pop(digest, None)

    def open(self) -> None:
        """Begin: all revocations from now on are received."""
        self._clear()
        self.is_open = True

    def close(self) -> None:
        """Remove all credentials, and add none: revocations may be missed."""
        self._clear()
        self.is_open = False

    def _clear(self) -> None:
        self.generation += 1
        self._entries.clear()
        self._digests.clear()

    def __len__(self) -> int:
        return len(self._entries)
