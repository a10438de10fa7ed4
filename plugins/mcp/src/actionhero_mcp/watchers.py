"""`Watchers`: the open streams of notifications of a process."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from actionhero import NotFound, TypedError
from actionhero_mcp.input_requests import caller_of
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.refusals import Refusals
from actionhero_mcp.results import not_found
from actionhero_mcp.revisions import INTERNAL_ERROR
from actionhero_mcp.settings import McpSettings
from actionhero_mcp.watcher import ResourceWatcher

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_channels import Channels
    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.connection import McpConnection


class Watchers:
    """The open streams of this process.

    Args:
        app: The application.
        catalog: Its resources.
    """

    def __init__(self, app: Application, catalog: Catalog) -> None:
        self._app = app
        self._catalog = catalog
        self._limit = app.get(McpSettings).listen_streams
        self._watchers: dict[ResourceWatcher, str] = {}
        self._watching: asyncio.Task[None] | None = None

    # -- streams -------------------------------------------------------------------------------

    async def open(self, connection: McpConnection, meta: dict[str, Any]) -> ResourceWatcher:
        """Return the watcher of a new stream, which its caller closes.

        Raises:
            RpcError: The caller has too many streams, or its credentials are revoked.
        """
        caller = caller_of(connection.principal) or f"address:{connection.remote}"
        if list(self._watchers.values()).count(caller) >= self._limit:
            message = f"Too many streams (max {self._limit})"
            Refusals(self._app).record(connection, message, status=429)
            raise RpcError(INTERNAL_ERROR, message, status=429, headers=(("Retry-After", "1"),))
        watcher = ResourceWatcher(connection, meta)
        self._watchers[watcher] = caller
        if self._app.is_stopping:
            watcher.ended.set()
        if connection.confirm is not None:
            # A revocation before it was in the list has not ended it.
            try:
                await connection.confirm()
            except BaseException:
                await self.close(watcher)
                raise
        return watcher

    async def close(self, watcher: ResourceWatcher) -> None:
        """End the notifications of a stream."""
        watcher.stop()
        try:
            if watcher.channels:
                await self._channels.unsubscribe_all(watcher)
        finally:
            del self._watchers[watcher]

    # -- resources -----------------------------------------------------------------------------

    async def accepts(self, watcher: ResourceWatcher, uri: str) -> bool:
        """Subscribe a stream to a resource, and return whether that is possible."""
        try:
            await self.subscribe(watcher, uri)
        except (TypedError, RpcError):
            return False
        return True

    async def subscribe(self, watcher: ResourceWatcher, uri: str) -> None:
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

    async def unsubscribe(self, watcher: ResourceWatcher, uri: str) -> None:
        """End the subscription of a stream to a resource."""
        channel = watcher.remove(uri)
        if channel is not None:
            await self._channels.unsubscribe(watcher, channel)

    async def check(self, connection: McpConnection, uri: str) -> None:
        """Authorize the subscription to a resource, for a stream that may be elsewhere.

        Raises:
            TypedError: The subscription is refused.
            RpcError: The resource does not exist, or does not announce changes.
        """
        watcher = ResourceWatcher(connection, {})
        try:
            await self.subscribe(watcher, uri)
        finally:
            if watcher.channels:
                await self._channels.unsubscribe_all(watcher)

    def _channel_of(self, uri: str, connection: McpConnection) -> str:
        match = self._catalog.resource(uri)
        updates = None if match is None else match.offered.resource.updates
        if match is None or updates is None:
            raise not_found(uri, connection.peer.revision)
        return match.offered.resource.expand(updates, match.values)

    @property
    def _channels(self) -> Channels:
        from actionhero_channels import Channels  # noqa: PLC0415 - an extra

        if not self._app.has(Channels):
            raise NotFound("Channels are not available")
        return self._app.get(Channels)

    # -- ends ----------------------------------------------------------------------------------

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

    async def _watch_revocations(self) -> None:
        """End the streams whose credentials or session are revoked; clients come back for 401."""
        async with aclosing(self._app.pipeline.revocations()) as revocations:
            async for id in revocations:
                for watcher in self._watchers:
                    principal = watcher.connection.principal
                    if principal is not None and id in {None, principal.credential_id}:
                        watcher.ended.set()
