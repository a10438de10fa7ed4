"""`ApiKey`: an API key without its secret, and `NewApiKey`, which contains it once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from actionhero import Principal
from actionhero.transport import dumps
from actionhero_auth.roles import API_KEY

if TYPE_CHECKING:
    from actionhero_auth.api_keys.models import ApiKeyRow


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key. Its secret is not stored."""

    #: The public identifier, which is a part of the key.
    id: str
    #: The name, for its user.
    name: str
    #: The user as the application knows them, a JSON value.
    user: Any
    #: `user` for people, `service` for programs that act for themselves.
    kind: str
    #: The scopes; `None`: it is not limited by scopes.
    scopes: tuple[str, ...] | None
    created_at: datetime
    #: The time from which it is refused; `None`: it does not expire.
    expires_at: datetime | None = None
    #: The time of the last use, to within `auth.last_used_interval`.
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def state(self) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= datetime.now(UTC):
            return "expired"
        return "active"

    @property
    def principal(self) -> Principal:
        """The principal of calls with this key."""
        return Principal(
            self.user,
            kind=self.kind,
            scopes=None if self.scopes is None else frozenset(self.scopes),
            method=API_KEY,
            credential_id=self.id,
        )


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key that was created: show `secret` once, as it cannot be read again."""

    #: The key without its secret.
    api_key: ApiKey
    #: The text that clients send.
    secret: str = field(repr=False)


def api_key_of(row: ApiKeyRow) -> ApiKey:
    """Return the key of a row."""
    scopes: str | None = row.scopes
    return ApiKey(
        id=row.id,
        name=row.name,
        user=json.loads(row.user),
        kind=row.kind,
        scopes=None if scopes is None else tuple(json.loads(scopes)),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def user_text(user: Any) -> str:
    """Return a user as it is stored: as JSON."""
    return dumps(user).decode()
