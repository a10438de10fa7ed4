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

from actionhero.json import dumps, loads
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
        #: How many channels are being joined again.
        self._rejoining = 0
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

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message, and return the answer to it."""
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        def take(found: dict[str, Any] | Exception) -> None:
            if answer.done():
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        number = await self._send(message, take)
        try:
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def _send(self, message: dict[str, Any], take: Taker) -> int:
        await self._online.wait()
        if self._ended is not None:
            raise self._ended
        assert self._socket is not None  # noqa: S101 - we are online
        return await self._send_over(self._socket, message, take)

    async def _send_over(
        self, socket: aiohttp.ClientWebSocketResponse, message: dict[str, Any], take: Taker
    ) -> int:
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
        if self._living is not None:
            self._living.cancel()
            with suppress(asyncio.CancelledError):
                await self._living
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
        for attempt in itertools.count():
            longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(attempt, 10))
            await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - not to be guessed by nobody
            try:
                socket = await self._shake_hands()
                # Before anybody else can say anything.
                subscriptions = list(self._subscriptions.values())
                self._rejoining = len(subscriptions)
                for subscription in subscriptions:
                    await subscription._rejoin(socket)
            except ConnectionLost as error:
                if error.is_final:
                    raise
                continue
            self.reconnections += 1
            self._socket = socket
            if not self._rejoining:
                self._online.set()
            return socket
        raise AssertionError  # pragma: no cover - the loop has no end

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

    def _note_rejoined(self) -> None:
        self._rejoining -= 1
        if not self._rejoining:
            self._online.set()

    def _end(self, error: ConnectionLost) -> None:
        self._ended = error
        self._fail_all(error)
        for subscription in self._subscriptions.values():
            subscription._end(error)
        self._subscriptions.clear()
        # Whoever waits for the connection has to be told.
        self._online.set()
