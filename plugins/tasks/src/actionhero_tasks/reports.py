"""`JobId`, `Job` and `FanOut`: jobs and fan-outs as authors and operators read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from actionhero import MalformedRequest
from actionhero.transport import loads
from actionhero_tasks.envelope import Envelope, UndecodableJob
from actionhero_tasks.job import JobState

if TYPE_CHECKING:
    from actionhero_tasks.job import JobRecord


class JobId(str):
    """The id of a job that was enqueued: a string that also shows whether the job is new.

    Args:
        id: The id.
        is_new: Whether the job was enqueued; not if an earlier job has the same deduplication key.
    """

    __slots__ = ("is_new",)

    #: Whether the job was enqueued; otherwise the id is that of an earlier job with the same key.
    is_new: bool

    def __new__(cls, id: str, *, is_new: bool = True) -> JobId:  # noqa: D102 - the class has it
        self = super().__new__(cls, id)
        self.is_new = is_new
        return self


@dataclass(frozen=True, slots=True)
class Job:
    """The status of a job."""

    id: str
    action: str
    queue: str
    state: JobState
    #: The inputs, with redacted secrets.
    inputs: dict[str, Any]
    #: The return value of the action, as JSON, if the job is done.
    result: Any
    #: The last error: a message and a type.
    error: dict[str, Any] | None
    #: How often it has failed.
    attempts: int
    #: Whether it is running, and its cancellation was requested.
    is_cancelling: bool
    #: The arguments of the last `call.progress`.
    progress: float | None
    progress_total: float | None
    created: datetime
    #: When a delayed job becomes ready.
    due: datetime | None
    started: datetime | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class FanOut:
    """The status of a fan-out."""

    id: str
    #: How many jobs were added so far.
    total: int
    completed: int
    #: How many jobs have failed permanently, or were cancelled.
    failed: int
    #: Whether all jobs were added, and have ended.
    ended: bool
    #: The return values of the first jobs that are done, as JSON, in the order of the inputs.
    results: list[Any]
    #: The errors of the first jobs that have failed permanently.
    errors: list[dict[str, Any]]


def job_of(record: JobRecord) -> Job:
    """Convert a stored job to its status."""
    try:
        inputs = Envelope.read(record.body).redacted_inputs()
    except UndecodableJob:
        inputs = _actor_inputs(record.body)
    return Job(
        id=record.id,
        action=record.action,
        queue=record.queue,
        state=record.state,
        inputs=inputs,
        result=None if record.result is None else loads(record.result),
        error=None if record.error is None else loads(record.error),
        attempts=record.attempts,
        is_cancelling=record.cancel_requested and record.state is JobState.RUNNING,
        progress=record.progress,
        progress_total=record.progress_total,
        created=_time(record.created_ms),
        due=None if record.due_ms is None else _time(record.due_ms),
        started=None if record.started_ms is None else _time(record.started_ms),
        ended=None if record.ended_ms is None else _time(record.ended_ms),
    )


def _actor_inputs(body: bytes) -> dict[str, Any]:
    """Return the arguments of an actor; empty if it is not a JSON message."""
    try:
        message = loads(body)
        return {"args": list(message["args"]), **message["kwargs"]}
    except (MalformedRequest, KeyError, TypeError, ValueError):
        return {}


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
