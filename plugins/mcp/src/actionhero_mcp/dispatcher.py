"""`Dispatcher`: one request of a client to its result, over any transport of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero_mcp.calls import Calls
from actionhero_mcp.catalog_changes import CatalogChanges
from actionhero_mcp.completions import Completions
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.log_levels import LogLevels
from actionhero_mcp.process_messages import ProcessMessages
from actionhero_mcp.result_fields import ResultFields
from actionhero_mcp.revisions import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    LOG_LEVELS,
    METHOD_NOT_FOUND,
)
from actionhero_mcp.server_info import ServerInfo
from actionhero_mcp.session_streams import SessionStreams
from actionhero_mcp.settings import McpSettings
from actionhero_mcp.subscriptions import Subscriptions
from actionhero_mcp.tasks import TaskRequests
from actionhero_mcp.watchers import Watchers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import Application
    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.jsonrpc import Request

#: The lists, and the members of their results.
_LISTS = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}


class Dispatcher:
    """Dispatches the requests of clients.

    Args:
        app: The application.
        catalog: Its tools, resources and prompts.
    """

    def __init__(self, app: Application, catalog: Catalog) -> None:
        self._catalog = catalog
        self._visible = [
            function for _, function in app.plugins.collect("actionhero_mcp_visible", app=app)
        ]
        settings = app.get(McpSettings)
        self.info = ServerInfo(app, catalog)
        self.fields = fields = ResultFields(self.info.implementation, settings)
        tasks = TaskRequests(app, catalog, fields)
        calls = Calls(app, catalog, fields, tasks)
        #: The open streams of notifications.
        self.watchers = watchers = Watchers(app, catalog)
        #: The changes of the lists.
        self.changes = changes = CatalogChanges(app, catalog)
        #: Messages to the other processes.
        self.messages = messages = ProcessMessages(app)
        #: The levels of log messages of clients with a handshake.
        self.log_levels = LogLevels(app, messages)
        #: The streams of clients with a handshake.
        self.session_streams = streams = SessionStreams(app, watchers, changes, messages)
        subscriptions = Subscriptions(watchers, changes, fields)
        completions = Completions(app, catalog, fields)
        self._handlers: dict[str, Callable[[Request, McpConnection], Awaitable[bytes]]] = {
            **dict.fromkeys(_LISTS, self._list),
            "tools/call": calls.call_tool,
            "resources/read": calls.read_resource,
            "prompts/get": calls.get_prompt,
            "completion/complete": completions.complete,
            "server/discover": self._discover,
            "initialize": self._initialize,
            "ping": self._empty,
            "logging/setLevel": self._set_level,
            "resources/subscribe": streams.subscribe,
            "resources/unsubscribe": streams.unsubscribe,
            "subscriptions/listen": subscriptions.listen,
            "tasks/get": tasks.get,
            "tasks/update": tasks.update,
            "tasks/cancel": tasks.cancel,
        }

    def dispatch(self, request: Request, connection: McpConnection) -> Awaitable[bytes]:
        """Return the result of a request, a JSON object.

        Raises:
            RpcError: The response is an error.
        """
        method = request.method
        if method not in connection.peer.revision.methods:
            raise RpcError(METHOD_NOT_FOUND, f"Method not found: {method[:100]}", status=404)
        connection.meta = request.meta
        # Not a coroutine itself, as one more takes time in every request.
        return self._handlers[method](request, connection)

    async def _list(self, request: Request, connection: McpConnection) -> bytes:
        if request.params.get("cursor") is not None:
            raise RpcError(INVALID_PARAMS, "Invalid params: the cursor is unknown")
        member = _LISTS[request.method]
        revision = connection.peer.revision
        if not self._visible:
            listed = self._catalog.listed(member, revision)
            return self.fields.cacheable(b'"%b":%b' % (member.encode(), listed), revision)
        principal = connection.principal
        listed = self._catalog.listed(
            member, revision, lambda action: all(each(principal, action) for each in self._visible)
        )
        return self.fields.cacheable(
            b'"%b":%b' % (member.encode(), listed), revision, is_public=False
        )

    async def _discover(self, request: Request, connection: McpConnection) -> bytes:
        return self.fields.cacheable(self.info.discovery, connection.peer.revision)

    async def _initialize(self, request: Request, connection: McpConnection) -> bytes:
        return self.info.initialization(connection.peer.revision)

    async def _empty(self, request: Request, connection: McpConnection) -> bytes:
        return b"{}"

    async def _set_level(self, request: Request, connection: McpConnection) -> bytes:
        level: Any = request.params.get("level")
        if level not in LOG_LEVELS:
            raise RpcError(INVALID_PARAMS, "Invalid params: level is no log level")
        session_id = connection.peer.session_id
        if session_id is None:
            raise RpcError(INVALID_REQUEST, "A level needs a session; send initialize before")
        await self.log_levels.choose(session_id, level)
        return b"{}"
