"""What authors and operators read of jobs and of fan-outs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from actionhero.transport import loads
from actionhero_tasks.envelope import Envelope, UndecodableJob

if TYPE_CHECKING:
    from actionhero_tasks.job import JobRecord, JobState


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a job."""

    id: str
    action: str
    queue: str
    state: JobState
    #: Without what is secret.
    inputs: dict[str, Any]
    #: What the action returned, as JSON has it, if it is done.
    result: Any
    #: Why it failed the last time: a message and a type.
    error: dict[str, Any] | None
    #: How often it has failed.
    attempts: int
    #: What the action told by `call.progress`, and of how much.
    progress: float | None
    progress_total: float | None
    created: datetime
    #: When it will be ready, if it is delayed.
    due: datetime | None
    started: datetime | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class FanOut:
    """What is known of a fan-out."""

    id: str
    #: How many jobs it has, as far as they were added.
    total: int
    completed: int
    #: How many have failed for good, or were cancelled.
    failed: int
    #: Whether all its jobs were added, and have ended.
    ended: bool
    #: What the first jobs returned that are done, as JSON has it, in the order of the inputs.
    results: list[Any]
    #: Why the first jobs failed that have failed for good.
    errors: list[dict[str, Any]]


def job_of(record: JobRecord) -> Job:
    """Return what a store knows, as authors read it."""
    try:
        inputs = Envelope.read(record.body).shown()
    except UndecodableJob:
        inputs = {}
    return Job(
        id=record.id,
        action=record.action,
        queue=record.queue,
        state=record.state,
        inputs=inputs,
        result=None if record.result is None else loads(record.result),
        error=None if record.error is None else loads(record.error),
        attempts=record.attempts,
        progress=record.progress,
        progress_total=record.progress_total,
        created=_time(record.created_ms),
        due=None if record.due_ms is None else _time(record.due_ms),
        started=None if record.started_ms is None else _time(record.started_ms),
        ended=None if record.ended_ms is None else _time(record.ended_ms),
    )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
