"""The tables of the chat in SQLAlchemy 2, and its work, for the frameworks that come without."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import redis.asyncio
from sqlalchemy import DateTime, ForeignKey, Text, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship
from tests.benchmarks.peers.status_document import responds, status_document

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
#: The time to live of a session, in seconds.
TTL_SECONDS = 86400

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgres://", "postgresql+asyncpg://")
)
new_database_session = async_sessionmaker(engine, expire_on_commit=False)
client = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"])


class Base(DeclarativeBase):
    """The base class of the tables."""


class User(Base):
    """A registered user."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]


class Message(Base):
    """A message from a user."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(Text)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    user: Mapped[User] = relationship()


async def read_session(id: str | None) -> dict[str, Any]:
    """Return the session with an id, which lives on from now."""
    stored = await client.getex(f"by-hand:{id}", ex=TTL_SECONDS) if id else None
    return json.loads(stored) if stored else {}


async def list_messages(database: AsyncSession, page: int, limit: int) -> dict[str, Any]:
    """Return a page of messages, newest first."""
    total = await database.scalar(select(func.count()).select_from(Message)) or 0
    query = select(Message).options(joinedload(Message.user)).order_by(Message.id.desc())
    rows = await database.scalars(query.offset((page - 1) * limit).limit(limit))
    messages = [{**serialize(message), "user_name": message.user.name} for message in rows]
    pagination = {"page": page, "limit": limit, "total": total, "pages": -(-total // limit)}
    return {"messages": messages, "pagination": pagination}


async def create_message(database: AsyncSession, user_id: int, body: str) -> dict[str, Any] | None:
    """Write a message, and broadcast it; return `None` if the user does not exist."""
    user = await database.get(User, user_id)
    if user is None:
        return None
    now = datetime.now(UTC)
    message = Message(body=body, user_id=user.id, created_at=now, updated_at=now)
    database.add(message)
    await database.commit()
    serialized = serialize(message)
    await client.publish(
        "messages", json.dumps({"message": {**serialized, "user_name": user.name}})
    )
    return {"message": serialized}


def serialize(message: Message) -> dict[str, Any]:
    """Return the data of a message."""
    return {
        "id": message.id,
        "body": message.body,
        "user_id": message.user_id,
        "createdAt": (message.created_at - EPOCH) // MILLISECOND,
        "updatedAt": (message.updated_at - EPOCH) // MILLISECOND,
    }


async def read_status(database: AsyncSession) -> dict[str, Any]:
    """Return the status of this process."""
    is_database, is_redis = await asyncio.gather(
        responds(database.execute(text("SELECT 1"))), responds(client.ping())
    )
    return status_document("SQLAlchemy", database=is_database, redis=is_redis)
