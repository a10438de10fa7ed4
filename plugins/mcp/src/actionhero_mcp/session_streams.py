"""`SessionStreams`: the streams of notifications of clients with a handshake."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from actionhero import NotFound, TypedError
from actionhero_mcp.input_requests import caller_of
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.results import not_found
from actionhero_mcp.revisions import INTERNAL_ERROR, INVALID_PARAMS
from actionhero_mcp.settings import McpSettings
from actionhero_mcp.shared_redis import redis_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Application
    from actionhero_mcp.catalog_changes import CatalogChanges
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.process_messages import ProcessMessages
    from actionhero_mcp.watcher import ResourceWatcher
    from actionhero_mcp.watchers import Watchers

#: How many resources one session may subscribe to.
MAX_RESOURCES: Final = 1000
#: The sessions whose subscriptions are kept without Redis; the longest unused are forgotten first.
_MAX_SESSIONS: Final = 10_000


class SessionStreams:
    """Subscribes sessions to resources, whose stream may be open in any process, or later.

    Args:
        app: The application.
        watchers: The open streams of this process.
        changes: The changes of the lists.
        messages: Messages to the other processes.
    """

    def __init__(
        self, app: Application, watchers: Watchers, changes: CatalogChanges,
        messages: ProcessMessages,
    ) -> None:  # fmt: skip
        self._watchers = watchers
        self._changes = changes
        self._messages = messages
        self._resources = _SubscribedResources(app)
        #: The streams, by the digest of their session, and their identifiers.
        self._by_session: dict[str, tuple[str, ResourceWatcher]] = {}
        messages.on("subscribed", self._handle_subscribed)
        messages.on("unsubscribed", self._handle_unsubscribed)
        messages.on("stream", self._handle_stream)

    async def stream(
        self,
        connection: McpConnection,
        session_id: str,
        *,
        is_resumed: bool = False,
        on_open: Callable[[], object] = lambda: None,
    ) -> None:
        """Send the notifications of a session, until its stream ends or a newer one begins.

        Args:
            connection: The connection of the stream.
            session_id: The session.
            is_resumed: Whether changes may have been missed, which are then announced.
            on_open: Called before the first notification.

        Raises:
            RpcError: The caller has too many streams, or its credentials are revoked.
        """
        key, id = _key_of(connection, session_id), secrets.token_urlsafe(12)
        watcher = await self._watchers.open(connection, {})
        try:
            await self._handle_stream({"session": key, "id": id})
            self._by_session[key] = id, watcher
            await self._messages.send("stream", session=key, id=id)
            for uri in await self._resources.of(key):
                if await self._watchers.accepts(watcher, uri) and is_resumed:
                    watcher.gap_of(uri)
            on_open()
            self._changes.announce(connection.sink, self._changes.lists)
            watcher.start()
            await watcher.ended.wait()
        finally:
            if self._by_session.get(key) == (id, watcher):
                del self._by_session[key]
            await self._watchers.close(watcher)

    async def subscribe(self, request: Request, connection: McpConnection) -> bytes:
        """Subscribe a session to a resource.

        Raises:
            RpcError: The resource does not exist, or the subscription is refused.
        """
        uri, session_id = _uri_of(request), connection.peer.session_id
        try:
            await self._watchers.check(connection, uri)
        except NotFound as error:
            raise not_found(uri, connection.peer.revision, error) from error
        except TypedError as error:
            raise RpcError(INTERNAL_ERROR, error.message, status=200) from error
        if session_id is not None:
            # Stored first: a stream that opens in between finds it.
            key = _key_of(connection, session_id)
            await self._resources.add(key, uri)
            await self._handle_subscribed({"session": key, "uri": uri})
            await self._messages.send("subscribed", session=key, uri=uri)
        return b"{}"

    async def unsubscribe(self, request: Request, connection: McpConnection) -> bytes:
        """End the subscription of a session."""
        uri, session_id = _uri_of(request), connection.peer.session_id
        if session_id is not None:
            key = _key_of(connection, session_id)
            await self._resources.remove(key, uri)
            await self._handle_unsubscribed({"session": key, "uri": uri})
            await self._messages.send("unsubscribed", session=key, uri=uri)
        return b"{}"

    # -- messages of other processes -----------------------------------------------------------

    async def _handle_subscribed(self, message: dict[str, Any]) -> None:
        stream = self._by_session.get(message["session"])
        if stream is not None:
            await self._watchers.accepts(stream[1], message["uri"])

    async def _handle_unsubscribed(self, message: dict[str, Any]) -> None:
        stream = self._by_session.get(message["session"])
        if stream is not None:
            await self._watchers.unsubscribe(stream[1], message["uri"])

    async def _handle_stream(self, message: dict[str, Any]) -> None:
        """End the stream of a session for which there is a newer one: each message is sent once."""
        stream = self._by_session.get(message["session"])
        if stream is not None and stream[0] != message["id"]:
            stream[1].ended.set()


class _SubscribedResources:
    """The resources that sessions have subscribed to.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._ttl_ms = int(app.get(McpSettings).session_ttl.total_seconds() * 1000)
        #: Without Redis there is one process.
        self._by_session: OrderedDict[str, set[str]] = OrderedDict()

    async def add(self, session: str, uri: str) -> None:
        """Add a resource.

        Raises:
            RpcError: There are too many.
        """
        if len(await self.of(session)) >= MAX_RESOURCES:
            reason = f"Too many subscriptions (max {MAX_RESOURCES}); unsubscribe from others"
            raise RpcError(INTERNAL_ERROR, reason, status=200)
        clients = redis_of(self._app)
        if clients is not None:
            key = clients.key("mcp", "subscriptions", session)
            await clients.execute("SADD", key, uri, idempotent=True)
            await clients.execute("PEXPIRE", key, self._ttl_ms, idempotent=True)
            return
        self._by_session.setdefault(session, set()).add(uri)
        self._by_session.move_to_end(session)
        if len(self._by_session) > _MAX_SESSIONS:
            self._by_session.popitem(last=False)

    async def remove(self, session: str, uri: str) -> None:
        """Remove a resource."""
        clients = redis_of(self._app)
        if clients is not None:
            key = clients.key("mcp", "subscriptions", session)
            await clients.execute("SREM", key, uri, idempotent=True)
        elif session in self._by_session:
            self._by_session[session].discard(uri)
            if not self._by_session[session]:
                del self._by_session[session]

    async def of(self, session: str) -> list[str]:
        """Return the resources of a session, sorted."""
        clients = redis_of(self._app)
        if clients is None:
            return sorted(self._by_session.get(session, ()))
        key = clients.key("mcp", "subscriptions", session)
        uris = await clients.execute("SMEMBERS", key, idempotent=True)
        return sorted(uri.decode() for uri in uris)


def _key_of(connection: McpConnection, session_id: str) -> str:
    """Return the key of a session, for one caller."""
    return hashlib.sha256(f"{caller_of(connection.principal)}\n{session_id}".encode()).hexdigest()


def _uri_of(request: Request) -> str:
    uri = request.params.get("uri")
    if not isinstance(uri, str):
        raise RpcError(INVALID_PARAMS, "Invalid params: uri is not text")
    return uri
