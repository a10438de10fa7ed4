"""Three requests of the chat on Litestar, SQLAlchemy 2 and redis-py, as their manuals show."""

from __future__ import annotations

from collections.abc import AsyncIterator  # noqa: TC003 - Litestar evaluates annotations
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Request, get, put
from litestar.exceptions import NotAuthorizedException
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession  # noqa: TC002 - as above
from tests.benchmarks.peers import chat_sqlalchemy as chat


class NewMessage(msgspec.Struct):
    """The inputs of a new message."""

    body: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


async def open_database() -> AsyncIterator[AsyncSession]:
    """Open a session of SQLAlchemy for one request."""
    async with chat.new_database_session() as session:
        yield session


async def read_session(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return the session of the request."""
    return await chat.read_session(request.cookies.get("__session"))


async def require_user(session: dict[str, Any]) -> int:
    """Return the id of the user that is signed in."""
    if "userId" not in session:
        raise NotAuthorizedException
    user_id: int = session["userId"]
    return user_id


@get("/api/status")
async def show_status(database: AsyncSession, session: dict[str, Any]) -> dict[str, Any]:
    """Return the status of this process."""
    return await chat.read_status(database)


@get("/api/messages/list")
async def list_messages(
    database: AsyncSession,
    user_id: int,
    page: Annotated[int, Parameter(ge=1)] = 1,
    limit: Annotated[int, Parameter(ge=1, le=100)] = 10,
) -> dict[str, Any]:
    """Return a page of messages, newest first."""
    return await chat.list_messages(database, page, limit)


@put("/api/message")
async def create_message(database: AsyncSession, user_id: int, data: NewMessage) -> dict[str, Any]:
    """Write a message."""
    created = await chat.create_message(database, user_id, data.body)
    if created is None:
        raise NotAuthorizedException
    return created


app = Litestar(
    [show_status, list_messages, create_message],
    dependencies={"database": open_database, "session": read_session, "user_id": require_user},
    openapi_config=None,
)
