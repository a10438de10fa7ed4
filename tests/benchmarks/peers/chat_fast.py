"""Three requests of the chat on FastAPI, SQLAlchemy 2 and redis-py, as their manuals show."""

from __future__ import annotations

from collections.abc import AsyncIterator  # noqa: TC003 - FastAPI evaluates annotations
from typing import Annotated, Any

from fastapi import Cookie, Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from tests.benchmarks.peers import chat_sqlalchemy as chat


class MessageData(BaseModel):
    """A message in a response."""

    id: int
    body: str
    user_id: int
    createdAt: int  # noqa: N815
    updatedAt: int  # noqa: N815


class MessageWithAuthor(MessageData):
    """A message with the name of its author."""

    user_name: str


class Pagination(BaseModel):
    """The position of a page."""

    page: int
    limit: int
    total: int
    pages: int


class MessageList(BaseModel):
    """A page of messages."""

    messages: list[MessageWithAuthor]
    pagination: Pagination


class MessageCreated(BaseModel):
    """The new message."""

    message: MessageData


class NewMessage(BaseModel):
    """The inputs of a new message."""

    body: str = Field(min_length=1, max_length=1000)


class Status(BaseModel):
    """The status of this process."""

    name: str
    pid: int
    version: str
    uptime: int
    consumedMemoryMB: float  # noqa: N815
    healthy: bool
    checks: dict[str, bool]


async def open_database() -> AsyncIterator[AsyncSession]:
    """Open a session of SQLAlchemy for one request."""
    async with chat.new_database_session() as session:
        yield session


async def read_session(session: Annotated[str | None, Cookie(alias="__session")] = None) -> Any:
    """Return the session of the request."""
    return await chat.read_session(session)


async def require_user(session: Annotated[dict[str, Any], Depends(read_session)]) -> int:
    """Return the id of the user that is signed in."""
    if "userId" not in session:
        raise HTTPException(401)
    user_id: int = session["userId"]
    return user_id


Database = Annotated[AsyncSession, Depends(open_database)]
UserId = Annotated[int, Depends(require_user)]

app = FastAPI()


@app.get("/api/status", dependencies=[Depends(read_session)])
async def show_status(database: Database) -> Status:
    """Return the status of this process."""
    return Status(**await chat.read_status(database))


@app.get("/api/messages/list")
async def list_messages(
    database: Database,
    _: UserId,
    page: Annotated[int, Query(ge=1)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
) -> MessageList:
    """Return a page of messages, newest first."""
    return MessageList(**await chat.list_messages(database, page, limit))


@app.put("/api/message")
async def create_message(database: Database, user_id: UserId, inputs: NewMessage) -> MessageCreated:
    """Write a message."""
    created = await chat.create_message(database, user_id, inputs.body)
    if created is None:
        raise HTTPException(401)
    return MessageCreated(**created)
