"""`Calls`: the calls of tools, the reads of resources, and the prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import ANONYMOUS, AuditLog, ErrorType, NotFound, Outcome, TypedError
from actionhero.transport import (
    Item,
    ParsedPayload,
    TextPayload,
    dumps,
    new_identifier,
)
from actionhero_mcp.challenges import challenge_of
from actionhero_mcp.connection import MissingCapability
from actionhero_mcp.input_requests import InputRequests
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.progress import ProgressReporter
from actionhero_mcp.results import (
    internal_error,
    not_found,
    prompt_messages,
    request_error,
    resource_contents,
    tool_error,
    tool_result,
)
from actionhero_mcp.revisions import INTERNAL_ERROR, INVALID_PARAMS, MISSING_CAPABILITY
from actionhero_mcp.settings import McpSettings

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import Payload, RegisteredAction
    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.offers import OfferedTool
    from actionhero_mcp.result_fields import ResultFields


class Calls:
    """Runs actions for clients.

    Args:
        app: The application.
        catalog: Its tools, resources and prompts.
        fields: Completes results.
    """

    def __init__(self, app: Application, catalog: Catalog, fields: ResultFields) -> None:
        settings = app.get(McpSettings)
        self._pipeline = app.pipeline
        self._audit = app.get(AuditLog)
        self._catalog = catalog
        self._fields = fields
        self._limit_bytes = settings.result_limit_bytes
        self._input_requests = InputRequests(app, settings, fields)
        #: Enqueues a tool call of a client with tasks; set if the queue is there.
        self.enqueue: Any = None

    async def call_tool(self, request: Request, connection: McpConnection) -> bytes:
        """Return the result of `tools/call`.

        Raises:
            RpcError: The tool does not exist, or the request is malformed or not allowed.
        """
        params = request.params
        offered = self._catalog.tool(params.get("name"))
        arguments = params.get("arguments", {})
        if not isinstance(arguments, dict):
            raise RpcError(INVALID_PARAMS, "Invalid params: arguments is not an object")
        if offered.tool.task and connection.peer.has_tasks and self.enqueue is not None:
            result: bytes | None = await self.enqueue(offered, arguments, request, connection)
            if result is not None:
                return result
        self._input_requests.restore(request, connection, (offered.name, arguments))
        payload = ParsedPayload(arguments, refuse_unknown=True)
        outcome, request_id = await self._execute(offered.action, payload, request, connection)
        if not offered.is_read_only:
            self._record(offered, outcome, connection, request_id)
        questions = self._questions(request, connection, (offered.name, arguments), outcome)
        if questions is not None:
            return questions
        members = self.tool_members(offered, outcome, connection, request_id)
        return self._fields.complete(members, connection.peer.revision)

    def _record(
        self, offered: OfferedTool, outcome: Outcome, connection: McpConnection, request_id: str
    ) -> None:
        """Record the call of a tool that may change something in the audit log."""
        peer, error = connection.peer, outcome.error
        details = {"tool": offered.name, "client": f"{peer.name} {peer.version}".strip()}
        if error is not None:
            details["error"] = error.type.value
        self._audit.record(
            "mcp.tool",
            "success" if error is None else "failure",
            source=connection,
            action=offered.action.name,
            details={**details, "request_id": request_id},
        )

    def tool_members(
        self, offered: OfferedTool, outcome: Outcome, connection: McpConnection, request_id: str
    ) -> bytes:
        """Return the members of the result of a call of a tool."""
        error = outcome.error
        if error is None:
            try:
                members = tool_result(offered, outcome, connection.peer.revision)
            except Exception as exception:  # noqa: BLE001 - logged, and reported
                failed = self._pipeline.encoding_error_outcome(offered.action.name, exception)
                error = failed.error or TypedError("Internal error")
            else:
                if len(members) <= self._limit_bytes:
                    return members
                error = _too_large(offered.action, len(members), self._limit_bytes)
        return tool_error(error, request_id)

    async def read_resource(self, request: Request, connection: McpConnection) -> bytes:
        """Return the result of `resources/read`.

        Raises:
            RpcError: The resource does not exist, or cannot be read.
        """
        uri = request.params.get("uri")
        if not isinstance(uri, str):
            raise RpcError(INVALID_PARAMS, "Invalid params: uri is not text")
        revision = connection.peer.revision
        found = self._catalog.resource(uri)
        if found is None:
            raise not_found(uri, revision)
        self._input_requests.restore(request, connection, (uri, {}))
        payload = TextPayload({name: [value] for name, value in found.values.items()})
        action = found.offered.action
        outcome, request_id = await self._execute(action, payload, request, connection)
        questions = self._questions(request, connection, (uri, {}), outcome)
        if questions is not None:
            return questions
        if isinstance(outcome.error, NotFound):
            raise not_found(uri, revision, outcome.error)
        if outcome.error is not None:
            raise request_error(outcome.error, request_id, found.offered)
        contents = self._encoded(
            action, request_id, lambda: resource_contents(found.offered, uri, outcome)
        )
        return self._fields.cacheable(b'"contents":' + contents, revision, is_list=False)

    async def get_prompt(self, request: Request, connection: McpConnection) -> bytes:
        """Return the result of `prompts/get`.

        Raises:
            RpcError: The prompt does not exist, its arguments are invalid, or its action fails.
        """
        offered = self._catalog.prompt(request.params.get("name"))
        arguments = request.params.get("arguments", {})
        if not isinstance(arguments, dict) or not all(
            isinstance(value, str) for value in arguments.values()
        ):
            raise RpcError(INVALID_PARAMS, "Invalid params: arguments is not an object of texts")
        self._input_requests.restore(request, connection, (offered.name, arguments))
        texts = {name: [value] for name, value in arguments.items()}
        payload = TextPayload(texts, refuse_unknown=True)
        outcome, request_id = await self._execute(offered.action, payload, request, connection)
        questions = self._questions(request, connection, (offered.name, arguments), outcome)
        if questions is not None:
            return questions
        if outcome.error is not None:
            raise request_error(outcome.error, request_id, offered)
        messages = self._encoded(
            offered.action, request_id, lambda: dumps(prompt_messages(outcome))
        )
        members = b'"description":%b,"messages":%b' % (dumps(offered.description), messages)
        return self._fields.complete(members, connection.peer.revision)

    async def _execute(
        self,
        action: RegisteredAction,
        payload: Payload,
        request: Request,
        connection: McpConnection,
    ) -> tuple[Outcome, str]:
        """Return the outcome of a call, and the identifier of its request in the log.

        Raises:
            RpcError: The caller has to sign in, lacks a scope, or the client a capability.
        """
        token = request.meta.get("progressToken")
        if isinstance(token, str | int):
            connection.progress_reporter = ProgressReporter(connection.sink, token)
        request_id = connection.request_id or new_identifier()
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
            sink=collect if action.streams else None,
            # Bytes are no JSON.
            in_process=action.outputs.type is bytes,
        )
        if connection.progress_reporter is not None:
            connection.progress_reporter.finish()
        if action.streams and outcome.ok and outcome.body is None:
            outcome = Outcome({})
            outcome.body = b'{"items":[%b]}' % b",".join(items)
        if outcome.error is not None:
            self._refuse(outcome.error, connection)
        return outcome, request_id

    def _refuse(self, error: TypedError, connection: McpConnection) -> None:
        """Raise the error of a caller without credentials, or of a client that cannot ask."""
        if isinstance(error, MissingCapability) and connection.peer.revision.is_modern:
            required: dict[str, Any] = {error.capability: {}}
            data = {"requiredCapabilities": required}
            raise RpcError(MISSING_CAPABILITY, error.message, data)
        principal = connection.principal or ANONYMOUS
        challenge = challenge_of(error, principal)
        if challenge is not None and connection.can_challenge:
            raise challenge

    def _questions(
        self, request: Request, connection: McpConnection, target: Any, outcome: Outcome
    ) -> bytes | None:
        """Return the result that asks the client for input, if the call has ended for it."""
        error = outcome.error
        if error is None or error.type != ErrorType.INPUT_REQUIRED or not connection.questions:
            return None
        return self._input_requests.result(request, connection, target)

    def _encoded(self, action: RegisteredAction, request_id: str, encode: Any) -> bytes:
        """Return an encoded result.

        Raises:
            RpcError: It cannot be encoded, or is too large.
        """
        try:
            body: bytes = encode()
        except Exception as exception:
            self._pipeline.encoding_error_outcome(action.name, exception)
            raise internal_error() from exception
        if len(body) > self._limit_bytes:
            error = _too_large(action, len(body), self._limit_bytes)
            raise RpcError(INTERNAL_ERROR, error.message, status=200)
        return body


def _too_large(action: RegisteredAction, size: int, limit: int) -> TypedError:
    """Return the error of a result that is too large for a model."""
    paging = [
        name for name in sorted(action.inputs.names)
        if name.lower() in {"limit", "page", "per_page", "page_size", "offset", "cursor", "size"}
    ]  # fmt: skip
    hint = f"; use {' and '.join(paging)} to get a part of it" if paging else ""
    return TypedError(f"The result has {size} bytes, more than the limit of {limit}{hint}")
