"""`Execution`: one action, run for a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import ANONYMOUS, AuditLog, ErrorType, Outcome, TypedError
from actionhero.transport import Item, dumps, new_identifier
from actionhero_mcp.challenges import challenge_of
from actionhero_mcp.connection import MissingCapability
from actionhero_mcp.jsonrpc import RpcError, is_request_id
from actionhero_mcp.progress import ProgressReporter
from actionhero_mcp.refusals import is_recorded
from actionhero_mcp.revisions import MISSING_CAPABILITY

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import Payload, RegisteredAction
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.offers import OfferedTool


class Execution:
    """Runs actions through the pipeline.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._pipeline = app.pipeline
        self._audit = app.get(AuditLog)

    async def execute(
        self,
        action: RegisteredAction,
        payload: Payload,
        request: Request,
        connection: McpConnection,
    ) -> tuple[Outcome, str]:
        """Return the outcome of a call, and the identifier of its request in the log."""
        token = request.meta.get("progressToken")
        if is_request_id(token):
            connection.progress_reporter = ProgressReporter(connection.sink, token)
        request_id = connection.request_id or new_identifier()
        if action.streams:
            outcome = await self._stream(action, payload, request_id, connection)
        else:
            outcome = await self._pipeline.execute(
                connection,
                action.name,
                payload,
                request_id=request_id,
                # Bytes are no JSON.
                in_process=action.outputs.type is bytes,
            )
        if connection.progress_reporter is not None:
            connection.progress_reporter.finish()
        return outcome, request_id

    async def _stream(
        self, action: RegisteredAction, payload: Payload, request_id: str, connection: McpConnection
    ) -> Outcome:
        """Return the outcome of an action that streams: its items, each also a step of progress."""
        items: list[bytes] = []

        async def collect(item: Any) -> bool:
            items.append(item.body if isinstance(item, Item) else dumps(str(item.content)))
            connection.progress(len(items))
            return True

        outcome = await self._pipeline.execute(
            connection,
            action.name,
            payload,
            request_id=request_id,
            sink=collect,
            in_process=action.outputs.type is bytes,
        )
        if outcome.ok and outcome.body is None:
            outcome = Outcome({})
            outcome.body = b'{"items":[%b]}' % b",".join(items)
        return outcome

    def refuse(self, error: TypedError, connection: McpConnection) -> None:
        """Raise the response to a call whose error is no result of it, if it is such an error.

        Raises:
            RpcError: The caller has to sign in, lacks a scope, or the client a capability.
        """
        if isinstance(error, MissingCapability) and connection.peer.revision.is_modern:
            required: dict[str, Any] = {error.capability: {}}
            data = {"requiredCapabilities": required}
            raise RpcError(MISSING_CAPABILITY, error.message, data)
        principal = connection.principal or ANONYMOUS
        challenge = challenge_of(error, principal)
        if challenge is not None and connection.can_challenge:
            raise challenge

    def record(
        self,
        offered: OfferedTool,
        arguments: dict[str, Any],
        outcome: Outcome,
        connection: McpConnection,
        request_id: str,
    ) -> None:
        """Record the call of a tool that may change something in the audit log.

        A call that was refused is there already. One that asks the user has begun: it is sent again
        with the answer.
        """
        peer, error = connection.peer, outcome.error
        details: dict[str, Any] = {
            "tool": offered.name,
            "client": f"{peer.name} {peer.version}".strip(),
            "scopes": sorted((connection.principal or ANONYMOUS).scopes or ()),
            "inputs": offered.action.inputs.redact_payload(arguments),
        }
        if error is not None:
            if is_recorded(error):
                return
            details["error"] = outcome.name
        has_begun = error is not None and error.type == ErrorType.INPUT_REQUIRED
        self._audit.record(
            "mcp.tool",
            "success" if error is None else "begun" if has_begun else "failure",
            source=connection,
            action=offered.action.name,
            details={**details, "request_id": request_id},
        )
