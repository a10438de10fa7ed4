"""What all sockets that speak our messages share: `SessionRegistry`."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from actionhero import ChannelRefused, Session
from actionhero.transport import PendingCall, new_identifier
from actionhero_web import WebSettings, error_document
from actionhero_websocket import frames, messages
from actionhero_websocket.exposure import is_reachable
from actionhero_websocket.settings import WebSocketSettings
from actionhero_websocket.sockets import Sockets

if TYPE_CHECKING:
    from actionhero import Application, Connection, TypedError
    from actionhero_channels import Channels
    from actionhero_websocket.subscriptions import Subscriptions

#: What clients are told at the end.
SHUTTING_DOWN = "Server shutting down"
#: How long a cancelled call may take to undo what it began, and to be told.
CANCEL_SECONDS = 1.0
#: How long it may then take to leave channels.
LEAVE_SECONDS = 0.8
#: How many clients that are gone leave their channels at once.
LEAVING_AT_ONCE = 50


class SessionRegistry:
    """The sockets of one application, and what is worked out once for all of them.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        web = app.get(WebSettings)
        self.settings = app.get(WebSocketSettings)
        self.messages_per_second = self.settings.messages_per_second
        self.pipeline = app.pipeline
        self.execute = app.pipeline.execute
        #: The event loop that all of this is on, from its start.
        self.loop: asyncio.AbstractEventLoop
        #: What the next call is begun with: used again, unless that call has to wait.
        self.pending = PendingCall()
        self.sockets = Sockets(self.settings)
        #: What can be called, by name.
        self.actions = {action.name: action for action in app.actions if is_reachable(action)}
        self.cancels_on_disconnect = web.cancel_on_disconnect
        self._profile = web.error_format
        #: Set at the end of the grace time: a call that is cancelled now is told why.
        self.closing = False
        self._running = 0
        self._idle: asyncio.Event | None = None
        self._app = app
        self._app = app
        self._leaving: set[asyncio.Task[None]] = set()
        self._may_leave = asyncio.Semaphore(LEAVING_AT_ONCE)
        self._watching: asyncio.Task[None] | None = None

    @property
    def draining(self) -> bool:
        """Whether the process goes down: no call is begun any more."""
        return self.closing or self._app.is_stopping

    def failure(
        self,
        id: Any,
        error: TypedError,
        *,
        request_id: str | None = None,
        stack: str | None = None,
    ) -> bytes:
        """Return the message that tells of `error`, in the profile that HTTP has.

        Args:
            id: The `messageId` of the message, or `messages.NO_ID`.
            error: What went wrong.
            request_id: Of the call; made up where there was none.
            stack: The traceback; `None` where it is nobody's business.
        """
        document = self.document(error, request_id=request_id, stack=stack)
        return messages.failure(id, document)

    def document(
        self, error: TypedError, *, request_id: str | None = None, stack: str | None = None
    ) -> dict[str, Any]:
        """Return the JSON document of `error`; see `failure`."""
        return error_document(
            error,
            profile=self._profile,
            request_id=request_id or new_identifier(),
            timestamp_ms=time.time_ns() // 1_000_000,
            stack=stack,
        )

    # -- sessions and channels ---------------------------------------------------------------------

    @property
    def channels(self) -> Channels:
        """The channels of the application.

        Raises:
            ChannelRefused: There are none: the plugin is switched off.
        """
        from actionhero_channels import Channels  # noqa: PLC0415 - it may be switched off

        if not self._app.has(Channels):
            raise ChannelRefused("Channel not found: there are no channels here")
        return self._app.get(Channels)

    async def session_of(self, connection: Connection) -> Session:
        """Return what is remembered of a connection."""
        store = self.pipeline.session_store
        if store is not None:
            return await store.open(connection)
        if connection.session is None:
            connection.session = Session()
        return connection.session

    def leave(self, subscriptions: Subscriptions) -> None:
        """Have somebody who is gone leave every channel."""
        task = self.loop.create_task(self._leave(subscriptions))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _leave(self, subscriptions: Subscriptions) -> None:
        # If all go at once, Redis need not hear of it at once.
        async with self._may_leave:
            try:
                await subscriptions.leave_all()
            except Exception as error:  # noqa: BLE001 - they vanish after a time, in any case
                self.pipeline.error_outcome("leaving channels", error)

    def start(self) -> None:
        """Take note of the event loop, and hear of sessions that end."""
        self.loop = asyncio.get_running_loop()
        if self.pipeline.session_store is not None and self._watching is None:
            self._watching = self.loop.create_task(self._watch())

    async def _watch(self) -> None:
        store = self.pipeline.session_store
        if store is None:
            return
        async with aclosing(store.revocations()) as ended:
            async for id in ended:
                for socket in self.sockets:
                    subscriptions: Subscriptions | None = getattr(socket, "subscriptions", None)
                    if subscriptions is not None and (id is None or id in subscriptions.sessions):
                        subscriptions.recheck()

    # -- the calls of all sockets ----------------------------------------------------------------

    def note_begun(self) -> None:
        """Count a call that begins."""
        self._running += 1

    def note_ended(self) -> None:
        """Count a call that has ended."""
        self._running -= 1
        if not self._running and self._idle is not None:
            self._idle.set()

    async def finish(self) -> None:
        """Return when no call is open."""
        while self._running:
            self._idle = asyncio.Event()
            await self._idle.wait()

    async def close(self) -> None:
        """Cancel the calls that are open, tell every client to go, and return when all have."""
        self.closing = True
        try:
            for socket in self.sockets:
                socket.cancel_calls()
            try:
                async with asyncio.timeout(CANCEL_SECONDS):
                    await self.finish()
            except TimeoutError:
                # One that does not heed it must not keep the process alive.
                pass
            await self.sockets.close_all(frames.GOING_AWAY, SHUTTING_DOWN)
            if self._leaving:
                await asyncio.wait(self._leaving, timeout=LEAVE_SECONDS)
        finally:
            self.sockets.abort_all()
            for task in (*self._leaving, *([self._watching] if self._watching else [])):
                task.cancel()


def conversations_of(app: Application) -> SessionRegistry:
    """Return the one of an application; made when it is first asked for."""
    if not app.has(SessionRegistry):
        app.provide(SessionRegistry, SessionRegistry(app))
    return app.get(SessionRegistry)
