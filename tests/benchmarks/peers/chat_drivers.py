"""Three requests of the chat with drivers only: the least that this work costs in Python.

httptools, one pipelined connection to Redis, asyncpg without a reset, and orjson. There is no
router, no timeout, no log and no error handling, so this is a limit and not an alternative.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg  # type: ignore[import-untyped]
import hiredis
import httptools
import orjson
import uvloop
from tests.benchmarks.peers.status_document import status_document

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
LIST = """
SELECT m.id, m.body, m.user_id, m.created_at, m.updated_at, u.name
FROM messages m JOIN users u ON u.id = m.user_id ORDER BY m.id DESC LIMIT $1 OFFSET $2
"""
CREATE = """
INSERT INTO messages (body, user_id, created_at, updated_at) VALUES ($1, $2, $3, $3) RETURNING id
"""


class RedisConnection(asyncio.Protocol):
    """One connection to Redis, whose callers do not wait for each other."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._unsent: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Pass each reply to its caller."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._waiting.popleft().set_result(reply)

    def execute(self, *command: Any) -> asyncio.Future[Any]:
        """Send a command together with all others of this iteration of the loop."""
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(hiredis.pack_command(command))
        future = self._loop.create_future()
        self._waiting.append(future)
        return future

    def _send(self) -> None:
        self._transport.write(b"".join(self._unsent))
        self._unsent.clear()


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that is not reset."""

    def get_reset_query(self) -> str:
        """Return nothing."""
        return ""


class Service:
    """The work.

    Args:
        redis: The connection to Redis.
        pool: The connections to PostgreSQL.
    """

    def __init__(self, redis: RedisConnection, pool: Any) -> None:
        self._redis = redis
        self._pool = pool
        self._handlers = {
            b"/api/status": self._status,
            b"/api/messages/list": self._list,
            b"/api/message": self._create,
        }

    async def respond(
        self, protocol: Http, url: bytes, cookie: bytes, body: bytes, *, is_last: bool
    ) -> None:
        """Write the response to a request, and close the connection after the last."""
        id = cookie.partition(b"__session=")[2].partition(b";")[0]
        key = b"by-hand:" + id
        session = await self._redis.execute("GETEX", key, "EX", "86400") if id else None
        values = orjson.loads(session) if session else {}
        path, _, query = url.partition(b"?")
        result = await self._handlers[path](values, query, body)
        content = orjson.dumps(result)
        protocol.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(content), content)
        )
        if is_last:
            protocol.transport.close()

    async def _status(self, session: Any, query: bytes, body: bytes) -> Any:
        pong = self._redis.execute("PING")
        one = await self._pool.fetchval("SELECT 1")
        return status_document("drivers", database=one == 1, redis=await pong == b"PONG")

    async def _list(self, session: Any, query: bytes, body: bytes) -> Any:
        assert "userId" in session
        inputs = parse_qs(query)
        limit, page = int(inputs[b"limit"][0]), int(inputs.get(b"page", [b"1"])[0])
        async with self._pool.acquire() as connection:
            total = await connection.fetchval("SELECT count(*) FROM messages")
            rows = await connection.fetch(LIST, limit, (page - 1) * limit)
        messages = [
            {
                "id": row[0],
                "body": row[1],
                "user_id": row[2],
                "createdAt": (row[3] - EPOCH) // MILLISECOND,
                "updatedAt": (row[4] - EPOCH) // MILLISECOND,
                "user_name": row[5],
            }
            for row in rows
        ]
        pagination = {"page": page, "limit": limit, "total": total, "pages": -(-total // limit)}
        return {"messages": messages, "pagination": pagination}

    async def _create(self, session: Any, query: bytes, body: bytes) -> Any:
        text, user_id, now = orjson.loads(body)["body"], session["userId"], datetime.now(UTC)
        async with self._pool.acquire() as connection:
            name = await connection.fetchval("SELECT name FROM users WHERE id = $1", user_id)
            id = await connection.fetchval(CREATE, text, user_id, now)
        created = (now - EPOCH) // MILLISECOND
        message = {
            "id": id,
            "body": text,
            "user_id": user_id,
            "createdAt": created,
            "updatedAt": created,
        }
        broadcast = {"message": message | {"user_name": name}}
        await self._redis.execute("PUBLISH", "messages", orjson.dumps(broadcast))
        return {"message": message}


class Http(asyncio.Protocol):
    """One connection of a client, with one request at a time.

    Args:
        service: The work.
        tasks: The running requests.
    """

    def __init__(self, service: Service, tasks: set[asyncio.Task[None]]) -> None:
        self._service = service
        self._tasks = tasks
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse a part of a request."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """Forget the last request."""
        self._url = self._cookie = self._body = b""

    def on_url(self, url: bytes) -> None:
        """Keep a part of the URL."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the cookie."""
        if name.lower() == b"cookie":
            self._cookie = value

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Start the work."""
        is_last = not self._parser.should_keep_alive()
        respond = self._service.respond(self, self._url, self._cookie, self._body, is_last=is_last)
        task = asyncio.get_running_loop().create_task(respond)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def serve(port: int) -> None:
    """Serve until the process ends."""
    loop = asyncio.get_running_loop()
    address = urlsplit(os.environ["REDIS_URL"])
    host, redis_port = address.hostname or "127.0.0.1", address.port or 6379
    _, redis = await loop.create_connection(RedisConnection, host, redis_port)
    pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], connection_class=Connection)
    service, tasks = Service(redis, pool), set[asyncio.Task[None]]()
    server = await loop.create_server(lambda: Http(service, tasks), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
