"""`Calls`: the calls of tools, the reads of resources, and the prompts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from actionhero import ErrorType, NotFound, Outcome, ServiceUnavailable, TypedError
from actionhero.transport import ParsedPayload, TextPayload, dumps
from actionhero_mcp.execution import Execution
from actionhero_mcp.input_requests import InputRequests
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.results import (
    internal_error,
    not_found,
    prompt_messages,
    request_error,
    resource_contents,
    tool_error,
    tool_result,
)
from actionhero_mcp.revisions import INTERNAL_ERROR, INVALID_PARAMS
from actionhero_mcp.settings import McpSettings
from actionhero_mcp.tasks import missing_tasks

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import RegisteredAction
    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.offers import OfferedTool
    from actionhero_mcp.result_fields import ResultFields
    from actionhero_mcp.tasks import TaskRequests


class Calls:
    """Runs actions for clients.

    Args:
        app: The application.
        catalog: Its tools, resources and prompts.
        fields: Completes results.
        tasks: Answers calls that are enqueued.
    """

    def __init__(
        self, app: Application, catalog: Catalog, fields: ResultFields, tasks: TaskRequests
    ) -> None:
        settings = app.get(McpSettings)
        self._pipeline = app.pipeline
        self._execution = Execution(app)
        self._catalog = catalog
        self._fields = fields
        self._limit_bytes = settings.result_limit_bytes
        self._input_requests = InputRequests(app, settings, fields)
        self._tasks = tasks

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
        if offered.tool.task:
            connection.enqueues = connection.peer.has_tasks and self._tasks.available
            if offered.tool.task == "required" and not connection.enqueues:
                raise missing_tasks()
        if "inputResponses" in params or "requestState" in params:
            self._input_requests.restore(request, connection, (offered.name, arguments))
        payload = ParsedPayload(arguments, refuse_unknown=True, is_plain=request.is_plain)
        try:
            outcome, request_id = await self._execution.execute(
                offered.action, payload, request, connection
            )
        except asyncio.CancelledError:
            if not offered.is_read_only:
                self._execution.record(
                    offered, arguments, _cancelled(), connection, connection.request_id
                )
            raise
        if not offered.is_read_only:
            self._execution.record(offered, arguments, outcome, connection, request_id)
        if outcome.error is not None:
            self._execution.refuse(outcome.error, connection)
            questions = self._questions(request, connection, (offered.name, arguments), outcome)
            if questions is not None:
                return questions
        elif connection.job_id:
            return await self._tasks.created(connection.job_id, offered, connection)
        members = self._tool_members(offered, outcome, connection, request_id)
        return self._fields.complete(members, connection.peer.revision)

    def _tool_members(
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
        match = self._catalog.resource(uri)
        if match is None:
            raise not_found(uri, revision)
        self._input_requests.restore(request, connection, (uri, {}))
        payload = TextPayload({name: [value] for name, value in match.values.items()})
        action = match.offered.action
        outcome, request_id = await self._execution.execute(action, payload, request, connection)
        if outcome.error is not None:
            self._execution.refuse(outcome.error, connection)
        questions = self._questions(request, connection, (uri, {}), outcome)
        if questions is not None:
            return questions
        if isinstance(outcome.error, NotFound):
            raise not_found(uri, revision, outcome.error)
        if outcome.error is not None:
            raise request_error(outcome.error, request_id, match.offered)
        contents = self._encoded(
            action, request_id, lambda: resource_contents(match.offered, uri, outcome)
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
        outcome, request_id = await self._execution.execute(
            offered.action, payload, request, connection
        )
        if outcome.error is not None:
            self._execution.refuse(outcome.error, connection)
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


def _cancelled() -> Outcome:
    return Outcome(error=ServiceUnavailable("The call was cancelled"), cancelled=True)


def _too_large(action: RegisteredAction, size: int, limit: int) -> TypedError:
    """Return the error of a result that is too large for a model."""
    paging = [
        name for name in sorted(action.inputs.names)
        if name.lower() in {"limit", "page", "per_page", "page_size", "offset", "cursor", "size"}
    ]  # fmt: skip
    hint = f"; use {' and '.join(paging)} to get a part of it" if paging else ""
    return TypedError(f"The result has {size} bytes, more than the limit of {limit}{hint}")
