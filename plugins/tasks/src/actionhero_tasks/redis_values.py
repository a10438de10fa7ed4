"""Jobs as the Redis store writes them, and reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.job import JobRecord, JobState

if TYPE_CHECKING:
    from actionhero_tasks.job import NewJob

_READY: Final = frozenset({"suspect", "sending", "sent"})


def values_of(job: NewJob) -> tuple[Any, ...]:
    """Return the ten values by which scripts know a new job."""
    return (
        *(job.id, job.queue, job.action, job.body, job.priority, job.delay_ms),
        *(job.key or "", job.deduplication_window_ms, job.schedule or "", job.batch or ""),
    )


def record_of(id: str, kept: dict[bytes, bytes]) -> JobRecord:
    """Return what is kept of a job in Redis."""

    def text(name: str) -> str | None:
        value = kept.get(name.encode(), b"")
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
        # To whoever looks in, what is claimed with care, or through a broker, is ready too.
        state=JobState.READY if state in _READY else JobState(state),
        priority=number("priority") or 0,
        body=kept.get(b"body", b""),
        attempts=number("attempts") or 0,
        deliveries=number("deliveries") or 0,
        created_ms=number("created_ms") or 0,
        due_ms=number("due_ms"),
        started_ms=number("started_ms"),
        ended_ms=number("ended_ms"),
        result=kept.get(b"result"),
        error=kept.get(b"error"),
        progress=fraction("progress"),
        progress_total=fraction("progress_total"),
        key=text("key"),
        schedule=text("schedule"),
        owner=text("owner"),
        batch=text("batch"),
        seq=number("seq") or 0,
    )
