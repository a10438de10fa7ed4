"""`ClientConnection`: the connection of a client, with its pending requests and reconnects."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp

from actionhero_websocket.client.delays import ReconnectDelays
from actionhero_websocket.client.errors import ConnectionLost, parse_error
from actionhero_websocket.client.events import DirectMessage, ServerError, StateChange
from actionhero_websocket.client.pacing import Pacer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from actionhero_websocket.client.events import ClientEvent, State
    from actionhero_websocket.client.handshake import Handshake
    from actionhero_websocket.client.options import ClientOptions

    Reply = dict[str, Any]
    #: Receives the replies to a message, or the reason why there are none.
    ReplyHandler = Callable[[Reply | ConnectionLost], None]

logger = logging.getLogger("actionhero.websocket.client")

#: The time limit of subscribing again after a handshake.
RESTORE_SECONDS: Final = 60.0


class MessageHandler(Protocol):
    """The subscriptions of the client, as the connection uses them."""

    def receive(self, message: Reply) -> None:
        """Handle a message that is not a reply."""

    async def restore(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Subscribe again, over a new connection.

        Raises:
            CallFailed: The server refused it for now.
            ConnectionLost: The new connection was lost too.
        """

    def end(self, error: ConnectionLost) -> None:
        """End all subscriptions."""


class ClientConnection:
    """The connection of a client.

    Args:
        http: The session for handshakes.
        handshake: The request of the handshake.
        options: The options of the client.
        notify: Called with the events of the client.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        handshake: Handshake,
        options: ClientOptions,
        notify: Callable[[ClientEvent], None],
    ) -> None:
        self.handshake = handshake
        self.options = options
        self.pacer = Pacer(options.messages_per_second)
        #: The subscriptions; set before `open`.
        self.subscriptions: MessageHandler
        self.state: State = "connecting"
        #: How often the connection was lost and restored.
        self.reconnections = 0
        self._http = http
        self._notify = notify
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._online = asyncio.Event()
        #: Messages are sent in the order of the calls.
        self._turn = asyncio.Lock()
        #: By `messageId`: the handlers of messages that were sent.
        self._handlers: dict[int, ReplyHandler] = {}
        self._delays = ReconnectDelays(options)
        self._retry_now = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        #: Why the connection has ended for good.
        self._error: ConnectionLost | None = None

    # -- sending -------------------------------------------------------------------------------

    @property
    def is_online(self) -> bool:
        """Whether messages are sent without waiting for a connection."""
        return self._online.is_set() and self._error is None

    async def send(
        self,
        id: int,
        text: str,
        handler: ReplyHandler,
        *,
        socket: aiohttp.ClientWebSocketResponse | None = None,
    ) -> None:
        """Send a message, once there is a connection; the replies go to `handler` until `forget`.

        Args:
            id: Its `messageId`.
            text: The message.
            handler: Receives the replies.
            socket: A new connection that is not in general use yet.

        Raises:
            ConnectionLost: The connection has ended, or was lost during the write.
        """
        if socket is not None:
            await self.pacer.wait()
            await self._write(socket, id, text, handler)
            return
        async with self._turn:
            await self._write(await self._next_socket(), id, text, handler)

    async def _next_socket(self) -> aiohttp.ClientWebSocketResponse:
        """Wait for a connection and for the pacer."""
        while True:
            await self._online.wait()
            if self._error is not None:
                raise self._error.copy(sent=False)
            socket = self._socket
            await self.pacer.wait()
            if socket is self._socket and socket is not None and self._online.is_set():
                if not socket.closed:
                    return socket
                # The loss is about to be handled.
                self._online.clear()

    async def _write(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        id: int,
        text: str,
        handler: ReplyHandler,
    ) -> None:
        self._handlers[id] = handler
        try:
            await socket.send_str(text)
        except BaseException as error:
            self.forget(id)
            if isinstance(error, ConnectionError):
                if socket is self._socket:
                    # The loss is about to be handled; a retry must wait for it.
                    self._online.clear()
                raise ConnectionLost("the connection was lost", sent=True) from error
            raise

    def forget(self, id: int) -> None:
        """Ignore further replies to a message."""
        self._handlers.pop(id, None)

    # -- receiving -----------------------------------------------------------------------------

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> ConnectionLost:
        """Handle messages until the connection is lost; return why."""
        while True:
            item = await socket.receive()
            if item.type is aiohttp.WSMsgType.TEXT:
                try:
                    self._handle(json.loads(item.data))
                except Exception:
                    logger.exception("a message of the server cannot be handled")
            elif item.type is not aiohttp.WSMsgType.BINARY:
                break
        code = socket.close_code
        reason = item.extra if item.type is aiohttp.WSMsgType.CLOSE and item.extra else ""
        detail = reason or str(socket.exception() or "")
        text = f"the connection was lost ({code}{f': {detail}' if detail else ''})"
        return ConnectionLost(text, code=code, reason=reason)

    def _handle(self, message: Reply) -> None:
        id = message.get("messageId")
        if id is None and "error" in message:
            # It may belong to any call, or to none: all others are answered.
            error = parse_error(message["error"])
            logger.warning("error of the server without a messageId: %s (%s)", error, error.type)
            self._notify(ServerError(error))
        elif id is None and "direct" in message:
            self._notify(DirectMessage(message["direct"]["message"]))
        elif id is None:
            self.subscriptions.receive(message)
        elif handler := self._handlers.get(id):
            handler(message)

    def _fail_all(self, error: ConnectionLost) -> None:
        handlers, self._handlers = self._handlers, {}
        for handler in handlers.values():
            handler(error.copy(sent=True))

    # -- connecting ----------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect.

        Raises:
            ConnectionLost: The server is unreachable, or refused the connection.
        """
        socket = self._socket = await self.handshake.connect(self._http, self.options.heartbeat)
        self._set_online()
        self.start(self._run(socket))

    async def reconnect(self, handshake: Handshake) -> None:
        """Close the connection, and connect at once.

        Raises:
            ConnectionLost: The connection has ended for good.
        """
        if self._error is not None:
            raise self._error.copy(sent=False)
        self.handshake = handshake
        self._retry_now.set()
        self._online.clear()
        if self._socket is not None:
            await self._socket.close()
        await self._online.wait()
        if self._error is not None:
            raise self._error.copy(sent=False)

    async def close(self) -> None:
        """Close the connection for good."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()
        self._end(ConnectionLost("the client is closed", is_final=True))

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine in a task, which ends with the connection."""
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Receive messages, and reconnect when the connection is lost."""
        try:
            while True:
                lost = await self._receive(socket)
                self._online.clear()
                self._socket = None
                self._fail_all(lost)
                if not self._wants_reconnect(lost):
                    raise lost
                socket = await self._reconnect(lost)
        except ConnectionLost as error:
            self._end(error)
        except Exception as error:
            logger.exception("the connection has ended")
            self._end(ConnectionLost(f"the connection has ended: {error!r}"))

    def _wants_reconnect(self, lost: ConnectionLost) -> bool:
        rule = self.options.reconnect
        if self._retry_now.is_set():
            return True
        return rule if isinstance(rule, bool) else rule(lost.code, lost.reason)

    async def _reconnect(self, lost: ConnectionLost) -> aiohttp.ClientWebSocketResponse:
        while True:
            await self._wait_before_retry(lost)
            self._set_state(StateChange("connecting"))
            handshake = self.handshake
            try:
                socket = await handshake.connect(self._http, self.options.heartbeat)
            except ConnectionLost as error:
                if error.is_final:
                    raise
                lost = error
                continue
            if self.handshake is not handshake:
                # Another session is requested since.
                await socket.close()
                continue
            self.reconnections += 1
            self._socket = socket
            # Requested during the attempt, which has fulfilled it.
            self._retry_now.clear()
            self.pacer.reset()
            self.start(self._restore(socket))
            return socket

    async def _wait_before_retry(self, lost: ConnectionLost) -> None:
        delay = 0.0 if self._retry_now.is_set() else self._delays.next_seconds(lost.code)
        self._set_state(StateChange("waiting", lost.code, lost.reason, delay))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._retry_now.wait(), delay)
        self._retry_now.clear()

    async def _restore(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Subscribe to all channels again, before other messages are sent."""
        try:
            async with asyncio.timeout(RESTORE_SECONDS):
                await self.subscriptions.restore(socket)
        except ConnectionLost:
            # Retried with the next connection.
            return
        except Exception as error:  # noqa: BLE001 - such as an outage of the server's Redis
            logger.warning("subscribing again failed: %s", error)
            # Retried with the next connection.
            await socket.close()
            return
        if socket is self._socket:
            self._set_online()

    # -- state ---------------------------------------------------------------------------------

    def _set_online(self) -> None:
        self._delays.note_success()
        self._online.set()
        self._set_state(StateChange("open"))

    def _set_state(self, change: StateChange) -> None:
        self.state = change.state
        self._notify(change)

    def _end(self, error: ConnectionLost) -> None:
        if self._error is not None:
            return
        error.is_final = True
        self._error = error
        self._fail_all(error)
        self.subscriptions.end(error)
        # Messages that wait for the connection must fail.
        self._online.set()
        self._set_state(StateChange("closed", error.code, error.reason))
