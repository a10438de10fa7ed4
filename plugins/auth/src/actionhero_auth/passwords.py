"""`Passwords`: hashes passwords with argon2id in threads."""

from __future__ import annotations

import asyncio
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from actionhero.transport import normalize_password

if TYPE_CHECKING:
    from collections.abc import Callable

    from argon2 import PasswordHasher

    from actionhero_auth.settings import AuthSettings

Result = TypeVar("Result")


class Passwords:
    """Hashes and verifies passwords: `call.get(Passwords)`.

    A hash takes a tenth of a second and much memory by design (argon2id, RFC 9106). It is therefore
    computed in a thread pool of limited size, outside the event loop.

    Args:
        settings: The cost of a hash, and the number of concurrent hashes.
    """

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.hashes_at_once or os.cpu_count(), "passwords")
        self._dummy_hash: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash of a password, including its salt and parameters."""
        return await self._run_in_thread(self._hasher.hash, normalize_password(password))

    async def verify(self, hash: str | None, password: str) -> bool:
        """Return whether `password` matches a hash.

        Args:
            hash: A result of `hash`. `None`, or a text that is no hash, matches no password and
                takes the same time, so that the response time does not reveal whether the user
                exists.
            password: The password to verify.
        """
        return await self._run_in_thread(self._verify, hash, password)

    def needs_rehash(self, hash: str) -> bool:
        """Return whether `hash` was computed with parameters other than the current settings.

        After a successful sign-in, store a new hash then.
        """
        return self._hasher.check_needs_rehash(hash)

    def close(self) -> None:
        """Stop the threads after the hashes in progress; pending ones are cancelled."""
        self._threads.shutdown(cancel_futures=True)

    @cached_property
    def _hasher(self) -> PasswordHasher:
        # On first use: most commands hash nothing.
        from argon2 import PasswordHasher  # noqa: PLC0415

        return PasswordHasher(
            time_cost=self._settings.argon2_passes,
            memory_cost=self._settings.argon2_memory_kib,
            parallelism=self._settings.argon2_lanes,
        )

    def _verify(self, hash: str | None, password: str) -> bool:
        normalized = normalize_password(password)
        if hash and (matches := self._matches(hash, normalized)) is not None:
            # Perhaps the hash of another system, which has not normalized it.
            others = {password} - {normalized}
            return matches or any(self._matches(hash, other) for other in others)
        if self._dummy_hash is None:
            self._dummy_hash = self._hasher.hash(secrets.token_urlsafe())
        self._matches(self._dummy_hash, normalized)
        return False

    def _matches(self, hash: str, password: str) -> bool | None:
        """Return whether a password has a hash; `None` if that is no hash."""
        from argon2.exceptions import (  # noqa: PLC0415
            InvalidHashError,
            VerificationError,
            VerifyMismatchError,
        )

        try:
            return self._hasher.verify(hash, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError):
            return None

    async def _run_in_thread(self, function: Callable[..., Result], *arguments: object) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function, *arguments)
