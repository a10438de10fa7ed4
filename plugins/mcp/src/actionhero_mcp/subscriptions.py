"""`Subscriptions`: streams of notifications about changed resources."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from actionhero import NotFound, TypedError
from actionhero_mcp.input_requests import caller_of
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.results import not_found
from actionhero_mcp.revisions import INTERNAL_ERROR, INVALID_PARAMS, SUBSCRIPTION_ID
from actionhero_mcp.settings import McpSettings
from actionhero_mcp.watcher import ResourceWatcher

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_channels import Channels
    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.result_fields import ResultFields


class Subscriptions:
    """The open streams of this process.

    Args:
        app: The application.
        catalog: Its resources.
        fields: Completes results.
    """

    def __init__(self, app: Application, catalog: Catalog, fields: ResultFields) -> None:
        self._app = app
        self._catalog = catalog
        self._fields = fields
        self._limit = app.get(McpSettings).listen_streams
        self._watchers: dict[ResourceWatcher, str] = {}
        #: The streams of older revisions, by caller and session.
        self._by_session: dict[tuple[str, str], ResourceWatcher] = {}
        self._watching: asyncio.Task[None] | None = None

    async def listen(self, request: Request, connection: McpConnection) -> bytes:
        """Send notifications until the stream ends, and return its last result.

        Raises:
            RpcError: The filter is malformed, or the caller has too many streams.
        """
        wanted = request.params.get("notifications")
        if not isinstance(wanted, dict):
            raise RpcError(INVALID_PARAMS, "Invalid params: notifications is not an object")
        uris = wanted.get("resourceSubscriptions", [])
        if not isinstance(uris, list) or not all(isinstance(uri, str) for uri in uris):
            raise RpcError(INVALID_PARAMS, "Invalid params: resourceSubscriptions is no list")
        meta = {SUBSCRIPTION_ID: request.id}
        watcher = self._open(connection, meta)
        try:
            await _confirm(connection)
            accepted = [uri for uri in uris if await self._is_accepted(watcher, uri)]
            honored = {"resourceSubscriptions": accepted} if accepted else {}
            connection.sink.notify(
                "notifications/subscriptions/acknowledged",
                {"_meta": meta, "notifications": honored},
            )
            watcher.start()
            await watcher.ended.wait()
        finally:
            await self._close(watcher)
        return self._fields.of_type("complete", {"_meta": meta})

    async def stream(self, connection: McpConnection, caller: str, session_id: str) -> None:
        """Send the notifications of a session, in an older revision, until its stream ends."""
        watcher = self._open(connection, {})
        key = (caller, session_id)
        self._by_session[key] = watcher
        try:
            await _confirm(connection)
            watcher.start()
            await watcher.ended.wait()
        finally:
            if self._by_session.get(key) is watcher:
                del self._by_session[key]
            await self._close(watcher)

    async def subscribe(self, request: Request, connection: McpConnection) -> bytes:
        """Subscribe the session of an older revision to a resource.

        Its stream has to be open in this process: there is no session elsewhere.

        Raises:
            RpcError: The resource does not exist, or the subscription is refused.
        """
        watcher = self._watcher_of(connection)
        uri = _uri_of(request)
        if watcher is None:
            # Without a stream there is nothing to notify; the faults of the request are reported.
            self._channel_of(uri, connection)
            return b"{}"
        try:
            await self._subscribe(watcher, uri)
        except NotFound as error:
            raise not_found(uri, connection.peer.revision, error) from error
        except TypedError as error:
            raise RpcError(INTERNAL_ERROR, error.message, status=200) from error
        return b"{}"

    async def unsubscribe(self, request: Request, connection: McpConnection) -> bytes:
        """End a subscription of the session of an older revision."""
        watcher = self._watcher_of(connection)
        uri = _uri_of(request)
        if watcher is not None:
            channel = watcher.remove(uri)
            if channel is not None:
                await self._channels.unsubscribe(watcher, channel)
        return b"{}"

    def start(self) -> None:
        """Watch for credentials that are revoked, before there are streams.

        The beginning stands for a revocation of all, and would end the first stream.
        """
        if self._app.pipeline.has_revocations and self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch_revocations())

    def end_all(self) -> None:
        """End all streams, on shutdown."""
        for watcher in self._watchers:
            watcher.ended.set()

    async def stop(self) -> None:
        """Stop watching for credentials that are revoked."""
        self.end_all()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            self._watching = None

    def _open(self, connection: McpConnection, meta: dict[str, Any]) -> ResourceWatcher:
        caller = caller_of(connection) or f"address:{connection.remote}"
        if list(self._watchers.values()).count(caller) >= self._limit:
            message = f"Too many streams (max {self._limit})"
            raise RpcError(INTERNAL_ERROR, message, status=429, headers=(("Retry-After", "1"),))
        watcher = ResourceWatcher(connection, meta)
        self._watchers[watcher] = caller
        if self._app.is_stopping:
            watcher.ended.set()
        return watcher

    async def _close(self, watcher: ResourceWatcher) -> None:
        watcher.stop()
        try:
            if watcher.channels:
                await self._channels.unsubscribe_all(watcher)
        finally:
            del self._watchers[watcher]

    async def _is_accepted(self, watcher: ResourceWatcher, uri: str) -> bool:
        """Subscribe a stream to a resource, and return whether that is possible."""
        try:
            await self._subscribe(watcher, uri)
        except (TypedError, RpcError):
            return False
        return True

    async def _subscribe(self, watcher: ResourceWatcher, uri: str) -> None:
        """Subscribe a stream to the channel of a resource, which authorizes it.

        Raises:
            TypedError: The subscription is refused.
            RpcError: The resource does not exist, or does not announce changes.
        """
        connection = watcher.connection
        channel = self._channel_of(uri, connection)
        watcher.add(uri, channel)
        try:
            session = await self._app.pipeline.load_session(connection)
            await self._channels.subscribe(watcher, channel, session=session)
        except BaseException:
            watcher.remove(uri)
            raise

    def _channel_of(self, uri: str, connection: McpConnection) -> str:
        found = self._catalog.resource(uri)
        updates = None if found is None else found.offered.resource.updates
        if found is None or updates is None:
            raise not_found(uri, connection.peer.revision)
        return found.offered.resource.expand(updates, found.values)

    def _watcher_of(self, connection: McpConnection) -> ResourceWatcher | None:
        session_id = connection.peer.session_id
        if session_id is None:
            return None
        return self._by_session.get((caller_of(connection), session_id))

    async def _watch_revocations(self) -> None:
        """End the streams whose credentials or session are revoked; clients come back for 401."""
        async with aclosing(self._app.pipeline.revocations()) as revocations:
            async for id in revocations:
                for watcher in self._watchers:
                    principal = watcher.connection.principal
                    if principal is not None and id in {None, principal.credential_id}:
                        watcher.ended.set()

    @property
    def _channels(self) -> Channels:
        from actionhero_channels import Channels  # noqa: PLC0415 - an extra

        if not self._app.has(Channels):
            raise NotFound("Channels are not available")
        return self._app.get(Channels)


async def _confirm(connection: McpConnection) -> None:
    """Identify the caller again: a revocation before the stream was open has not ended it.

    Raises:
        RpcError: The credentials are revoked.
    """
    if connection.confirm is not None:
        await connection.confirm()


def _uri_of(request: Request) -> str:
    uri = request.params.get("uri")
    if not isinstance(uri, str):
        raise RpcError(INVALID_PARAMS, "Invalid params: uri is not text")
    return uri
