"""`StoreModel`: what a job store should contain after each operation. Pure, and without a clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actionhero_tasks.job import JobState, SettlementKind
from actionhero_tasks.stores.store import MAX_DELIVERIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actionhero_tasks.job import Claim, NewJob, Settlement

FINAL = (JobState.DONE, JobState.DEAD, JobState.CANCELLED)
_ENDS = {
    SettlementKind.DONE: JobState.DONE,
    SettlementKind.DEAD: JobState.DEAD,
    SettlementKind.CANCEL: JobState.CANCELLED,
}


@dataclass
class ModelJob:
    """A job of the model."""

    new: NewJob
    seq: int
    state: JobState
    #: Whether a delayed job is due within the test.
    is_near: bool
    attempts: int = 0
    deliveries: int = 0
    token: int = 0
    worker_id: str | None = None
    is_suspect: bool = False
    cancel_requested: bool = False

    @property
    def order(self) -> tuple[int, int]:
        """Jobs start by priority, then by age."""
        return self.new.priority, self.seq


@dataclass
class ModelBatch:
    """A fan-out of the model."""

    then: NewJob | None
    total: int = 0
    completed: int = 0
    failed: int = 0
    closed: bool = False
    ended: bool = False


@dataclass
class StoreModel:
    """The contents of a job store."""

    #: The concurrency of each limited queue.
    limits: Mapping[str, int]
    jobs: dict[str, ModelJob] = field(default_factory=dict)
    batches: dict[str, ModelBatch] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    fire_times: dict[str, int] = field(default_factory=dict)
    workers: set[str] = field(default_factory=set)
    done: int = 0
    failed: int = 0
    _seq: int = 0

    # -- adding jobs ---------------------------------------------------------------------------

    def add(self, jobs: Iterable[NewJob]) -> list[str]:
        """Add jobs, and return their ids, or those of earlier jobs with their keys."""
        return [self._add(job) for job in jobs]

    def _add(self, job: NewJob) -> str:
        if job.id in self.jobs:
            return job.id
        if job.key is not None:
            first = self.keys.setdefault(job.key, job.id)
            if first != job.id:
                return first
        self._seq += 1
        state = JobState.DELAYED if job.delay_ms else JobState.READY
        self.jobs[job.id] = ModelJob(job, self._seq, state, is_near=_is_near(job.delay_ms))
        if job.batch is not None:
            self.batches[job.batch].total += 1
        return job.id

    def enqueue_scheduled(self, name: str, fire_ms: int, job: NewJob, *, overlap: bool) -> bool:
        """Claim a time of a schedule, and return whether its job was added."""
        if name not in self.fire_times or self.fire_times[name] >= fire_ms:
            return False
        self.fire_times[name] = fire_ms
        runs = (other for other in self.jobs.values() if other.new.schedule == name)
        if not overlap and any(other.state not in FINAL for other in runs):
            return False
        self._add(job)
        return True

    def close_batch(self, id: str) -> None:
        """Close a fan-out."""
        self.batches[id].closed = True
        self._check_batch(self.batches[id])

    # -- running jobs --------------------------------------------------------------------------

    def settle(self, worker_id: str, settlement: Settlement) -> bool:
        """Settle a job, and return whether the settlement was accepted."""
        job = self.jobs.get(settlement.id)
        if job is None or job.state is not JobState.RUNNING:
            return False
        if (job.worker_id, job.token) != (worker_id, settlement.token):
            return False
        kind = settlement.kind
        job.worker_id = None
        job.deliveries = job.deliveries - 1 if kind is SettlementKind.RELEASE else 0
        failed = kind in (SettlementKind.RETRY, SettlementKind.DEAD)
        job.attempts += failed
        self.failed += failed
        self.done += kind is SettlementKind.DONE
        if kind in _ENDS:
            self._move(job, _ENDS[kind])
        elif job.cancel_requested:
            self._move(job, JobState.CANCELLED)
        elif settlement.delay_ms:
            job.is_near = _is_near(settlement.delay_ms)
            self._move(job, JobState.DELAYED)
        else:
            self._make_ready(job, released=kind is SettlementKind.RELEASE)
        return True

    def near_jobs(self) -> list[ModelJob]:
        """Return the delayed jobs that are due within the test."""
        return [job for job in self.of_state(JobState.DELAYED) if job.is_near]

    def make_ready(self, due: Iterable[ModelJob]) -> None:
        """Make jobs ready that are due."""
        for job in due:
            self._move(job, JobState.READY)

    def claimable(self, worker_id: str, queues: Sequence[str] | None, limit: int) -> list[ModelJob]:
        """Return the jobs that a claim starts, suspects first."""
        running = Counter(job.new.queue for job in self.of_state(JobState.RUNNING))
        claims: list[ModelJob] = []

        def take(candidates: Iterable[ModelJob], most: int) -> None:
            for job in sorted(candidates, key=lambda job: job.order):
                queue = job.new.queue
                is_allowed = running[queue] < self.limits.get(queue, len(self.jobs) + 1)
                if most > 0 and is_allowed and (queues is None or queue in queues):
                    most -= 1
                    running[queue] += 1
                    claims.append(job)

        ready = self.of_state(JobState.READY)
        if not self.runs_suspect(worker_id):
            take((job for job in ready if job.is_suspect), min(limit, 1))
        take((job for job in ready if not job.is_suspect), limit - len(claims))
        return claims

    def runs_suspect(self, worker_id: str) -> bool:
        """Return whether a worker runs a job that was running during two crashes."""
        running = (job for job in self.jobs.values() if job.worker_id == worker_id)
        return any(job.deliveries >= MAX_DELIVERIES for job in running)

    def start(self, worker_id: str, claim: Claim) -> ModelJob:
        """Start a claimed job."""
        job = self.jobs[claim.id]
        job.token, job.worker_id, job.is_suspect = claim.token, worker_id, False
        job.deliveries += 1
        self._move(job, JobState.RUNNING)
        return job

    def remove_worker(self, worker_id: str, *, crashed: bool) -> int:
        """Remove a worker, and return how many of its jobs are ready again."""
        self.workers.discard(worker_id)
        count = 0
        for job in sorted(self.jobs.values(), key=lambda job: job.seq):
            if job.worker_id != worker_id:
                continue
            job.worker_id = None
            if not crashed:
                job.deliveries -= 1
            if crashed and job.deliveries >= MAX_DELIVERIES:
                self.failed += 1
                self._move(job, JobState.DEAD)
            elif job.cancel_requested:
                self._move(job, JobState.CANCELLED)
            else:
                self._make_ready(job, released=True)
                count += 1
        return count

    # -- operations ----------------------------------------------------------------------------

    def cancel(self, id: str) -> bool:
        """Cancel a job, or request it; return whether it has not ended."""
        job = self.jobs.get(id)
        if job is None or job.state in FINAL:
            return False
        if job.state is JobState.RUNNING:
            job.cancel_requested = True
        else:
            self._move(job, JobState.CANCELLED)
        return True

    def retry(self, id: str) -> bool:
        """Make a dead letter ready; return whether it was one."""
        job = self.jobs.get(id)
        if job is None or job.state is not JobState.DEAD:
            return False
        job.attempts = job.deliveries = 0
        job.cancel_requested = False
        self._make_ready(job, released=False)
        return True

    def discard(self, id: str) -> bool:
        """Delete a dead letter; return whether it was one."""
        job = self.jobs.get(id)
        if job is None or job.state is not JobState.DEAD:
            return False
        self._free_key(job)
        del self.jobs[id]
        return True

    # -- inspection ----------------------------------------------------------------------------

    def of_state(self, state: JobState, queue: str | None = None) -> list[ModelJob]:
        """Return the jobs of a state, the newest first."""
        jobs = (job for job in self.jobs.values() if job.state is state)
        return sorted(
            (job for job in jobs if queue in (None, job.new.queue)), key=lambda job: -job.seq
        )

    def counts(self) -> dict[tuple[str, str], int]:
        """Return the number of jobs by queue and state, without zeros."""
        counts: Counter[tuple[str, str]] = Counter()
        for job in self.jobs.values():
            if job.state in (JobState.DONE, JobState.CANCELLED):
                continue
            counts[job.new.queue, str(job.state)] += 1
            if job.state is JobState.DELAYED and job.attempts:
                counts[job.new.queue, "retrying"] += 1
        return dict(counts)

    # -- transitions ---------------------------------------------------------------------------

    def _make_ready(self, job: ModelJob, *, released: bool) -> None:
        job.is_suspect = released and job.deliveries >= MAX_DELIVERIES - 1
        self._move(job, JobState.READY)

    def _move(self, job: ModelJob, state: JobState) -> None:
        old, job.state = job.state, state
        if state is JobState.CANCELLED:
            self._free_key(job)
        batch = None if job.new.batch is None else self.batches[job.new.batch]
        if batch is not None:
            batch.completed += (state is JobState.DONE) - (old is JobState.DONE)
            failures = (JobState.DEAD, JobState.CANCELLED)
            batch.failed += (state in failures) - (old in failures)
            self._check_batch(batch)

    def _check_batch(self, batch: ModelBatch) -> None:
        if batch.closed and not batch.ended and batch.completed + batch.failed >= batch.total:
            batch.ended = True
            if batch.then is not None:
                self._add(batch.then)

    def _free_key(self, job: ModelJob) -> None:
        key = job.new.key
        if key is not None and self.keys.get(key) == job.new.id:
            del self.keys[key]


def _is_near(delay_ms: int) -> bool:
    return 0 < delay_ms < 1000
