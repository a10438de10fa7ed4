"""Messages: written, found and cleaned up, and what callers are told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from tortoise.exceptions import IntegrityError

from actionhero import NotFound, SignInRequired
from actionhero_chat.models import Message, User
from actionhero_chat.ops.timestamps import milliseconds, now

if TYPE_CHECKING:
    from datetime import timedelta

    from actionhero_db import Page, Pagination


class WrittenMessage(TypedDict):
    """A message, as who wrote it is told."""

    id: int
    body: str
    user_id: int
    #: Milliseconds since the epoch, as in `updatedAt`.
    createdAt: int
    updatedAt: int


class ReadMessage(WrittenMessage):
    """A message, as everybody reads it."""

    user_name: str


def written(message: Message) -> WrittenMessage:
    """Return what is told to who wrote a message."""
    return {
        "id": message.id,
        "body": message.body,
        "user_id": message.user_id,
        "createdAt": milliseconds(message.created_at),
        "updatedAt": milliseconds(message.updated_at),
    }


def read(message: Message) -> ReadMessage:
    """Return what is told to who reads a message, whose user was fetched with it."""
    return {**written(message), "user_name": message.user.name}


async def add(user_id: int, body: str) -> Message:
    """Write a message, and return it with its user.

    Raises:
        SignInRequired: There is no such user any more: the session has outlived them.
    """
    user = await User.get_or_none(id=user_id)
    if user is None:
        raise SignInRequired
    # One moment for both: left to themselves, the columns look at the clock one after the other.
    made = now()
    try:
        return await Message.create(user=user, body=body, created_at=made, updated_at=made)
    except IntegrityError:
        raise SignInRequired from None


async def find(id: int) -> Message:
    """Return a message, with its user.

    Raises:
        NotFound: There is none.
    """
    message = await Message.get_or_none(id=id).select_related("user")
    if message is None:
        raise NotFound(f"Message with id {id} not found")
    return message


async def newest(page: Page) -> tuple[list[Message], Pagination]:
    """Return a page of messages with their users, the newest first."""
    return await page.fetch(Message.all().order_by("-id").select_related("user"))


async def remove_older(age: timedelta) -> int:
    """Remove the messages that are older than `age`, and return how many that were."""
    return await Message.filter(created_at__lt=now() - age).delete()


async def count_of(user_id: int) -> int:
    """Return how many messages a user has written."""
    return await Message.filter(user_id=user_id).count()
