"""Users: found, made and changed, and what others are told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from tortoise.exceptions import IntegrityError

from actionhero import Conflict, NotFound
from actionhero_chat.models import User
from actionhero_chat.ops.timestamps import after, milliseconds, now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

#: Who speaks for the server. Nobody knows their password.
DEFAULT_NAME = "Admin"
DEFAULT_EMAIL = "admin@keryxjs.com"

#: How many users are read at once.
PAGE = 500


class PublicUser(TypedDict):
    """A user, as anybody who has signed in may see them."""

    id: int
    name: str
    #: Milliseconds since the epoch, as in `updatedAt`.
    createdAt: int
    updatedAt: int


class OwnUser(PublicUser):
    """A user, as they see themselves."""

    email: str


def public(user: User) -> PublicUser:
    """Return what others are told of a user."""
    return {
        "id": user.id,
        "name": user.name,
        "createdAt": milliseconds(user.created_at),
        "updatedAt": milliseconds(user.updated_at),
    }


def own(user: User) -> OwnUser:
    """Return what users are told of themselves."""
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "createdAt": milliseconds(user.created_at),
        "updatedAt": milliseconds(user.updated_at),
    }


async def find(id: int) -> User:
    """Return a user.

    Raises:
        NotFound: There is none.
    """
    user = await User.get_or_none(id=id)
    if user is None:
        raise NotFound(f"User with id {id} not found")
    return user


async def find_by_email(email: str) -> User | None:
    """Return the user with an e-mail address, if there is one."""
    return await User.get_or_none(email=email)


async def find_default() -> User | None:
    """Return the user who speaks for the server, if there is one."""
    return await find_by_email(DEFAULT_EMAIL)


async def refuse_taken(email: str) -> None:
    """Look whether an address is free, before work is spent on it. `add` is what decides.

    Raises:
        Conflict: Somebody has it.
    """
    if await User.exists(email=email):
        raise Conflict("User already exists")


async def add(name: str, email: str, password_hash: str) -> User:
    """Make a user.

    Raises:
        Conflict: Somebody has that e-mail address.
    """
    # One moment for both: left to themselves, the columns look at the clock one after the other.
    made = now()
    try:
        return await User.create(
            name=name,
            email=email,
            password_hash=password_hash,
            created_at=made,
            updated_at=made,
        )
    except IntegrityError:
        # Of many who sign up at once with one address, the table lets one through.
        raise Conflict("User already exists") from None


async def change(id: int, values: Mapping[str, Any]) -> User:
    """Change columns of a user, in the transaction of the caller.

    Args:
        id: Whose.
        values: What is new, by column.

    Raises:
        Conflict: Somebody else has that e-mail address.
        NotFound: There is no such user.
    """
    # Locked, so that `updated_at` grows also with those who write at the same time.
    user = await User.select_for_update().get_or_none(id=id)
    if user is None:
        raise NotFound(f"User with id {id} not found")
    for column, value in {**values, "updated_at": after(user.updated_at)}.items():
        setattr(user, column, value)
    try:
        await user.save(update_fields=[*values, "updated_at"])
    except IntegrityError:
        raise Conflict("User already exists") from None
    return user


async def rehash(user: User, password_hash: str) -> None:
    """Keep a password hashed anew. The user has changed nothing, so `updated_at` stays."""
    # Only in place of the hash that was looked at: the password may have been changed meanwhile.
    await User.filter(id=user.id, password_hash=user.password_hash).update(
        password_hash=password_hash
    )


async def all_ids() -> AsyncIterator[int]:
    """Yield the id of every user, a page at a time: there may be many."""
    last = 0
    while page := await User.filter(id__gt=last).order_by("id").limit(PAGE).only("id"):
        for user in page:
            yield user.id
        last = page[-1].id
