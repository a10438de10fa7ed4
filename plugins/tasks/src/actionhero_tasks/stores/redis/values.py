"""The conversion of jobs to and from the values of the Redis store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.job import JobRecord, JobState, QueueCounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actionhero_tasks.job import NewJob
    from actionhero_tasks.queue_limits import QueueLimit

_REPORTED_AS_READY: Final = frozenset({"suspect", "sending", "sent"})


def arguments_of(jobs: Iterable[NewJob]) -> list[Any]:
    """Return the arguments of the scripts that add jobs.

    Consecutive jobs that differ only in id, body and key form a group: its size and its seven
    common values, then three values for each job.
    """
    arguments: list[Any] = []
    common: tuple[Any, ...] | None = None
    start = 0
    for job in jobs:
        values = (
            *(job.queue, job.action, job.priority, job.delay_ms),
            *(job.deduplication_window_ms, job.schedule or "", job.batch or ""),
        )
        if values != common:
            common, start = values, len(arguments)
            arguments += (0, *values)
        arguments[start] += 1
        arguments += (job.id, job.body, job.key or "")
    return arguments


def queue_arguments(queues: Sequence[str] | None) -> list[Any]:
    """Return the arguments of the queues of a claim: how many there are, and their names."""
    if queues is None:
        return [""]
    # The jobs of a queue that is listed twice would be claimed twice.
    names = dict.fromkeys(queues)
    return [len(names), *names]


def limit_arguments(limits: Mapping[str, QueueLimit]) -> list[Any]:
    """Return the arguments of the limits of queues: how many there are, and four for each."""
    arguments: list[Any] = [len(limits)]
    for queue, limit in limits.items():
        rate = () if limit.rate is None else (limit.rate, limit.period_ms)
        arguments += (queue, limit.concurrency or "", *(rate or ("", "")))
    return arguments


def counts_of(rows: Iterable[list[Any]]) -> list[QueueCounts]:
    """Convert the reply of the script `COUNTS`, without queues that have no jobs."""
    queue_counts = [
        QueueCounts(
            queue.decode(),
            ready=ready,
            delayed=delayed,
            retrying=retrying,
            running=running,
            dead=dead,
            oldest_ms=None if oldest < 0 else oldest,
        )
        for queue, ready, delayed, running, dead, retrying, oldest in rows
        if ready or delayed or running or dead
    ]
    return sorted(queue_counts, key=lambda counts: counts.queue)


def record_of(id: str, values: dict[bytes, bytes]) -> JobRecord:
    """Convert the hash of a job to a record."""

    def text(name: str) -> str | None:
        value = values.get(name.encode(), b"")
        return value.decode() or None

    def number(name: str) -> int | None:
        value = text(name)
        return None if value is None else int(value)

    def fraction(name: str) -> float | None:
        value = text(name)
        return None if value is None else float(value)

    state = text("state") or ""
    return JobRecord(
        id=id,
        queue=text("queue") or "",
        action=text("action") or "",
        # Suspects, and jobs that a broker delivers, are reported as ready.
        state=JobState.READY if state in _REPORTED_AS_READY else JobState(state),
        priority=number("priority") or 0,
        body=values.get(b"body", b""),
        attempts=number("attempts") or 0,
        deliveries=number("deliveries") or 0,
        created_ms=number("created_ms") or 0,
        due_ms=number("due_ms"),
        started_ms=number("started_ms"),
        ended_ms=number("ended_ms"),
        result=values.get(b"result"),
        error=values.get(b"error"),
        progress=fraction("progress"),
        progress_total=fraction("progress_total"),
        key=text("key"),
        schedule=text("schedule"),
        worker_id=text("worker_id"),
        batch=text("batch"),
        seq=number("seq") or 0,
        cancel_requested=bool(number("cancel_requested")),
    )
