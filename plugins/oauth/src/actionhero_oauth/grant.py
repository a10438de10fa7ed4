"""`Grant`: the access of a client to the account of a user."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from actionhero.transport import loads


class Grant(NamedTuple):
    """The access of a client to the account of a user."""

    #: Its identifier, which is not secret.
    id: str
    #: The user, as a JSON value.
    user: Any
    client_id: str
    client_name: str
    #: The host of the redirect URI.
    redirect_host: str
    scopes: frozenset[str]
    #: The URL of the resource that its tokens are for.
    resource: str
    created: datetime
    #: The number of the current tokens.
    generation: int
    #: When the current tokens were issued, in seconds since the epoch.
    rotated: float
    #: When the tokens before them were issued.
    previous: float

    def issued(self, generation: int) -> float | None:
        """Return when the tokens of a generation were issued, in seconds since the epoch.

        `None` for those that are replaced for longer than one generation.
        """
        if generation == self.generation:
            return self.rotated
        return self.previous if generation == self.generation - 1 else None


def grant_of(id: str, stored: list[bytes]) -> Grant:
    """Return a grant, as Redis has it."""
    names = (name.decode() for name in stored[::2])
    fields = dict(zip(names, stored[1::2], strict=True))
    return Grant(
        id=id,
        user=loads(fields["user"]),
        client_id=fields["client"].decode(),
        client_name=fields["name"].decode(),
        redirect_host=fields["host"].decode(),
        scopes=frozenset(fields["scopes"].decode().split()),
        resource=fields["resource"].decode(),
        created=datetime.fromtimestamp(int(fields["created"]) / 1000, UTC),
        generation=int(fields["generation"]),
        rotated=int(fields["rotated"]) / 1000,
        previous=int(fields["previous"]) / 1000,
    )
