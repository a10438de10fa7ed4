"""`SessionRegistry`: the sessions of an application, and the state that they share."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from actionhero import ChannelRefused, Session
from actionhero.transport import PendingCall, ends_task, new_identifier
from actionhero.transport import request_id as current_request_id
from actionhero_web import WebSettings
from actionhero_websocket import messages
from actionhero_websocket.connections.connections import connections_for
from actionhero_websocket.connections.process_connections import ProcessConnections
from actionhero_websocket.exposure import is_exposed, is_ordered
from actionhero_websocket.protocol import frames
from actionhero_websocket.protocol.socket_registry import SocketRegistry
from actionhero_websocket.settings import WebSocketSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from actionhero import Application, Connection, TypedError
    from actionhero_channels import Channels

#: The close reason of a shutdown.
SHUTTING_DOWN: Final = "Server shutting down"
#: How long cancelled calls may take to roll back and to send their response.
CANCEL_SECONDS: Final = 1.0
#: How long the cleanup of subscriptions may take after that.
CLEANUP_SECONDS: Final = 0.8
#: How many disconnected clients are unsubscribed concurrently.
MAX_CONCURRENT_CLEANUPS: Final = 50


class SessionRegistry:
    """The sessions of an application, and the state that they share.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        web = app.get(WebSettings)
        self.settings = app.get(WebSocketSettings)
        self.max_subscriptions = _max_subscriptions(app)
        limit = self.settings.messages_per_second
        #: The rate of messages about channels, at which a client can subscribe to all at once.
        self.subscriptions_per_second = limit and max(limit, self.max_subscriptions)
        self.pipeline = app.pipeline
        self.execute = app.pipeline.execute
        #: The event loop of the server, set by `start`.
        self.loop: asyncio.AbstractEventLoop
        #: The state of the next call, reused unless a call has to wait.
        self.pending = PendingCall()
        self.sockets = SocketRegistry(self.settings)
        #: The exposed actions, by name.
        self.actions = {
            name: action for action in app.actions if is_exposed(action) for name in action.names
        }
        #: The names of the actions of which a client has at most one running call.
        self.ordered_actions = frozenset(
            action.name for action in self.actions.values() if is_ordered(action)
        )
        self.cancels_on_disconnect = web.cancel_on_disconnect
        self._format = web.response_format
        #: Whether the grace period is over: calls that are cancelled now get an error response.
        self.is_closing = False
        #: The number of revocations of sessions until now.
        self.revocations = 0
        self._running_calls = 0
        self._idle: asyncio.Event | None = None
        self._app = app
        self._cleanups: set[asyncio.Task[None]] = set()
        self._cleanup_slots = asyncio.Semaphore(MAX_CONCURRENT_CLEANUPS)
        self._watching: asyncio.Task[None] | None = None
        self.live = ProcessConnections(app, self)
        connections_for(app).live = self.live

    @property
    def is_draining(self) -> bool:
        """Whether the process is shutting down, and no more calls are started."""
        return self.is_closing or self._app.is_stopping

    def error_message(
        self,
        id: Any,
        error: TypedError,
        *,
        request_id: str | None = None,
        stack: str | None = None,
    ) -> bytes:
        """Return the message of an error, in the error format of HTTP responses.

        Args:
            id: The `messageId` of the request, or `messages.NO_ID`.
            error: The error.
            request_id: The request id of the call; generated if there was none.
            stack: The traceback, if clients may see it.
        """
        document = self.error_document(error, request_id=request_id, stack=stack)
        return messages.error(id, document)

    def error_document(
        self, error: TypedError, *, request_id: str | None = None, stack: str | None = None
    ) -> dict[str, Any]:
        """Return the JSON document of an error; see `error_message`."""
        return self._format.error_document(
            error,
            # That of the audit event, for a message that is no call.
            request_id=request_id or current_request_id.get() or new_identifier(),
            stack=stack,
        )

    # -- sessions and channels -----------------------------------------------------------------

    @property
    def channels(self) -> Channels:
        """The channels of the application.

        Raises:
            ChannelRefused: The plugin `channels` is disabled.
        """
        from actionhero_channels import Channels  # noqa: PLC0415 - it may be disabled

        if not self._app.has(Channels):
            raise ChannelRefused("Channel not found: channels are disabled")
        return self._app.get(Channels)

    async def load_session(self, connection: Connection) -> Session:
        """Return the session of a connection."""
        return await self.pipeline.load_session(connection)

    def clean_up(self, cleanup: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run the cleanup of a disconnected client in a task."""
        task = self.loop.create_task(self._clean_up(cleanup))
        self._cleanups.add(task)
        task.add_done_callback(self._cleanups.discard)

    async def _clean_up(self, cleanup: Callable[[], Coroutine[Any, Any, None]]) -> None:
        # Limited, for the case that all clients disconnect at once.
        async with self._cleanup_slots:
            try:
                await cleanup()
            except BaseException as error:
                if ends_task(error):
                    raise
                self.pipeline.error_outcome("unsubscribing from all channels", error)

    def start(self) -> None:
        """Use the running event loop, and watch for revoked sessions."""
        self.loop = asyncio.get_running_loop()
        self.live.start(connections_for(self._app).directory)
        if self.pipeline.has_revocations and self._watching is None:
            self._watching = self.loop.create_task(self._watch_revocations())

    async def _watch_revocations(self) -> None:
        async with aclosing(self.pipeline.revocations()) as revocations:
            async for session_id in revocations:
                self.revocations += 1
                self.live.session_revoked(session_id)
                for socket in self.sockets:
                    socket.on_session_revoked(session_id)

    # -- shutdown ------------------------------------------------------------------------------

    def call_started(self) -> None:
        """Count a call that is running."""
        self._running_calls += 1

    def call_finished(self) -> None:
        """Count a call that has finished."""
        self._running_calls -= 1
        if not self._running_calls and self._idle is not None:
            self._idle.set()

    async def finish(self) -> None:
        """Wait until no call is running."""
        while self._running_calls:
            self._idle = asyncio.Event()
            await self._idle.wait()

    async def close(self) -> None:
        """Cancel the running calls, and close all sockets with 1001."""
        self.is_closing = True
        try:
            for socket in self.sockets:
                socket.cancel_calls()
            try:
                async with asyncio.timeout(CANCEL_SECONDS):
                    await self.finish()
            except TimeoutError:
                # A call that ignores its cancellation must not block the shutdown.
                pass
            await self.sockets.close_all(frames.GOING_AWAY, SHUTTING_DOWN)
            if self._cleanups:
                await asyncio.wait(self._cleanups, timeout=CLEANUP_SECONDS)
        finally:
            self.sockets.abort_all()
            for task in (*self._cleanups, *([self._watching] if self._watching else [])):
                task.cancel()


def _max_subscriptions(app: Application) -> int:
    from actionhero_channels import ChannelsSettings  # noqa: PLC0415 - it may be disabled

    settings = app.get(ChannelsSettings) if app.has(ChannelsSettings) else ChannelsSettings()
    return settings.max_subscriptions


def registry_for(app: Application) -> SessionRegistry:
    """Return the registry of an application, which is created on first use."""
    if not app.has(SessionRegistry):
        app.provide(SessionRegistry, SessionRegistry(app))
    return app.get(SessionRegistry)
