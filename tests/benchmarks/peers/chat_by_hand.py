"""Three handlers of the chat, written by hand with aiohttp, Tortoise ORM and redis-py."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import redis.asyncio
import uvloop
from aiohttp import web
from tests.benchmarks.peers.status_document import responds, status_document
from tortoise.context import TortoiseContext

from actionhero_chat.models import Message, User

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
#: The time to live of a session, in seconds.
TTL_SECONDS = 86400

REDIS = web.AppKey("REDIS", redis.asyncio.Redis)
DATABASE = web.AppKey("DATABASE", TortoiseContext)


async def connect(application: web.Application) -> Any:
    """Open the connections of the handlers."""
    application[REDIS] = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"])
    with TortoiseContext() as context:
        await context.init(
            db_url=os.environ["DATABASE_URL"].replace("postgres://", "asyncpg://"),
            modules={"chat": ["actionhero_chat.models"]},
        )
        application[DATABASE] = context
        yield
        await context.close_connections()
    await application[REDIS].aclose()


async def session_of(request: web.Request) -> dict[str, Any]:
    """Return the session of a request, which lives on from now."""
    id = request.cookies.get("__session", "")
    stored = await request.app[REDIS].getex(f"by-hand:{id}", ex=TTL_SECONDS) if id else None
    return orjson.loads(stored) if stored else {}


def json_response(value: Any, status: int = 200) -> web.Response:
    """Return a JSON response."""
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


async def list_messages(request: web.Request) -> web.Response:
    """Return a page of messages, newest first."""
    session = await session_of(request)
    if "userId" not in session:
        return json_response({"error": "sign in"}, 401)
    try:
        page, limit = int(request.query.get("page", 1)), int(request.query.get("limit", 10))
    except ValueError:
        return json_response({"error": "no number"}, 422)
    if page < 1 or not 1 <= limit <= 100:
        return json_response({"error": "out of range"}, 422)
    total = await Message.all().count()
    rows = Message.all().order_by("-id").offset((page - 1) * limit).limit(limit)
    messages = [
        {
            "id": message.id,
            "body": message.body,
            "user_id": message.user_id,
            "createdAt": (message.created_at - EPOCH) // MILLISECOND,
            "updatedAt": (message.updated_at - EPOCH) // MILLISECOND,
            "user_name": message.user.name,
        }
        for message in await rows.select_related("user")
    ]
    pagination = {"page": page, "limit": limit, "total": total, "pages": -(-total // limit)}
    return json_response({"messages": messages, "pagination": pagination})


async def create_message(request: web.Request) -> web.Response:
    """Write a message, and broadcast it."""
    session = await session_of(request)
    user = await User.get_or_none(id=session["userId"]) if "userId" in session else None
    if user is None:
        return json_response({"error": "sign in"}, 401)
    body = orjson.loads(await request.read()).get("body")
    if not isinstance(body, str) or not 1 <= len(body) <= 1000:
        return json_response({"error": "no text"}, 422)
    now = datetime.now(UTC)
    message = await Message.create(user=user, body=body, created_at=now, updated_at=now)
    serialized = {
        "id": message.id,
        "body": message.body,
        "user_id": user.id,
        "createdAt": (now - EPOCH) // MILLISECOND,
        "updatedAt": (now - EPOCH) // MILLISECOND,
    }
    broadcast = orjson.dumps({"message": {**serialized, "user_name": user.name}})
    await request.app[REDIS].publish("messages", broadcast)
    return json_response({"message": serialized})


async def show_status(request: web.Request) -> web.Response:
    """Return the status of this process, and renew the session."""
    await session_of(request)
    connection = request.app[DATABASE].connections.get("default")
    database, store = await asyncio.gather(
        responds(connection.execute_query("SELECT 1")), responds(request.app[REDIS].ping())
    )
    status = status_document("by hand", database=database, redis=store)
    return json_response(status, 200 if database and store else 503)


def main() -> None:
    """Serve on the given port."""
    application = web.Application()
    application.add_routes(
        [
            web.get("/api/messages/list", list_messages),
            web.put("/api/message", create_message),
            web.get("/api/status", show_status),
        ]
    )
    application.cleanup_ctx.append(connect)
    uvloop.install()
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
