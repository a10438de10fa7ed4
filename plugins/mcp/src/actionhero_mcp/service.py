"""`McpService`: the parts that all transports of the protocol share in a process."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from actionhero_mcp.catalog import catalog_for
from actionhero_mcp.connection import McpConnection
from actionhero_mcp.dispatcher import Dispatcher
from actionhero_mcp.input_requests import caller_of
from actionhero_mcp.jsonrpc import Response, RpcError, is_request_id
from actionhero_mcp.results import internal_error, unavailable
from actionhero_mcp.resumable import DetachedCalls
from actionhero_mcp.revisions import INTERNAL_ERROR
from actionhero_mcp.server_requests import ServerRequests
from actionhero_mcp.settings import McpSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from actionhero import Application, Principal
    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.peer import Peer
    from actionhero_mcp.sink import MessageSink

logger = logging.getLogger("actionhero.mcp")


class McpService:
    """Calls for clients, and their cancellation.

    Args:
        app: The application.
        catalog: Its tools, resources and prompts.
    """

    def __init__(self, app: Application, catalog: Catalog) -> None:
        self.catalog = catalog
        self._report = app.pipeline.report_exception
        self._translated = app.pipeline.translated
        self.dispatcher = Dispatcher(app, catalog)
        settings = app.get(McpSettings)
        self.server_requests = ServerRequests(settings.answer_timeout.total_seconds())
        #: The calls that a notification can cancel, by caller, session and id.
        self._calls: dict[tuple[str, str, object], asyncio.Task[bytes]] = {}
        #: The calls that go on without their clients.
        self.detached = DetachedCalls()
        self._messages = self.dispatcher.messages
        self._messages.on("response", self._handle_response)
        self._messages.on("cancelled", self._handle_cancelled)

    async def start(self) -> None:
        """Receive revocations and messages of the other processes, in a server."""
        self._messages.start()
        self.dispatcher.watchers.start()
        await self.dispatcher.changes.start()

    async def stop(self) -> None:
        """End what `start` began."""
        await self.detached.close()
        await self.dispatcher.watchers.stop()
        await self._messages.stop()

    def connect(
        self, peer: Peer, sink: MessageSink, remote: str | None, principal: Principal | None
    ) -> McpConnection:
        """Return the connection of a request."""
        connection = McpConnection(peer, sink, remote)
        connection.principal = principal
        return connection

    def call(self, request: Request, connection: McpConnection) -> Awaitable[bytes]:
        """Return the result of a request that a notification can cancel, if it has a session.

        Raises:
            RpcError: The response is an error.
        """
        # Not a coroutine itself, as one more takes time in every request.
        session_id = connection.peer.session_id
        if session_id is None:
            return self.dispatch(request, connection)
        caller = caller_of(connection.principal)
        return self._cancellable(request, connection, (caller, session_id, request.id))

    async def dispatch(self, request: Request, connection: McpConnection) -> bytes:
        """Return the result of a request; unexpected errors are logged.

        Raises:
            RpcError: The response is an error.
        """
        try:
            return await self.dispatcher.dispatch(request, connection)
        except RpcError:
            raise
        except Exception as error:
            typed = self._translated(error)
            if typed is not None:
                logger.warning("%s failed: %s", request.method[:100], error)
                raise unavailable(typed.message) from error
            logger.error("%s failed: %s", request.method[:100], error, exc_info=error)
            self._report(error, f"the method {request.method[:100]!r}", transport="mcp")
            raise internal_error() from error

    async def _cancellable(
        self, request: Request, connection: McpConnection, key: tuple[str, str, object]
    ) -> bytes:
        task = asyncio.create_task(self.dispatch(request, connection))
        self._calls[key] = task
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                task.cancel()
                await asyncio.wait([task])
                raise
            raise RpcError(INTERNAL_ERROR, "The request was cancelled", status=200) from None
        finally:
            if self._calls.get(key) is task:
                del self._calls[key]

    async def respond(self, response: Response) -> None:
        """Pass the response of a client to the request of the server, in any process."""
        if not self.server_requests.respond(response):
            id, result, error = response
            await self._messages.send("response", id=id, result=result, error=error)

    async def notify(self, notification: Request, peer: Peer, principal: Principal | None) -> None:
        """Handle a notification; all but cancellations are ignored."""
        if notification.method != "notifications/cancelled" or peer.session_id is None:
            return
        id = notification.params.get("requestId")
        caller = caller_of(principal)
        if is_request_id(id) and not self._cancel(caller, peer.session_id, id):
            await self._messages.send("cancelled", caller=caller, session=peer.session_id, id=id)

    def _cancel(self, caller: str, session_id: str, id: object) -> bool:
        """Cancel a call, and return whether it is in this process."""
        task = self._calls.get((caller, session_id, id))
        return task is not None and task.cancel()

    async def _handle_response(self, message: dict[str, Any]) -> None:
        self.server_requests.respond(Response(**message))

    async def _handle_cancelled(self, message: dict[str, Any]) -> None:
        self._cancel(message["caller"], message["session"], message["id"])


def service_for(app: Application) -> McpService:
    """Return the service of an application, which is created on first use."""
    if not app.has(McpService):
        app.provide(McpService, McpService(app, catalog_for(app)))
    return app.get(McpService)
