"""The data of a job: as it is added, claimed, settled, and read from a store."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class JobState(StrEnum):
    """The state of a job."""

    READY = "ready"
    DELAYED = "delayed"
    RUNNING = "running"
    DONE = "done"
    #: Dead-lettered.
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to add to a store."""

    id: str
    queue: str
    action: str
    #: The encoded `Envelope`.
    body: bytes
    #: Lower numbers run first.
    priority: int = 0
    #: How long after it was added the job becomes ready.
    delay_ms: int = 0
    #: The deduplication key.
    key: str | None = None
    #: How long after this job further jobs with the same key are not added.
    deduplication_window_ms: int = 0
    #: The schedule that it belongs to.
    schedule: str | None = None
    #: The fan-out that it belongs to.
    batch: str | None = None


@dataclass(frozen=True, slots=True)
class JobMessageFields:
    """The fields of a message of dramatiq that its job has."""

    #: The id of the job; `None`: a new one.
    id: str | None = None
    #: The request id and the user, if the job is not created in a call.
    request_id: str | None = None
    user: Any = None
    #: The limits of the user, as `grants_of` returns them.
    grants: Any = None
    #: The trace fields, if the context in which the job is created has none.
    carrier: Mapping[str, str] | None = None
    #: The options for middleware.
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that a worker has claimed to run it."""

    id: str
    #: The fencing token: a settlement with an older token is rejected.
    token: int
    queue: str
    action: str
    body: bytes
    #: How often the job was started since its last regular end, including this start.
    deliveries: int
    #: How often the job has failed.
    attempts: int


class SettlementKind(StrEnum):
    """The result of a run of a job."""

    DONE = "done"
    #: The job failed, and runs again after a delay.
    RETRY = "retry"
    #: The job failed permanently, and is dead-lettered.
    DEAD = "dead"
    #: The job was interrupted, and runs again; the run is not counted.
    RELEASE = "release"
    #: The job was interrupted because its cancellation was requested; the run is not counted.
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Settlement:
    """The report of a worker on a job that has ended."""

    id: str
    token: int
    kind: SettlementKind
    #: The return value, as JSON.
    result: bytes | None = None
    #: The error, as JSON.
    error: bytes | None = None
    #: How long to wait before the job runs again.
    delay_ms: int = 0


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A stored job. Times are milliseconds since the epoch, by the clock of the store."""

    id: str
    queue: str
    action: str
    state: JobState
    priority: int
    body: bytes = field(repr=False)
    attempts: int
    deliveries: int
    created_ms: int
    #: When a delayed job becomes ready.
    due_ms: int | None = None
    started_ms: int | None = None
    ended_ms: int | None = None
    result: bytes | None = field(default=None, repr=False)
    error: bytes | None = field(default=None, repr=False)
    progress: float | None = None
    progress_total: float | None = None
    key: str | None = None
    schedule: str | None = None
    #: The worker that runs it.
    worker_id: str | None = None
    #: The fan-out that it belongs to.
    batch: str | None = None
    #: A number that increases with each job that is added.
    seq: int = 0
    #: Whether the cancellation of the running job was requested.
    cancel_requested: bool = False


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A stored fan-out, with the counts of its jobs."""

    id: str
    total: int
    completed: int
    #: How many jobs are dead-lettered or cancelled.
    failed: int
    #: Whether all jobs were added.
    closed: bool
    #: When the last job ended, if all have.
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """The number of jobs in a queue, by state."""

    queue: str
    ready: int = 0
    delayed: int = 0
    #: How many of the delayed jobs have failed before.
    retrying: int = 0
    running: int = 0
    dead: int = 0
    #: How long the oldest ready job has been waiting.
    oldest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The number of runs that have ended since the store was created."""

    done: int = 0
    #: Failed runs, whether they are retried or not, and jobs dead-lettered after crashes.
    failed: int = 0


class StoreUnavailable(Exception):
    """Raised if a store cannot be reached; a write may not have happened."""


class InvalidText(ValueError):
    """Raised if a store cannot have a name or an id, such as because of a null character."""


class BrokerUnavailable(StoreUnavailable):
    """Raised if a broker cannot be reached; the store still has all jobs."""
