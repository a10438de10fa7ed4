"""`KeyVerifier`: verifies the API keys of calls, and writes their last use."""

from __future__ import annotations

import hmac
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from actionhero import CredentialsRefused
from actionhero_auth.api_keys.key_format import KeyFormat, digest_of
from actionhero_auth.api_keys.records import ApiKey, api_key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Principal
    from actionhero_db import Database

logger = logging.getLogger("actionhero.auth")

#: Compared if there is no row, so that the response time does not differ.
_NO_DIGEST: Final = "0" * 64
_REFUSALS: Final = {"revoked": "The API key is revoked", "expired": "The API key has expired"}


class KeyVerifier:
    """Verifies keys with the database.

    Args:
        format: The format of keys.
        last_used_interval: How often the last use of a key is written.
        database: Returns the database, which is provided after this object.
    """

    def __init__(
        self, format: KeyFormat, last_used_interval: timedelta, database: Callable[[], Database]
    ) -> None:
        self.format = format
        self._last_used_interval = last_used_interval
        self._database = database

    async def verify(self, token: str) -> tuple[Principal, datetime | None]:
        """Return the principal of a key, and the time at which it expires.

        Raises:
            CredentialsRefused: The key is unknown, revoked or expired.
            ServiceUnavailable: The database is not available.
        """
        id = self.format.id_of(token)
        if id is None:
            raise CredentialsRefused("The API key is not valid", reason="invalid")
        from actionhero_auth.api_keys.models import ApiKeyRow  # noqa: PLC0415 - imports Tortoise

        async with self._database().activated():
            row = await ApiKeyRow.get_or_none(id=id)
            stored = _NO_DIGEST if row is None else row.digest
            if not hmac.compare_digest(stored, digest_of(token)) or row is None:
                raise CredentialsRefused("The API key is not valid", reason="unknown")
            api_key = api_key_of(row)
            if (message := _REFUSALS.get(api_key.state)) is not None:
                raise CredentialsRefused(
                    message, reason=api_key.state, user=api_key.user, credential_id=id
                )
            await self._write_last_use(api_key)
        return api_key.principal, api_key.expires_at

    async def _write_last_use(self, api_key: ApiKey) -> None:
        from tortoise.exceptions import BaseORMException  # noqa: PLC0415 - imports Tortoise
        from tortoise.expressions import Q  # noqa: PLC0415

        from actionhero_auth.api_keys.models import ApiKeyRow  # noqa: PLC0415

        now = datetime.now(UTC)
        before = now - self._last_used_interval
        if api_key.last_used_at is not None and api_key.last_used_at > before:
            return
        try:
            # One of several processes writes it.
            await ApiKeyRow.filter(
                Q(last_used_at=None) | Q(last_used_at__lte=before), id=api_key.id
            ).update(last_used_at=now)
        except BaseORMException as error:
            # A database that can only be read at the moment does not refuse the call.
            logger.warning("the last use of API key %s is not written: %s", api_key.id, error)
