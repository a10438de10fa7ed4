"""Database operations on messages, and their serialization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypedDict

from tortoise.exceptions import IntegrityError

from actionhero import NotFound, SignInRequired
from actionhero_chat.models import Message, User
from actionhero_chat.ops.timestamps import now, to_milliseconds
from actionhero_db import Column, fetch_rows

if TYPE_CHECKING:
    from datetime import timedelta

    from actionhero_db import Page, Pagination


class MessageData(TypedDict):
    """A serialized message."""

    id: int
    body: str
    user_id: int
    #: Milliseconds since the epoch, as in `updatedAt`.
    createdAt: Annotated[int, Column("created_at", to_milliseconds)]
    updatedAt: Annotated[int, Column("updated_at", to_milliseconds)]


class MessageWithAuthor(MessageData):
    """A serialized message with the name of its author."""

    user_name: Annotated[str, Column("user__name")]


class _Author(TypedDict):
    name: str


def serialize(message: Message) -> MessageData:
    """Return the data of a message."""
    return {
        "id": message.id,
        "body": message.body,
        "user_id": message.user_id,
        "createdAt": to_milliseconds(message.created_at),
        "updatedAt": to_milliseconds(message.updated_at),
    }


async def create(user_id: int, body: str) -> tuple[MessageData, str]:
    """Create a message, and return it with the name of its author.

    Raises:
        SignInRequired: The user does not exist any more, although the session does.
    """
    authors = await fetch_rows(User.filter(id=user_id), _Author)
    if not authors:
        raise SignInRequired
    # One timestamp for both columns: their own defaults would read the clock twice.
    timestamp = now()
    try:
        message = await Message.create(
            user_id=user_id, body=body, created_at=timestamp, updated_at=timestamp
        )
    except IntegrityError:
        raise SignInRequired from None
    return serialize(message), authors[0]["name"]


async def find(id: int) -> MessageWithAuthor:
    """Return a message with the name of its author.

    Raises:
        NotFound: No message has that id.
    """
    rows = await fetch_rows(Message.filter(id=id), MessageWithAuthor)
    if not rows:
        raise NotFound(f"Message with id {id} not found")
    return rows[0]


async def fetch_page(page: Page) -> tuple[list[MessageWithAuthor], Pagination]:
    """Return a page of messages with the names of their authors, newest first."""
    return await page.fetch_rows(Message.all().order_by("-id"), MessageWithAuthor)


async def delete(id: int) -> None:
    """Delete a message.

    Raises:
        NotFound: No message has that id.
    """
    if not await Message.filter(id=id).delete():
        raise NotFound(f"Message with id {id} not found")


async def delete_older_than(age: timedelta) -> int:
    """Delete the messages that are older than `age`, and return their number."""
    return await Message.filter(created_at__lt=now() - age).delete()


async def count_by_user(user_id: int) -> int:
    """Return the number of messages of a user."""
    return await Message.filter(user_id=user_id).count()
