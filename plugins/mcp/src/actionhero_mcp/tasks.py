"""`TaskRequests`: the extension for calls that outlast their request, as jobs of the queue."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from actionhero import ErrorType, NotFound, Outcome, TypedError
from actionhero.transport import INTERNAL_ERROR, dumps, loads
from actionhero_mcp.input_requests import answers_in, caller_of
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.refusals import Refusals
from actionhero_mcp.results import tool_error, tool_result
from actionhero_mcp.revisions import INTERNAL_ERROR as INTERNAL_CODE
from actionhero_mcp.revisions import INVALID_PARAMS, MISSING_CAPABILITY, TASKS
from actionhero_mcp.signing import signer_for

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.offers import OfferedTool
    from actionhero_mcp.result_fields import ResultFields
    from actionhero_mcp.task_questions import TaskQuestions
    from actionhero_tasks import Job, Tasks

_PURPOSE: Final = "task"
#: How long a task id is valid; the job may be gone earlier.
_TTL_SECONDS: Final = 30 * 86_400
#: How often clients should ask.
_POLL_MS: Final = 1000
_STATUSES: Final = {"done": "completed", "dead": "failed", "cancelled": "cancelled"}


class TaskRequests:
    """Answers requests about tasks.

    Args:
        app: The application.
        catalog: Its tools.
        fields: Completes results.
    """

    def __init__(self, app: Application, catalog: Catalog, fields: ResultFields) -> None:
        self._app = app
        self._catalog = catalog
        self._fields = fields
        self._refusals = Refusals(app)

    @property
    def available(self) -> bool:
        """Whether the job queue is there."""
        try:
            from actionhero_tasks import Tasks  # noqa: PLC0415 - an extra
        except ImportError:
            return False
        return self._app.has(Tasks)

    async def created(self, job_id: str, offered: OfferedTool, connection: McpConnection) -> bytes:
        """Return the result of a call that was enqueued."""
        value = {"job": job_id, "tool": offered.name, "caller": caller_of(connection.principal)}
        task_id = signer_for(self._app).sign(_PURPOSE, value, _TTL_SECONDS)
        job = await self._tasks.job(job_id)
        return self._fields.of_type("task", self._task(task_id, job))

    async def get(self, request: Request, connection: McpConnection) -> bytes:
        """Return the result of `tasks/get`: the status of a task, and its result once it has one.

        Raises:
            RpcError: The client has no tasks, or the id is unknown or of another caller.
        """
        task_id, value, job = await self._find(request, connection)
        task = self._task(task_id, job)
        if job.state == "running":
            questions = await self._questions.open(job.id)
            if questions:
                task |= {"status": "input_required", "inputRequests": questions}
        elif job.state == "done":
            task["result"] = self._result(value["tool"], job, connection)
        elif job.state == "dead":
            error = _error_of(job)
            if error.message == INTERNAL_ERROR:
                task["error"] = {"code": INTERNAL_CODE, "message": INTERNAL_ERROR}
            else:
                # The tool has failed, not the protocol.
                task["status"] = "completed"
                task["result"] = loads(b"{%b}" % tool_error(error, job.id))
        return self._fields.complete(dumps(task)[1:-1], connection.peer.revision)

    async def update(self, request: Request, connection: McpConnection) -> bytes:
        """Pass the answers in `tasks/update` to the job, and acknowledge them.

        Raises:
            RpcError: The answers are malformed. See also `get`.
        """
        _, _, job = await self._find(request, connection)
        await self._questions.answer(job.id, answers_in(request.params))
        return self._fields.of_type("complete", {})

    async def cancel(self, request: Request, connection: McpConnection) -> bytes:
        """Cancel the job of a task, and acknowledge that.

        Raises:
            RpcError: See `get`.
        """
        _, _, job = await self._find(request, connection)
        await self._tasks.cancel(job.id)
        return self._fields.of_type("complete", {})

    async def _find(
        self, request: Request, connection: McpConnection
    ) -> tuple[str, dict[str, Any], Job]:
        if not connection.peer.has_tasks:
            raise missing_tasks()
        task_id = request.params.get("taskId")
        value = signer_for(self._app).verify(_PURPOSE, task_id) if self.available else None
        if value is None or value["caller"] != caller_of(connection.principal):
            self._refusals.record(connection, "The task is unknown", status=400)
            raise RpcError(INVALID_PARAMS, "Invalid params: the task is unknown")
        try:
            job = await self._tasks.job(value["job"])
        except NotFound:
            raise RpcError(INVALID_PARAMS, "Invalid params: the task is gone") from None
        return str(task_id), value, job

    def _task(self, task_id: str, job: Job) -> dict[str, Any]:
        """Return the members of a task."""
        from actionhero_tasks import TasksSettings  # noqa: PLC0415 - an extra

        updated = job.ended or job.started or job.created
        ttl = self._app.get(TasksSettings).result_ttl
        task: dict[str, Any] = {
            "taskId": task_id,
            "status": _STATUSES.get(job.state, "working"),
            "createdAt": job.created.isoformat(timespec="milliseconds"),
            "lastUpdatedAt": updated.isoformat(timespec="milliseconds"),
            # A job is kept for so long after its end, so never shorter than that.
            "ttlMs": int(ttl.total_seconds() * 1000),
            "pollIntervalMs": _POLL_MS,
        }
        if job.progress is not None:
            total = "" if job.progress_total is None else f" of {job.progress_total:g}"
            task["statusMessage"] = f"{job.progress:g}{total}"
        return task

    def _result(self, name: str, job: Job, connection: McpConnection) -> Any:
        """Return the result of the tool of a job that is done."""
        offered = self._catalog.tools.get(name)
        if offered is None:
            raise RpcError(INVALID_PARAMS, "Invalid params: the tool of the task is gone")
        outcome = Outcome(job.result)
        outcome.body = dumps(job.result)
        return loads(b"{%b}" % tool_result(offered, outcome, connection.peer.revision))

    @cached_property
    def _questions(self) -> TaskQuestions:
        from actionhero_mcp.task_questions import TaskQuestions  # noqa: PLC0415 - an extra

        return TaskQuestions(self._app)

    @property
    def _tasks(self) -> Tasks:
        from actionhero_tasks import Tasks  # noqa: PLC0415 - an extra

        return self._app.get(Tasks)


def missing_tasks() -> RpcError:
    """Return the error of a client without the extension, where it is needed."""
    data: dict[str, Any] = {"requiredCapabilities": {"extensions": {TASKS: {}}}}
    return RpcError(MISSING_CAPABILITY, "The client has not declared the tasks extension", data)


def _error_of(job: Job) -> TypedError:
    """Return the error of a dead-lettered job."""
    document = job.error or {}
    type_ = document.get("type")
    known = type_ if type_ in set(ErrorType) else ErrorType.ACTION_RUN
    return TypedError(str(document.get("message", INTERNAL_ERROR)), type=ErrorType(known))
