"""`ApiKeys`: creates, lists and revokes API keys."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from actionhero import InvalidInput
from actionhero.transport import dumps, has_lone_surrogate, is_no_user
from actionhero_auth.api_keys.key_format import KeyFormat, digest_of, is_id
from actionhero_auth.api_keys.records import ApiKey, NewApiKey, api_key_of, user_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from actionhero import AuditLog
    from actionhero_auth.api_keys.models import ApiKeyRow
    from actionhero_db import Database

MAX_NAME_LENGTH: Final = 200
MAX_USER_LENGTH: Final = 255
#: For how long after its revocation a key is announced again by a repetition of `revoke_all`.
ANNOUNCED_AGAIN: Final = timedelta(days=1)
#: Any user, where `None` would be a value.
_ANY: Final[Any] = object()


class ApiKeys:
    """The API keys of an application: `call.get(ApiKeys)`.

    The methods take part in the transaction of the caller, if there is one.

    Args:
        format: The format of keys.
        database: Returns the database, which is provided after this object.
        publish: Ends the use of keys in all processes.
        audit: The audit log.
    """

    def __init__(
        self,
        format: KeyFormat,
        database: Callable[[], Database],
        publish: Callable[[Sequence[str]], Awaitable[None]],
        audit: AuditLog,
    ) -> None:
        self._format = format
        self._database = database
        self._publish = publish
        self._audit = audit

    async def create(
        self,
        user: Any,
        name: str,
        *,
        scopes: Iterable[str] | None,
        expires_in: timedelta | None = None,
        kind: str = "user",
        recorded: bool = True,
    ) -> NewApiKey:
        """Create a key.

        Args:
            user: The user as the application knows them, a JSON value such as 7.
            name: A name by which the user recognizes the key, of up to 200 characters.
            scopes: Its scopes; `None`: it is not limited by scopes.
            expires_in: The time after which it is refused; `None`: it does not expire.
            kind: `user`, or `service` for a program that acts for itself.
            recorded: Whether the audit log has an event; a caller that records it itself says no.

        Returns:
            The key with its secret, which is not stored: show it once.

        Raises:
            ValueError: An argument is empty, too long, or cannot be stored.
        """
        stored_user = user_text(user)
        # JSON has no infinite numbers: they would be stored as null.
        is_number = not isinstance(user, float) or math.isfinite(user)
        if is_no_user(user) or not is_number or len(stored_user) > MAX_USER_LENGTH:
            raise ValueError(
                f"the user must be a JSON value of up to {MAX_USER_LENGTH} characters, and not "
                "null, false or an empty text"
            )
        if not name.strip() or len(name) > MAX_NAME_LENGTH:
            raise ValueError(f"the name must have 1 to {MAX_NAME_LENGTH} characters")
        if "\0" in name or has_lone_surrogate(name):
            raise ValueError("the name contains a character that cannot be stored")
        if isinstance(scopes, str):
            raise ValueError("the scopes must be a list, not a text")
        if expires_in is not None and expires_in <= timedelta(0):
            raise ValueError("expires_in must be positive")
        text = self._format.new()
        now = _now()
        try:
            expires_at = None if expires_in is None else now + expires_in
        except OverflowError:
            raise ValueError("expires_in is too long; leave it out for no expiry") from None
        api_key = ApiKey(
            id=text.id,
            name=name,
            user=user,
            kind=kind,
            scopes=None if scopes is None else tuple(sorted(set(scopes))),
            created_at=now,
            expires_at=expires_at,
        )
        from actionhero_auth.api_keys.models import ApiKeyRow  # noqa: PLC0415 - imports Tortoise

        async with self._database().activated():
            await ApiKeyRow.create(
                id=text.id,
                digest=digest_of(text.key),
                name=name,
                user=stored_user,
                kind=kind,
                scopes=None if api_key.scopes is None else dumps(api_key.scopes).decode(),
                created_at=api_key.created_at,
                expires_at=api_key.expires_at,
            )
            if recorded:
                await self._record("credential_creation", api_key)
        return NewApiKey(api_key, text.key)

    async def list(
        self,
        user: Any = _ANY,
        *,
        with_revoked: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> list[ApiKey]:
        """Return keys, the newest first, without their secrets.

        Args:
            user: Only those of this user; by default of all users.
            with_revoked: Whether revoked keys are included.
            limit: The largest number of keys.
            after: The identifier of the last key of the page before.

        Raises:
            InvalidInput: `after` is no such key.
        """
        from tortoise.expressions import Q  # noqa: PLC0415 - imports Tortoise

        from actionhero_auth.api_keys.models import ApiKeyRow  # noqa: PLC0415

        async with self._database().activated():
            query = ApiKeyRow.all().order_by("-created_at", "-id").limit(limit)
            if user is not _ANY:
                query = query.filter(user=user_text(user))
            if not with_revoked:
                query = query.filter(revoked_at=None)
            if after is not None:
                last = await ApiKeyRow.get_or_none(id=after) if is_id(after) else None
                if last is None or last.id != after or user not in (_ANY, api_key_of(last).user):
                    raise InvalidInput(f"unknown API key {after!r}", key="after", value=after)
                query = query.filter(
                    Q(created_at__lt=last.created_at)
                    | Q(created_at=last.created_at, id__lt=last.id)
                )
            keys = [api_key_of(row) for row in await query]
            # A database may compare without case.
            return keys if user is _ANY else [key for key in keys if key.user == user]

    async def revoke(self, id: str, *, user: Any = _ANY, recorded: bool = True) -> bool:
        """Revoke a key: calls with it are refused, and its subscriptions end, in all processes.

        In a transaction it is revoked with the commit. A key that was revoked before is announced
        to all processes again.

        Args:
            id: The identifier of the key.
            user: Only if it is a key of this user; by default of any.
            recorded: Whether the audit log has an event; a caller that records it itself says no.

        Returns:
            Whether there is such a key.

        Raises:
            ServiceUnavailable: The database is not available. Or the key is revoked, and Redis is
                not available, so that other processes may accept it for `auth.api_key_cache`:
                revoke it again.
        """
        from actionhero_auth.api_keys.models import ApiKeyRow  # noqa: PLC0415 - imports Tortoise

        if not is_id(id):
            return False
        async with self._database().activated():
            row = await ApiKeyRow.get_or_none(id=id)
            if row is None or row.id != id or user not in (_ANY, api_key_of(row).user):
                return False
            await self._revoke([row], recorded=recorded)
        return True

    async def revoke_all(self, user: Any) -> int:
        """Revoke all keys of a user, and return their number.

        Those that were revoked within a day are announced to all processes again.

        Raises:
            ServiceUnavailable: As for `revoke`: all keys are revoked; do it again.
        """
        from tortoise.expressions import Q  # noqa: PLC0415 - imports Tortoise

        from actionhero_auth.api_keys.models import ApiKeyRow  # noqa: PLC0415

        async with self._database().activated():
            rows = await ApiKeyRow.filter(
                Q(revoked_at=None) | Q(revoked_at__gt=_now() - ANNOUNCED_AGAIN),
                user=user_text(user),
            )
            # A database may compare without case.
            return await self._revoke([row for row in rows if api_key_of(row).user == user])

    async def revoked_since(self, time: datetime) -> Sequence[str]:
        """Return the identifiers of the keys that were revoked after a time."""
        from actionhero_auth.api_keys.models import ApiKeyRow  # noqa: PLC0415 - imports Tortoise

        async with self._database().activated():
            rows = await ApiKeyRow.filter(revoked_at__gt=time).order_by("revoked_at").only("id")
            return [row.id for row in rows]

    async def _revoke(self, rows: Sequence[ApiKeyRow], *, recorded: bool = True) -> int:
        """Revoke keys, announce all of them, and return how many were not revoked before."""
        from actionhero_auth.api_keys.models import ApiKeyRow  # noqa: PLC0415 - imports Tortoise

        database, count = self._database(), 0
        for row in rows:
            if await ApiKeyRow.filter(id=row.id, revoked_at=None).update(revoked_at=_now()):
                count += 1
                if recorded:
                    await self._record("credential_revocation", api_key_of(row))
        ids = [row.id for row in rows]
        if database.is_open:
            await database.after_commit(self._publish, ids)
        else:
            await self._publish(ids)
        return count

    async def _record(self, event: str, api_key: ApiKey) -> None:
        """Record an event in the audit log; in a transaction with its commit."""
        details = {
            "owner": api_key.user,
            "name": api_key.name,
            "scopes": api_key.scopes,
            "expires_at": api_key.expires_at,
        }
        await self._database().after_commit(
            partial(self._audit.record, event, credential_id=api_key.id, details=details)
        )


def _now() -> datetime:
    return datetime.now(UTC)
