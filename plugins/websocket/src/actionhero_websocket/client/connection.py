"""`ClientConnection`: the connection of a client, with its pending requests and reconnects."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp

from actionhero.transport import Backoff, dumps, loads
from actionhero_websocket.client.messages import CallFailed, ConnectionLost, parse_error

if TYPE_CHECKING:
    from collections.abc import Callable

    #: Receives the replies to a request, or the reason why there are none.
    ReplyHandler = Callable[[dict[str, Any] | Exception], None]

#: The first and the longest delay before a reconnect. The jitter spreads the reconnects of clients
#: that lost their connections at the same time.
FIRST_DELAY_SECONDS: Final = 0.2
MAX_DELAY_SECONDS: Final = 10.0
JITTER: Final = (0.0, 1.0)
#: The interval of pings.
PING_SECONDS: Final = 30.0
#: The time limit of a handshake.
HANDSHAKE_SECONDS: Final = 10.0
#: How many channels are resubscribed per second: a server drops messages over its rate limit.
RESUBSCRIBED_PER_SECOND: Final = 10

#: The statuses of a handshake that a retry would not change.
_FINAL_STATUSES: Final = frozenset({400, 401, 403, 426})


class ChannelHandler(Protocol):
    """The subscription to a channel, as the connection uses it."""

    def receive(self, message: dict[str, Any]) -> None:
        """Receive a message of the channel."""

    def note_gap(self) -> None:
        """Record that messages may have been lost."""

    def end(self, error: Exception) -> None:
        """End the subscription."""

    async def resubscribe(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Subscribe again, over a new connection.

        Raises:
            CallFailed: The server refused it for now.
            ConnectionLost: The new connection was lost too.
        """


class ClientConnection:
    """The connection of a client.

    Args:
        http: The session for handshakes.
        url: Such as `ws://127.0.0.1:8080/api`.
        reconnects: Whether to reconnect when the connection is lost.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, *, reconnects: bool) -> None:
        self._http = http
        self._url = url
        self._reconnects = reconnects
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._online = asyncio.Event()
        self._ids = itertools.count(1)
        #: By `messageId`.
        self._reply_handlers: dict[int, ReplyHandler] = {}
        #: By channel.
        self.subscriptions: dict[str, ChannelHandler] = {}
        self._resubscribing: asyncio.Task[None] | None = None
        self._backoff = Backoff(FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS, jitter=JITTER)
        self._reading: asyncio.Task[None] | None = None
        #: Why the connection has ended for good.
        self._error: ConnectionLost | None = None
        #: How often the connection was lost and restored.
        self.reconnections = 0

    @property
    def is_online(self) -> bool:
        """Whether requests are sent without waiting, or fail because the connection has ended."""
        return self._online.is_set()

    async def request(
        self,
        message: dict[str, Any],
        on_reply: Callable[[dict[str, Any]], None] | None = None,
        *,
        socket: aiohttp.ClientWebSocketResponse | None = None,
    ) -> dict[str, Any]:
        """Send a message, and return the reply.

        Args:
            message: The message, without `messageId`.
            on_reply: Called with the reply before any later message is handled.
            socket: A new connection that is not in general use yet.

        Raises:
            CallFailed: The server responded with an error.
            ConnectionLost: There is no reply.
        """
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        def handle(result: dict[str, Any] | Exception) -> None:
            if reply.done():
                return
            if isinstance(result, Exception):
                reply.set_exception(result)
                return
            if on_reply is not None:
                on_reply(result)
            reply.set_result(result)

        id = await self.send(message, handle, socket=socket)
        try:
            return await reply
        finally:
            self.forget(id)

    async def send(
        self,
        message: dict[str, Any],
        handler: ReplyHandler,
        *,
        socket: aiohttp.ClientWebSocketResponse | None = None,
    ) -> int:
        """Send a message, and return its id; the replies go to `handler` until `forget`.

        Raises:
            ConnectionLost: The connection has ended, or was lost during the write.
        """
        if socket is None:
            await self._online.wait()
            if self._error is not None:
                raise self._error
            socket = self._socket
        assert socket is not None  # noqa: S101 - we are online
        id = next(self._ids)
        self._reply_handlers[id] = handler
        try:
            await socket.send_str(dumps({"messageId": id, **message}).decode())
        except BaseException as error:
            self.forget(id)
            if isinstance(error, ConnectionError):
                raise ConnectionLost("the connection was lost") from error
            raise
        return id

    def forget(self, id: int) -> None:
        """Ignore further replies to a message."""
        self._reply_handlers.pop(id, None)

    async def open(self) -> None:
        """Connect.

        Raises:
            ConnectionLost: The server is unreachable, or refused the connection.
        """
        socket = self._socket = await self._connect()
        self._online.set()
        self._reading = asyncio.create_task(self._read(socket))

    async def close(self) -> None:
        """Close the connection."""
        self._reconnects = False
        if self._socket is not None:
            await self._socket.close()
        for task in (self._reading, self._resubscribing):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._end(ConnectionLost("the client is closed"))

    # -- receiving -----------------------------------------------------------------------------

    def _handle(self, message: dict[str, Any]) -> None:
        id = message.get("messageId")
        if "message" in message:
            content = message["message"]
            if subscription := self.subscriptions.get(content["channel"]):
                subscription.receive(content)
        elif "gap" in message:
            if subscription := self.subscriptions.get(message["gap"]["channel"]):
                subscription.note_gap()
        elif id in self._reply_handlers:
            handler = self._reply_handlers[id]
            handler(parse_error(message["error"]) if "error" in message else message)
        elif "unsubscribed" in message and id is None:
            if subscription := self.subscriptions.pop(message["unsubscribed"]["channel"], None):
                subscription.end(CallFailed("the server has ended the subscription"))
        elif "error" in message and id is None:
            # Such as an exceeded rate limit, which does not name the message.
            self._fail_all(parse_error(message["error"]))

    def _fail_all(self, error: Exception) -> None:
        handlers, self._reply_handlers = self._reply_handlers, {}
        for handler in handlers.values():
            handler(error)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Handle messages, and reconnect when the connection is lost."""
        try:
            while True:
                async for item in socket:
                    if item.type is aiohttp.WSMsgType.TEXT:
                        self._handle(loads(item.data.encode()))
                self._online.clear()
                self._socket = None
                self._fail_all(ConnectionLost(f"the connection was lost ({socket.close_code})"))
                if not self._reconnects:
                    raise ConnectionLost("the connection was lost")
                socket = await self._reconnect()
        except ConnectionLost as error:
            self._end(error)
        except Exception as error:
            # A message that our server would not send.
            self._end(ConnectionLost(f"the server sent an invalid message: {error!r}"))
            raise

    # -- connecting ----------------------------------------------------------------------------

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        try:
            return await self._http.ws_connect(self._url, heartbeat=PING_SECONDS, max_msg_size=0)
        except aiohttp.WSServerHandshakeError as error:
            raise ConnectionLost(
                f"{self._url} refused the connection: {error.status} {error.message}",
                is_final=error.status in _FINAL_STATUSES,
            ) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ConnectionLost(f"{self._url} is unreachable: {error}") from error

    async def _reconnect(self) -> aiohttp.ClientWebSocketResponse:
        while True:
            await asyncio.sleep(self._backoff.next_seconds())
            try:
                socket = await self._connect()
            except ConnectionLost as error:
                if error.is_final:
                    raise
                continue
            self.reconnections += 1
            self._socket = socket
            self._resubscribing = asyncio.create_task(self._resubscribe(socket))
            return socket

    async def _resubscribe(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Subscribe to all channels again, before other requests are sent."""
        try:
            for number, subscription in enumerate(tuple(self.subscriptions.values()), 1):
                await subscription.resubscribe(socket)
                if number % RESUBSCRIBED_PER_SECOND == 0:
                    await asyncio.sleep(1)
        except ConnectionLost:
            # Retried with the next connection.
            return
        except CallFailed:
            # Such as an outage of the server's Redis: retried with the next connection.
            await socket.close()
            return
        if socket is self._socket:
            self._backoff.reset()
            self._online.set()

    def _end(self, error: ConnectionLost) -> None:
        self._error = error
        self._fail_all(error)
        for subscription in self.subscriptions.values():
            subscription.end(error)
        self.subscriptions.clear()
        # Requests that wait for the connection must fail.
        self._online.set()
