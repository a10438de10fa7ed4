"""`connect`, which creates a client."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from actionhero_websocket.client.client import Client
from actionhero_websocket.client.handshake import Handshake, create_http_session
from actionhero_websocket.client.options import ClientOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping


@asynccontextmanager
async def connect(
    url: str,
    *,
    session: str | None = None,
    cookie_name: str = "__session",
    headers: Mapping[str, str] | None = None,
    reconnect: bool | Callable[[int | None, str], bool] = True,
    messages_per_second: int = 20,
    message_limit_bytes: int = 65536,
    timeout: timedelta | None = None,
    min_backoff: timedelta = timedelta(milliseconds=200),
    max_backoff: timedelta = timedelta(seconds=10),
    heartbeat: timedelta = timedelta(seconds=30),
) -> AsyncIterator[Client]:
    """Connect to a server for the duration of a `with` block.

    Args:
        url: Such as `ws://127.0.0.1:8080/api`; `http` and `https` are accepted too.
        session: The value of the session cookie, as set over HTTP.
        cookie_name: The name of that cookie.
        headers: Further headers of the handshake.
        reconnect: Whether to reconnect when the connection is lost; or a function of the close
            code (RFC 6455, section 7.4; `None` without one) and the reason.
        messages_per_second: The rate that the client keeps to: the server's
            `websocket.messages_per_second`. 0: no limit.
        message_limit_bytes: The size limit of a message: the server's
            `websocket.message_limit_bytes`. 0: no limit.
        timeout: How long calls wait for the response; `None`: no limit.
        min_backoff: The limit of the first delay before a reconnect. A delay is a random time below
            a limit, which doubles with each attempt.
        max_backoff: The limit of all delays.
        heartbeat: The interval of pings. The connection is lost if the reply takes more than half
            of it. Zero: no pings.

    Raises:
        ConnectionLost: The server is unreachable, or refused the connection.
    """
    options = ClientOptions(
        reconnect=reconnect,
        messages_per_second=messages_per_second,
        message_limit_bytes=message_limit_bytes,
        timeout=timeout,
        min_backoff=min_backoff,
        max_backoff=max_backoff,
        heartbeat=heartbeat,
    )
    async with create_http_session() as http:
        client = Client(http, Handshake(url, headers or {}, cookie_name, session), options)
        await client.open()
        try:
            yield client
        finally:
            await client.close()
