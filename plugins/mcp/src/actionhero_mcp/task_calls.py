"""`TaskCalls`: the middleware that enqueues the call of a tool instead of running it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import Encoded, Middleware, Outcome
from actionhero_mcp.connection import McpConnection
from actionhero_mcp.declared import parse

if TYPE_CHECKING:
    from actionhero import Call


class TaskCalls(Middleware):
    """Middleware around all actions, entered by the tools that may run as tasks.

    The caller is authorized and the inputs are valid, so the job has both from this call.
    """

    def for_action(self, action: Any) -> Middleware | None:
        """Return this middleware for an action with a tool that may run as a task."""
        try:
            tools = parse(action.attribute("mcp")).tools
        except (TypeError, ValueError):
            # The validation at start-up reports it.
            return None
        return self if any(tool.task for tool in tools) else None

    async def before(self, call: Call) -> Outcome | None:
        """Enqueue the call of a client with tasks."""
        connection = call.connection
        if not isinstance(connection, McpConnection) or not connection.enqueues:
            return None
        from actionhero_mcp.task_questions import can_ask  # noqa: PLC0415 - an extra
        from actionhero_tasks import Tasks  # noqa: PLC0415 - an extra

        token = can_ask.set(connection.peer.can("elicitation", "form"))
        try:
            connection.job_id = await call.get(Tasks).enqueue(call.action.name, call.inputs)
        finally:
            can_ask.reset(token)
        return Outcome(Encoded(b"{}"))
