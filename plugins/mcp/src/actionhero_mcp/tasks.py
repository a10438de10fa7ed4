"""`TaskRequests`: the extension for calls that outlast their request, by the job queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.revisions import METHOD_NOT_FOUND

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_mcp.calls import Calls
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.result_fields import ResultFields


class TaskRequests:
    """Answers requests about tasks."""

    def __init__(self, app: Application, calls: Calls, fields: ResultFields) -> None:
        pass

    async def get(self, request: Request, connection: McpConnection) -> bytes:
        """Raise the error of a method that does not exist."""
        raise RpcError(METHOD_NOT_FOUND, "Method not found", status=404)

    update = cancel = get
