"""`ProcessMessages`: messages between the server processes, about clients with a handshake.

A request of such a client may depend on an earlier one, which another process has received.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from actionhero.transport import dumps, loads
from actionhero_mcp.shared_redis import redis_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import Application

    Handler = Callable[[dict[str, Any]], Awaitable[object]]

logger = logging.getLogger("actionhero.mcp")


class ProcessMessages:
    """Sends messages to all processes of the application, if they share a Redis.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._handlers: dict[str, Handler] = {}
        self._gap_handlers: list[Callable[[], object]] = []
        self._receiving: asyncio.Task[None] | None = None
        self._handling: set[asyncio.Task[object]] = set()

    def on(self, kind: str, handler: Handler) -> None:
        """Call a function with each message of a kind."""
        self._handlers[kind] = handler

    def on_gap(self, handler: Callable[[], object]) -> None:
        """Call a function when messages may have been missed, as the connection was lost."""
        self._gap_handlers.append(handler)

    def start(self) -> None:
        """Receive messages."""
        clients = redis_of(self._app)
        if clients is not None and clients.shared and self._receiving is None:
            self._receiving = asyncio.get_running_loop().create_task(self._receive())

    async def stop(self) -> None:
        """Receive no more messages."""
        tasks = [*self._handling, *([self._receiving] if self._receiving else [])]
        self._receiving = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def send(self, kind: str, **values: Any) -> None:
        """Send a message to all processes, this one included; without effect if it is alone."""
        clients = redis_of(self._app)
        if clients is None or self._receiving is None:
            return
        message = dumps({**values, "kind": kind})
        try:
            await clients.execute("PUBLISH", self._channel, message)
        except Exception as error:  # noqa: BLE001 - the client sends the request again
            logger.warning("a message to the other processes was not sent: %s", error)

    @property
    def _channel(self) -> str:
        clients = redis_of(self._app)
        assert clients is not None  # noqa: S101 - callers have checked it
        return clients.key("mcp", "processes")

    async def _receive(self) -> None:
        from actionhero_redis import channel_messages  # noqa: PLC0415 - an extra

        clients = redis_of(self._app)
        assert clients is not None  # noqa: S101 - `start` has checked it
        async with aclosing(channel_messages(clients, self._channel)) as messages:
            async for text in messages:
                if text is None:
                    for missed in self._gap_handlers:
                        missed()
                    continue
                message = loads(text.encode())
                handler = self._handlers.get(message.pop("kind"))
                if handler is not None:
                    self._handle(handler, message)

    def _handle(self, handler: Handler, message: dict[str, Any]) -> None:
        async def handle() -> None:
            try:
                await handler(message)
            except Exception:
                logger.exception("a message of another process was not handled")

        task = asyncio.get_running_loop().create_task(handle())
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)
