"""`WrappedStore`: a store that leaves all to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_tasks.store import JobStore

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

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


class WrappedStore(JobStore):
    """What another store does, for those who do some of it in another way.

    Args:
        inner: The other; closed with this one.
    """

    def __init__(self, inner: JobStore) -> None:
        super().__init__()
        self.inner = inner
        # Whoever rings there, rings here.
        self.bells = inner.bells

    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        return self.inner.add(jobs)

    def tick(self, name: str, fire_ms: int, job: NewJob, *, overlap: bool) -> bool:
        return self.inner.tick(name, fire_ms, job, overlap=overlap)

    def last_tick(self, name: str, or_from_ms: int) -> int:
        return self.inner.last_tick(name, or_from_ms)

    def open_batch(self, id: str, then: NewJob | None) -> None:
        self.inner.open_batch(id, then)

    def seal_batch(self, id: str) -> None:
        self.inner.seal_batch(id)

    def batch(self, id: str) -> BatchRecord | None:
        return self.inner.batch(id)

    def batch_jobs(
        self, id: str, state: JobState | None = None, *, offset: int = 0, limit: int = 100
    ) -> list[JobRecord]:
        return self.inner.batch_jobs(id, state, offset=offset, limit=limit)

    def trade(
        self,
        owner: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        return self.inner.trade(owner, queues, limit, settlements)

    def progress(self, id: str, token: int, done: float, total: float | None) -> None:
        self.inner.progress(id, token, done, total)

    def wait(self, owner: str, bell: threading.Event, timeout_ms: int) -> None:
        self.inner.wait(owner, bell, timeout_ms)

    def join(self, owner: str) -> None:
        self.inner.join(owner)

    def beat(self, owner: str) -> None:
        self.inner.beat(owner)

    def leave(self, owner: str, *, crashed: bool) -> int:
        return self.inner.leave(owner, crashed=crashed)

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

    def owners(self) -> list[str]:
        return self.inner.owners()

    def loads(self) -> dict[str, int]:
        return self.inner.loads()

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
