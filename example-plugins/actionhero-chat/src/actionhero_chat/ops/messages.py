"""Database operations on messages, and their serialization."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from tortoise.exceptions import IntegrityError

from actionhero import NotFound, SignInRequired
from actionhero_chat.models import Message, User
from actionhero_chat.ops.timestamps import now, to_milliseconds

if TYPE_CHECKING:
    from datetime import timedelta

    from actionhero_db import Page, Pagination


class MessageData(TypedDict):
    """A serialized message."""

    id: int
    body: str
    user_id: int
    #: Milliseconds since the epoch, as in `updatedAt`.
    createdAt: int
    updatedAt: int


class MessageWithAuthor(MessageData):
    """A serialized message with the name of its author."""

    user_name: str


def serialize(message: Message) -> MessageData:
    """Return the data of a message."""
    return {
        "id": message.id,
        "body": message.body,
        "user_id": message.user_id,
        "createdAt": to_milliseconds(message.created_at),
        "updatedAt": to_milliseconds(message.updated_at),
    }


def serialize_with_author(message: Message) -> MessageWithAuthor:
    """Return the data of a message with the name of its user, which must have been fetched."""
    return {**serialize(message), "user_name": message.user.name}


async def create(user_id: int, body: str) -> Message:
    """Create a message, and return it with its user.

    Raises:
        SignInRequired: The user does not exist any more, although the session does.
    """
    user = await User.get_or_none(id=user_id)
    if user is None:
        raise SignInRequired
    # One timestamp for both columns: their own defaults would read the clock twice.
    timestamp = now()
    try:
        return await Message.create(
            user=user, body=body, created_at=timestamp, updated_at=timestamp
        )
    except IntegrityError:
        raise SignInRequired from None


async def find(id: int) -> Message:
    """Return a message with its user.

    Raises:
        NotFound: No message has that id.
    """
    message = await Message.get_or_none(id=id).select_related("user")
    if message is None:
        raise NotFound(f"Message with id {id} not found")
    return message


async def fetch_page(page: Page) -> tuple[list[Message], Pagination]:
    """Return a page of messages with their users, newest first."""
    return await page.fetch(Message.all().order_by("-id").select_related("user"))


async def delete_older_than(age: timedelta) -> int:
    """Delete the messages that are older than `age`, and return their number."""
    return await Message.filter(created_at__lt=now() - age).delete()


async def count_by_user(user_id: int) -> int:
    """Return the number of messages of a user."""
    return await Message.filter(user_id=user_id).count()
