"""`Subscriptions`: `subscriptions/listen`, the streams of notifications without a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.revisions import INVALID_PARAMS, SUBSCRIPTION_ID

if TYPE_CHECKING:
    from actionhero_mcp.catalog_changes import CatalogChanges
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.result_fields import ResultFields
    from actionhero_mcp.watchers import Watchers


class Subscriptions:
    """Answers requests to listen.

    Args:
        watchers: The open streams of this process.
        changes: The changes of the lists.
        fields: Completes results.
    """

    def __init__(self, watchers: Watchers, changes: CatalogChanges, fields: ResultFields) -> None:
        self._watchers = watchers
        self._changes = changes
        self._fields = fields

    async def listen(self, request: Request, connection: McpConnection) -> bytes:
        """Send notifications until the stream ends, and return its last result.

        Raises:
            RpcError: The filter is malformed, or the caller has too many streams.
        """
        filter_ = request.params.get("notifications")
        if not isinstance(filter_, dict):
            raise RpcError(INVALID_PARAMS, "Invalid params: notifications is not an object")
        uris = filter_.get("resourceSubscriptions", [])
        if not isinstance(uris, list) or not all(isinstance(uri, str) for uri in uris):
            raise RpcError(INVALID_PARAMS, "Invalid params: resourceSubscriptions is no list")
        meta = {SUBSCRIPTION_ID: request.id}
        watcher = await self._watchers.open(connection, meta)
        try:
            lists = [name for name in self._changes.lists if filter_.get(f"{name}ListChanged")]
            honored: dict[str, Any] = {f"{name}ListChanged": True for name in lists}
            accepted = [uri for uri in uris if await self._watchers.accepts(watcher, uri)]
            if accepted:
                honored["resourceSubscriptions"] = accepted
            connection.sink.notify(
                "notifications/subscriptions/acknowledged",
                {"_meta": meta, "notifications": honored},
            )
            self._changes.announce(connection.sink, lists, meta)
            watcher.start()
            await watcher.ended.wait()
        finally:
            await self._watchers.close(watcher)
        return self._fields.of_type("complete", {"_meta": meta})
