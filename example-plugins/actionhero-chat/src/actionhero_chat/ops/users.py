"""Database operations on users, and their serialization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from tortoise.exceptions import IntegrityError

from actionhero import Conflict, NotFound
from actionhero_chat.models import User
from actionhero_chat.ops.timestamps import now, now_after, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

#: The author of messages from the server. The password is random and not stored. The domain is
#: reserved for examples (RFC 2606).
DEFAULT_NAME = "Admin"
DEFAULT_EMAIL = "admin@example.com"

#: The number of users that `iter_ids` fetches at once.
PAGE_SIZE = 500


class PublicUser(TypedDict):
    """A serialized user, as other users see it."""

    id: int
    name: str
    #: Milliseconds since the epoch, as in `updatedAt`.
    createdAt: int
    updatedAt: int


class OwnUser(PublicUser):
    """A serialized user, as the user sees it."""

    email: str


def serialize_public(user: User) -> PublicUser:
    """Return the data of a user that other users may see."""
    return {
        "id": user.id,
        "name": user.name,
        "createdAt": to_milliseconds(user.created_at),
        "updatedAt": to_milliseconds(user.updated_at),
    }


def serialize_own(user: User) -> OwnUser:
    """Return the data of a user that only the user may see."""
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "createdAt": to_milliseconds(user.created_at),
        "updatedAt": to_milliseconds(user.updated_at),
    }


async def find(id: int) -> User:
    """Return a user.

    Raises:
        NotFound: No user has that id.
    """
    user = await User.get_or_none(id=id)
    if user is None:
        raise NotFound(f"User with id {id} not found")
    return user


async def find_by_email(email: str) -> User | None:
    """Return the user with an e-mail address, or `None`."""
    return await User.get_or_none(email=email)


async def find_default() -> User | None:
    """Return the default user, or `None`."""
    return await find_by_email(DEFAULT_EMAIL)


async def require_unused_email(email: str) -> None:
    """Check that an e-mail address is unused, before a password is hashed. `create` decides.

    Raises:
        Conflict: A user has that e-mail address.
    """
    if await User.exists(email=email):
        raise Conflict("User already exists")


async def create(name: str, email: str, password_hash: str) -> User:
    """Create a user.

    Raises:
        Conflict: A user has that e-mail address.
    """
    # One timestamp for both columns: their own defaults would read the clock twice.
    timestamp = now()
    try:
        return await User.create(
            name=name,
            email=email,
            password_hash=password_hash,
            created_at=timestamp,
            updated_at=timestamp,
        )
    except IntegrityError:
        # Of concurrent sign-ups with one address, the unique index accepts one.
        raise Conflict("User already exists") from None


async def update(id: int, values: Mapping[str, Any]) -> User:
    """Update columns of a user, in the transaction of the caller.

    Args:
        id: The id of the user.
        values: The new values by column.

    Raises:
        Conflict: Another user has that e-mail address.
        NotFound: No user has that id.
    """
    # Locked, so that `updated_at` also increases with concurrent updates.
    user = await User.select_for_update().get_or_none(id=id)
    if user is None:
        raise NotFound(f"User with id {id} not found")
    for column, value in {**values, "updated_at": now_after(user.updated_at)}.items():
        setattr(user, column, value)
    try:
        await user.save(update_fields=[*values, "updated_at"])
    except IntegrityError:
        raise Conflict("User already exists") from None
    return user


async def replace_password_hash(user: User, password_hash: str) -> None:
    """Store a new hash of the same password. `updated_at` does not change."""
    # Only if the hash is unchanged: a concurrent call may have changed the password.
    await User.filter(id=user.id, password_hash=user.password_hash).update(
        password_hash=password_hash
    )


async def iter_ids() -> AsyncIterator[int]:
    """Yield the id of every user, fetched page by page to limit memory."""
    last_id = 0
    while page := await User.filter(id__gt=last_id).order_by("id").limit(PAGE_SIZE).only("id"):
        for user in page:
            yield user.id
        last_id = page[-1].id
