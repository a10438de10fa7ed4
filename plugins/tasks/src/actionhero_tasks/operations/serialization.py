"""Jobs as JSON values for operators, with secrets redacted and long values truncated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero import ActionNotFound, MalformedRequest
from actionhero.transport import REDACTED, dumps, dumps_pretty, loads
from actionhero_tasks.envelope import Envelope, UndecodableJob
from actionhero_tasks.job import JobState

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.job import JobRecord

#: The maximum length of inputs and errors in a list, in characters.
MAX_SUMMARY_LENGTH: Final = 240
#: The maximum length of a value of one job, in characters.
MAX_DETAIL_LENGTH: Final = 100_000


def job_summary(app: Application, record: JobRecord) -> dict[str, Any]:
    """Return a job for a list."""
    return {
        **_facts(record),
        "inputs": _truncate(dumps(redacted_inputs(app, record)).decode(), MAX_SUMMARY_LENGTH),
        "error": _error(record, MAX_SUMMARY_LENGTH),
    }


def job_details(app: Application, record: JobRecord) -> dict[str, Any]:
    """Return a job with all its details."""
    result = None
    if record.result is not None:
        result = _truncate(_format(_decode(record.result)), MAX_DETAIL_LENGTH)
    return {
        **_facts(record),
        "inputs": _truncate(_format(redacted_inputs(app, record)), MAX_DETAIL_LENGTH),
        "error": _error(record, MAX_DETAIL_LENGTH),
        "result": result,
        "priority": record.priority,
        "deliveries": record.deliveries,
        "schedule": record.schedule,
        "fan_out": record.batch,
        "worker": record.worker_id,
        "key": record.key,
        **_origin(record),
    }


def redacted_inputs(app: Application, record: JobRecord) -> dict[str, Any]:
    """Return the inputs of a job, with secrets redacted.

    They include inputs that became secret after the job was enqueued, and the inputs of jobs that
    another program enqueued.
    """
    try:
        inputs = Envelope.read(record.body).redacted_inputs()
    except UndecodableJob:
        return {}
    try:
        secret_names = app.actions.find(record.action).inputs.sensitive_names
    except ActionNotFound:
        secret_names = frozenset()
    return {name: REDACTED if name in secret_names else value for name, value in inputs.items()}


def trace_id_of(envelope: Envelope) -> str | None:
    """Return the trace id in the field `traceparent`; `None` without a valid one."""
    parts = (envelope.carrier or {}).get("traceparent", "").split("-")
    return parts[1] if len(parts) >= 4 else None


def _origin(record: JobRecord) -> dict[str, str | None]:
    """Return what identifies the lines of the job in the log, and its trace."""
    try:
        envelope = Envelope.read(record.body)
    except UndecodableJob:
        return {"request_id": None, "trace_id": None}
    return {"request_id": envelope.request_id, "trace_id": trace_id_of(envelope)}


def _facts(record: JobRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "action": record.action,
        "queue": record.queue,
        "state": str(record.state),
        "cancelling": record.cancel_requested and record.state is JobState.RUNNING,
        "attempts": record.attempts,
        "progress": record.progress,
        "progress_total": record.progress_total,
        "created": record.created_ms,
        "due": record.due_ms,
        "started": record.started_ms,
        "ended": record.ended_ms,
    }


def _error(record: JobRecord, max_length: int) -> dict[str, Any] | None:
    """Return the message and the type of the last error of a job."""
    if record.error is None:
        return None
    error = _decode(record.error)
    if not isinstance(error, dict):
        error = {"message": error}
    return {
        "message": _truncate(str(error.get("message", "")), max_length),
        "type": str(error.get("type", "")),
    }


def _decode(value: bytes) -> Any:
    try:
        return loads(value)
    except MalformedRequest:
        # Written by another program.
        return value.decode(errors="replace")


def _format(value: Any) -> str:
    return dumps_pretty(value).decode().strip()


def _truncate(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
