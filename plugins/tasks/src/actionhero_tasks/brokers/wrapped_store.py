"""`WrappedStore`: a store that delegates to another store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_tasks.stores.store import JobStore

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

    from actionhero_tasks.job import (
        BatchRecord,
        Claim,
        JobRecord,
        JobState,
        NewJob,
        QueueCounts,
        Settlement,
        Totals,
    )
    from actionhero_tasks.queue_limits import QueueLimit


class WrappedStore(JobStore):
    """Delegates every method to another store; a base class for stores that change some of them.

    Args:
        inner: The other store; closed with this one.
    """

    def __init__(self, inner: JobStore) -> None:
        # Not the constructor of the base class: all its attributes are those of the other store, so
        # that a notification of one wakes the workers of the other.
        self.inner = inner
        self.wake_events = inner.wake_events

    @property
    def queue_limits(self) -> Mapping[str, QueueLimit]:
        """The limits of the other store."""
        return self.inner.queue_limits

    @queue_limits.setter
    def queue_limits(self, limits: Mapping[str, QueueLimit]) -> None:
        self.inner.queue_limits = limits

    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        return self.inner.add(jobs)

    def find_key(self, key: str) -> str | None:
        return self.inner.find_key(key)

    def enqueue_scheduled(self, name: str, fire_ms: int, job: NewJob, *, overlap: bool) -> bool:
        return self.inner.enqueue_scheduled(name, fire_ms, job, overlap=overlap)

    def last_fire_time(self, name: str, initial_ms: int) -> int:
        return self.inner.last_fire_time(name, initial_ms)

    def fire_times(self) -> dict[str, int]:
        return self.inner.fire_times()

    def reset_fire_time(self, name: str, last_ms: int, fire_ms: int) -> bool:
        return self.inner.reset_fire_time(name, last_ms, fire_ms)

    def open_batch(self, id: str, then: NewJob | None) -> None:
        self.inner.open_batch(id, then)

    def close_batch(self, id: str) -> None:
        self.inner.close_batch(id)

    def batch(self, id: str) -> BatchRecord | None:
        return self.inner.batch(id)

    def batch_jobs(
        self, id: str, state: JobState | None = None, *, after: int = 0, limit: int = 100
    ) -> list[JobRecord]:
        return self.inner.batch_jobs(id, state, after=after, limit=limit)

    def settle_and_claim(
        self,
        worker_id: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        return self.inner.settle_and_claim(worker_id, queues, limit, settlements)

    def progress(self, id: str, token: int, done: float, total: float | None) -> None:
        self.inner.progress(id, token, done, total)

    def wait(self, worker_id: str, wake_event: threading.Event, timeout_ms: int) -> None:
        self.inner.wait(worker_id, wake_event, timeout_ms)

    def register_worker(self, worker_id: str) -> None:
        self.inner.register_worker(worker_id)

    def record_heartbeat(self, worker_id: str) -> None:
        self.inner.record_heartbeat(worker_id)

    def cancellations(self, worker_id: str) -> list[str]:
        return self.inner.cancellations(worker_id)

    def remove_worker(self, worker_id: str, *, crashed: bool) -> int:
        return self.inner.remove_worker(worker_id, crashed=crashed)

    def sweep(self) -> int:
        return self.inner.sweep()

    def now_ms(self) -> int:
        return self.inner.now_ms()

    def find(self, id: str) -> JobRecord | None:
        return self.inner.find(id)

    def jobs(
        self,
        state: JobState,
        queue: str | None = None,
        *,
        before: int | None = None,
        limit: int = 100,
    ) -> list[JobRecord]:
        return self.inner.jobs(state, queue, before=before, limit=limit)

    def counts(self) -> list[QueueCounts]:
        return self.inner.counts()

    def totals(self) -> Totals:
        return self.inner.totals()

    def worker_ids(self) -> list[str]:
        return self.inner.worker_ids()

    def worker_loads(self) -> dict[str, int]:
        return self.inner.worker_loads()

    def cancel(self, id: str) -> bool:
        return self.inner.cancel(id)

    def retry(self, id: str) -> bool:
        return self.inner.retry(id)

    def discard(self, id: str) -> bool:
        return self.inner.discard(id)

    def ping(self) -> None:
        self.inner.ping()

    def close(self) -> None:
        self.inner.close()
