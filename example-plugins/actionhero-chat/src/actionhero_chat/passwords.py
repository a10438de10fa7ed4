"""`Passwords`: hashes them with argon2id, beside the event loop."""

from __future__ import annotations

import asyncio
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_chat.settings import ChatSettings

Answer = TypeVar("Answer")


class Passwords:
    """Hashes passwords and tells whether one fits: `call.get(Passwords)`.

    Each hash takes a tenth of a second and much memory on purpose, so it is done in threads of its
    own, and only so many at once.

    Args:
        settings: How costly a hash is, and how many at once.
    """

    def __init__(self, settings: ChatSettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_passes,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_lanes,
        )
        self._threads = ThreadPoolExecutor(settings.hashes_at_once or os.cpu_count(), "passwords")
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash of a password, with its salt and how it was made."""
        return await self._apart(self._hasher.hash, password)

    async def fits(self, hash: str | None, password: str) -> bool:
        """Whether `password` is the one that was hashed.

        Args:
            hash: As `hash` returned it. `None` fits nothing, and takes as long: that there is no
                such user must not be seen by the clock.
            password: What was given.
        """
        return await self._apart(self._verify, hash, password)

    def is_outdated(self, hash: str) -> bool:
        """Whether `hash` was made at another cost than is set now."""
        return self._hasher.check_needs_rehash(hash)

    def close(self) -> None:
        """End the threads. What is being hashed is finished."""
        self._threads.shutdown(cancel_futures=True)

    def _verify(self, hash: str | None, password: str) -> bool:
        if hash is None and self._nobodys is None:
            self._nobodys = self._hasher.hash(secrets.token_urlsafe())
        try:
            self._hasher.verify(hash or self._nobodys or "", password)
        except (VerificationError, InvalidHashError):
            return False
        return hash is not None

    async def _apart(self, work: Callable[..., Answer], *given: object) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)
