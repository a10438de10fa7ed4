"""Jobs as the page tells them: nothing that is secret, and no more than a page can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero import ActionNotFound, MalformedRequest
from actionhero.transport import REDACTED, dumps, dumps_pretty, loads
from actionhero_tasks.envelope import Envelope, UndecodableJob

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.job import JobRecord

#: How much of inputs and of an error a list tells.
PREVIEW_LETTERS: Final = 240
#: How much of a value is told of one job.
WHOLE_LETTERS: Final = 100_000


def row_of(app: Application, record: JobRecord) -> dict[str, Any]:
    """Return a job as a list tells it."""
    return {
        **_facts(record),
        "inputs": _cut(dumps(shown_inputs(app, record)).decode(), PREVIEW_LETTERS),
        "error": _error(record, PREVIEW_LETTERS),
    }


def sheet_of(app: Application, record: JobRecord) -> dict[str, Any]:
    """Return all that is told of one job."""
    result = None
    if record.result is not None:
        result = _cut(_text(_read(record.result)), WHOLE_LETTERS)
    return {
        **_facts(record),
        "inputs": _cut(_text(shown_inputs(app, record)), WHOLE_LETTERS),
        "error": _error(record, WHOLE_LETTERS),
        "result": result,
        "priority": record.priority,
        "deliveries": record.deliveries,
        "schedule": record.schedule,
        "fan_out": record.batch,
        "worker": record.owner,
        # By which the log tells the rest.
        "request_id": _request_id(record),
    }


def shown_inputs(app: Application, record: JobRecord) -> dict[str, Any]:
    """Return the inputs of a job, without what is secret.

    Also what the application calls secret by now, or what came by another way than ours.
    """
    try:
        inputs = Envelope.read(record.body).shown()
    except UndecodableJob:
        return {}
    try:
        hiding = app.actions.find(record.action).inputs.hiding
    except ActionNotFound:
        hiding = frozenset()
    return {name: REDACTED if name in hiding else value for name, value in inputs.items()}


def _request_id(record: JobRecord) -> str | None:
    try:
        return Envelope.read(record.body).request_id
    except UndecodableJob:
        return None


def _facts(record: JobRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "action": record.action,
        "queue": record.queue,
        "state": str(record.state),
        "attempts": record.attempts,
        "progress": record.progress,
        "progress_total": record.progress_total,
        "created": record.created_ms,
        "due": record.due_ms,
        "started": record.started_ms,
        "ended": record.ended_ms,
    }


def _error(record: JobRecord, letters: int) -> dict[str, Any] | None:
    """Return why a job failed the last time: a message and a type."""
    if record.error is None:
        return None
    told = _read(record.error)
    if not isinstance(told, dict):
        told = {"message": told}
    return {
        "message": _cut(str(told.get("message", "")), letters),
        "type": str(told.get("type", "")),
    }


def _read(value: bytes) -> Any:
    try:
        return loads(value)
    except MalformedRequest:
        # Written by somebody else than our worker.
        return value.decode(errors="replace")


def _text(value: Any) -> str:
    return dumps_pretty(value).decode().strip()


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"
