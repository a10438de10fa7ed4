"""What is put into a store, what a worker gets of it, and what is told of it. All of it is data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class JobState(StrEnum):
    """How far a job has come."""

    READY = "ready"
    DELAYED = "delayed"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job on its way into a store."""

    id: str
    queue: str
    action: str
    #: The message, as `Envelope` wrote it.
    body: bytes
    #: The lower, the sooner.
    priority: int = 0
    #: How long it waits before it is ready.
    delay_ms: int = 0
    #: What is the same for jobs that are to be one.
    key: str | None = None
    #: For how long after this job another of the same key is none.
    deduplication_window_ms: int = 0
    #: Which schedule it is a tick of.
    schedule: str | None = None
    #: Which fan-out it belongs to.
    batch: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that a worker has taken, to run now."""

    id: str
    #: Whoever settles must show it: who was taken for dead meanwhile has an old one.
    token: int
    queue: str
    action: str
    body: bytes
    #: How often it was begun since it last ended in order, this time included.
    deliveries: int
    #: How often it has failed.
    attempts: int


class Ending(StrEnum):
    """What becomes of a job that ran."""

    DONE = "done"
    #: It runs again, after a while.
    RETRY = "retry"
    #: It never runs again, unless somebody says so.
    DEAD = "dead"
    #: It did not get to run, through no fault of its own.
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a worker says of a job when it has ended."""

    id: str
    token: int
    ending: Ending
    #: The value, as JSON.
    result: bytes | None = None
    #: What went wrong, as JSON.
    error: bytes | None = None
    #: How long it waits, if it runs again.
    delay_ms: int = 0


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What a store knows of a job. Times are milliseconds since the epoch, by the store's clock."""

    id: str
    queue: str
    action: str
    state: JobState
    priority: int
    body: bytes = field(repr=False)
    attempts: int
    deliveries: int
    created_ms: int
    #: When it will be ready, if it is delayed.
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
    owner: str | None = None
    #: Which fan-out it belongs to.
    batch: str | None = None
    #: The later it was added, the higher.
    seq: int = 0


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What a store knows of the jobs of one fan-out, counted."""

    id: str
    total: int
    completed: int
    #: How many are dead or cancelled.
    failed: int
    #: Whether all of its jobs were added.
    sealed: bool
    #: When the last of them ended, if all have.
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many jobs of a queue there are."""

    queue: str
    ready: int = 0
    delayed: int = 0
    #: Of the delayed ones, those that have failed before.
    retrying: int = 0
    running: int = 0
    dead: int = 0
    #: How long the oldest of the ready ones has been waiting.
    oldest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """How many runs have ended, since the store is there: from two of them follows a rate."""

    done: int = 0
    #: Those that failed, whether they are tried again or not, or ended their worker.
    failed: int = 0


class StoreUnavailable(Exception):
    """Raised by a store that cannot be reached; nothing is known to have been written."""


class BrokerUnavailable(StoreUnavailable):
    """Raised by a broker that cannot be reached; what a store keeps is not lost by it."""


class PipelineBroken(Exception):
    """Raised for a job that a line did not take, or may not have taken."""
