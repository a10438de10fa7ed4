"""A client for tests and scripts: calls, streams and channels over a socket that comes back.

```python
async with connect("ws://127.0.0.1:8080/api") as client:
    status = await client.call("status")
    async with client.subscribe("messages") as messages:
        async for message in messages:
            print(message.message)
```
"""

from __future__ import annotations

import asyncio
import itertools
import random
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from actionhero.transport import dumps, loads
from actionhero_websocket.client_answers import (
    CallFailed,
    ConnectionLost,
    Message,
    event_in,
    failure_in,
)
from actionhero_websocket.client_subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

    from actionhero import Event

    #: Takes what is answered to a message, or why nothing will be.
    Taker = Callable[[dict[str, Any] | Exception], None]

__all__ = ["CallFailed", "Client", "ConnectionLost", "Message", "Subscription", "connect"]

#: How long is waited before the first attempt to come back, and at most before any, in the mean
#: half of that: what was lost together must not come back together.
FIRST_WAIT_SECONDS: Final = 0.2
LONGEST_WAIT_SECONDS: Final = 10.0
#: How often the server is asked whether it is there.
PING_SECONDS: Final = 30.0
#: How long a handshake may take.
HANDSHAKE_SECONDS: Final = 10.0

#: How many channels are joined again in a second: a server drops what is over its rate.
REJOINED_PER_SECOND: Final = 10

#: Statuses that no further attempt will change.
_FINAL_STATUSES: Final = frozenset({400, 401, 403, 426})


@asynccontextmanager
async def connect(
    url: str,
    *,
    session: str | None = None,
    cookie_name: str = "__session",
    headers: Mapping[str, str] | None = None,
    reconnects: bool = True,
) -> AsyncIterator[Client]:
    """Connect to a server, and be there for as long as the block lasts.

    Args:
        url: Such as `ws://127.0.0.1:8080/api`.
        session: The value of the session's cookie, as HTTP has given it.
        cookie_name: The name of that cookie.
        headers: Further headers of the handshake.
        reconnects: Whether to come back when the connection is lost.

    Raises:
        ConnectionLost: The server could not be reached, or refused.
    """
    given = dict(headers or {})
    if session is not None:
        given["Cookie"] = f"{cookie_name}={session}"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=HANDSHAKE_SECONDS)
    async with aiohttp.ClientSession(
        headers=given, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        client = Client(http, url, reconnects=reconnects)
        await client._open()
        try:
            yield client
        finally:
            await client._close()


class Client:
    """Somebody at the other end of a socket; made by `connect`."""

    def __init__(self, http: aiohttp.ClientSession, url: str, *, reconnects: bool) -> None:
        self._http = http
        self._url = url
        self._reconnects = reconnects
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._online = asyncio.Event()
        self._numbers = itertools.count(1)
        #: By `messageId`, who waits for an answer.
        self._waiting: dict[int, Taker] = {}
        self._subscriptions: dict[str, Subscription] = {}
        #: Joins all channels again, with a new connection.
        self._rejoining: asyncio.Task[None] | None = None
        #: Attempts to come back, since it last succeeded.
        self._attempts = 0
        self._living: asyncio.Task[None] | None = None
        #: Why this will never be online again.
        self._ended: ConnectionLost | None = None
        #: How often the connection was lost and came back.
        self.reconnections = 0

    async def call(self, action: str, /, **inputs: Any) -> Any:
        """Call an action, and return what it answers.

        While the connection is lost, this waits until it is back.

        Raises:
            CallFailed: The action failed.
            ConnectionLost: There is no answer; nobody knows whether the action ran.
        """
        message = {"messageType": "action", "action": action, "params": inputs}
        return (await self._ask(message)).get("response")

    async def stream(self, action: str, /, **inputs: Any) -> AsyncGenerator[Event[Any]]:
        """Call an action that yields, and yield its events as they come.

        Data that are JSON are read as such. An action cannot be told to stop before its end: who
        has seen enough drops the rest.

        Raises:
            CallFailed: The action failed, before the first item or after some.
            ConnectionLost: There will be no more.
        """
        async for chunk in self.chunks(action, **inputs):
            event = event_in(chunk)
            if event.event == "error" and isinstance(event.data, dict) and "error" in event.data:
                raise failure_in(event.data["error"])
            yield event

    async def chunks(self, action: str, /, **inputs: Any) -> AsyncGenerator[str]:
        """Call an action that returns a `Stream`, and yield its pieces as text; see `stream`."""
        answers: asyncio.Queue[dict[str, Any] | Exception] = asyncio.Queue()
        message = {"messageType": "action", "action": action, "params": inputs}
        number = await self._send(message, answers.put_nowait)
        try:
            while True:
                answer = await answers.get()
                if isinstance(answer, Exception):
                    raise answer
                if "chunk" not in answer:
                    return
                yield answer["chunk"]
        finally:
            self._waiting.pop(number, None)

    def subscribe(self, channel: str, *, since: str | None = None) -> Subscription:
        """Join a channel, for the length of an `async with`.

        Args:
            channel: Its name.
            since: The id of the last message that is known already: what came after is told.

        Raises:
            CallFailed: On entering: the channel may not be joined.
        """
        return Subscription(self, channel, since)

    # -- messages ------------------------------------------------------------------------------

    async def _ask(
        self,
        message: dict[str, Any],
        note: Callable[[dict[str, Any]], None] | None = None,
        *,
        over: aiohttp.ClientWebSocketResponse | None = None,
    ) -> dict[str, Any]:
        """Send a message, and return the answer to it.

        Args:
            message: What is asked.
            note: Called with the answer before anything that comes after it is taken.
            over: A connection that is not yet everybody's.
        """
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        def take(found: dict[str, Any] | Exception) -> None:
            if answer.done():
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
                return
            if note is not None:
                note(found)
            answer.set_result(found)

        number = await self._send(message, take, over=over)
        try:
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def _send(
        self,
        message: dict[str, Any],
        take: Taker,
        *,
        over: aiohttp.ClientWebSocketResponse | None = None,
    ) -> int:
        socket = over
        if socket is None:
            await self._online.wait()
            if self._ended is not None:
                raise self._ended
            socket = self._socket
        assert socket is not None  # noqa: S101 - we are online
        number = next(self._numbers)
        self._waiting[number] = take
        try:
            await socket.send_str(dumps({"messageId": number, **message}).decode())
        except BaseException as error:
            self._waiting.pop(number, None)
            if isinstance(error, ConnectionError):
                raise ConnectionLost("the connection was lost") from error
            raise
        return number

    def _receive(self, message: dict[str, Any]) -> None:
        number = message.get("messageId")
        if "message" in message:
            found = message["message"]
            if subscription := self._subscriptions.get(found["channel"]):
                subscription._take(found)
        elif "gap" in message:
            if subscription := self._subscriptions.get(message["gap"]["channel"]):
                subscription._note_gap()
        elif number in self._waiting:
            take = self._waiting[number]
            take(failure_in(message["error"]) if "error" in message else message)
        elif "unsubscribed" in message and number is None:
            if subscription := self._subscriptions.pop(message["unsubscribed"]["channel"], None):
                subscription._end(CallFailed("The server has ended the subscription"))
        elif "error" in message and number is None:
            # Such as too many messages a second: which of them it was is not told.
            self._fail_all(failure_in(message["error"]))

    def _fail_all(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, {}
        for take in waiting.values():
            take(error)

    # -- the connection ------------------------------------------------------------------------

    async def _open(self) -> None:
        socket = self._socket = await self._shake_hands()
        self._online.set()
        self._living = asyncio.create_task(self._live(socket))

    async def _close(self) -> None:
        self._reconnects = False
        if self._socket is not None:
            await self._socket.close()
        for task in (self._living, self._rejoining):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._end(ConnectionLost("the client is closed"))

    async def _live(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Read what comes; when the connection is lost, come back."""
        try:
            while True:
                async for item in socket:
                    if item.type is aiohttp.WSMsgType.TEXT:
                        self._receive(loads(item.data.encode()))
                self._online.clear()
                self._socket = None
                self._fail_all(ConnectionLost(f"the connection was lost ({socket.close_code})"))
                if not self._reconnects:
                    raise ConnectionLost("the connection was lost")
                socket = await self._come_back()
        except ConnectionLost as error:
            self._end(error)
        except Exception as error:
            # What came is nothing that a server of ours would say.
            self._end(ConnectionLost(f"what the server said was not understood: {error!r}"))
            raise

    async def _come_back(self) -> aiohttp.ClientWebSocketResponse:
        while True:
            longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(self._attempts, 10))
            self._attempts += 1
            await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - not to be guessed by nobody
            try:
                socket = await self._shake_hands()
            except ConnectionLost as error:
                if error.is_final:
                    raise
                continue
            self.reconnections += 1
            self._socket = socket
            self._rejoining = asyncio.create_task(self._rejoin(socket))
            return socket

    async def _rejoin(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Join all channels again; then others may say something."""
        try:
            for number, subscription in enumerate(tuple(self._subscriptions.values()), 1):
                await subscription._rejoin(socket)
                if number % REJOINED_PER_SECOND == 0:
                    await asyncio.sleep(1)
        except ConnectionLost:
            # It is tried again with the next connection.
            return
        except CallFailed:
            # Such as a server that cannot reach its Redis: later, it may.
            await socket.close()
            return
        if socket is self._socket:
            self._attempts = 0
            self._online.set()

    async def _shake_hands(self) -> aiohttp.ClientWebSocketResponse:
        try:
            return await self._http.ws_connect(self._url, heartbeat=PING_SECONDS, max_msg_size=0)
        except aiohttp.WSServerHandshakeError as error:
            raise ConnectionLost(
                f"{self._url} refused the connection: {error.status} {error.message}",
                is_final=error.status in _FINAL_STATUSES,
            ) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ConnectionLost(f"{self._url} cannot be reached: {error}") from error

    def _end(self, error: ConnectionLost) -> None:
        self._ended = error
        self._fail_all(error)
        for subscription in self._subscriptions.values():
            subscription._end(error)
        self._subscriptions.clear()
        # Whoever waits for the connection has to be told.
        self._online.set()
