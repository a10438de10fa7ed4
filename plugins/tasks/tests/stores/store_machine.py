"""`StoreMachine`: random operations on a job store, compared with `StoreModel` after each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from plugins.tasks.tests.stores.store_model import ModelBatch, StoreModel

from actionhero.transport import new_identifier
from actionhero_tasks.job import Claim, JobState, NewJob, Settlement, SettlementKind
from actionhero_tasks.queue_limits import QueueLimit
from actionhero_tasks.testing import new_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.tasks.tests.stores.store_model import ModelJob

    from actionhero_tasks.stores.store import JobStore

    OpenStore = Callable[[], JobStore]
    KillWorker = Callable[[JobStore, str], None]

#: How long the machine waits for a state that takes time, such as the detection of a crash.
TIMEOUT_SECONDS = 60.0
NEAR_MS = 3
FAR_MS = 86_400_000
#: The queue `limited` runs two jobs at once.
QUEUES = ("a", "b", "limited")
LIMITS = {"limited": 2}
BATCHES = ("batch-1", "batch-2")
SCHEDULES = ("hourly", "daily")

delays = st.sampled_from([0, 0, 0, NEAR_MS, FAR_MS])
queue_lists = st.one_of(
    st.none(), st.lists(st.sampled_from(QUEUES), min_size=1, max_size=3, unique=True)
)


class StoreMachine(RuleBasedStateMachine):
    """Operations of two processes on one store.

    Args:
        open_store: Opens a connection to a new store on the first call, and then to the same.
        kill_worker: Makes a worker look killed to the sweep of the store.
        is_exact: Whether the jobs that a claim starts follow from the contents of the store; not
            if a message broker delivers them.
    """

    def __init__(
        self, open_store: OpenStore, kill_worker: KillWorker, *, is_exact: bool = True
    ) -> None:
        super().__init__()
        self.stores = [open_store(), open_store()]
        for store in self.stores:
            store.queue_limits = {
                queue: QueueLimit(concurrency=count) for queue, count in LIMITS.items()
            }
        self.kill_worker = kill_worker
        self.is_exact = is_exact
        self.model = StoreModel(LIMITS)
        #: All claims, with their workers, also those that have ended.
        self.claims: list[tuple[str, Claim]] = []
        self.settled: set[tuple[str, int]] = set()
        self.killed: set[str] = set()

    @property
    def store(self) -> JobStore:
        return self.stores[0]

    def store_of(self, worker_id: str) -> JobStore:
        """Return the connection of the process of a worker."""
        return self.stores[int(worker_id[0])]

    def draw(self, data: Any, items: list[Any]) -> Any:
        """Return one of several items."""
        return items[data.draw(st.integers(0, len(items) - 1))]

    # -- workers -------------------------------------------------------------------------------

    @initialize()
    def start_workers(self) -> None:
        for process in "01":
            self.start_worker(process)

    def start_worker(self, process: str) -> None:
        worker_id = f"{process}-{new_identifier()}"
        self.store_of(worker_id).register_worker(worker_id)
        self.model.workers.add(worker_id)

    @property
    def workers(self) -> list[str]:
        return sorted(self.model.workers - self.killed)

    @rule(data=st.data(), crashed=st.booleans())
    def remove_worker(self, data: Any, crashed: bool) -> None:
        """As the supervisor does after the end of its process."""
        worker_id = self.draw(data, self.workers)
        count = self.store_of(worker_id).remove_worker(worker_id, crashed=crashed)
        assert count == self.model.remove_worker(worker_id, crashed=crashed)
        self.start_worker(worker_id[0])

    @rule(data=st.data())
    def kill(self, data: Any) -> None:
        """The sweep detects it later."""
        worker_id = self.draw(data, self.workers)
        self.kill_worker(self.store_of(worker_id), worker_id)
        self.killed.add(worker_id)
        self.start_worker(worker_id[0])

    @rule()
    def sweep(self) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        for worker_id in self.workers:
            self.store_of(worker_id).record_heartbeat(worker_id)
        lost = {job.new.id for job in self.model.jobs.values() if job.worker_id in self.killed}
        count = self.store.sweep()
        while lost & {job.id for job in self.store.jobs(JobState.RUNNING, limit=1000)}:
            assert time.monotonic() < deadline, "the sweep detects no killed worker"
            time.sleep(0.01)
            for worker_id in self.workers:
                self.store_of(worker_id).record_heartbeat(worker_id)
            count += self.store.sweep()
        killed = sorted(self.killed)
        self.killed.clear()
        if lost:
            # Without jobs, a killed worker may be removed later.
            expected = sum(self.model.remove_worker(id, crashed=True) for id in killed)
            assert count == expected
        self.model.workers.difference_update(killed)

    # -- adding jobs ---------------------------------------------------------------------------

    @rule(data=st.data(), count=st.integers(1, 5))
    def add(self, data: Any, count: int) -> None:
        open_batches = [id for id, batch in self.model.batches.items() if not batch.closed]
        jobs = []
        for _ in range(count):
            batch = data.draw(st.sampled_from([None, *open_batches]))
            key = data.draw(st.sampled_from([None, "k1", "k2", "k3"])) if batch is None else None
            jobs.append(
                new_job(
                    queue=data.draw(st.sampled_from(QUEUES)),
                    priority=data.draw(st.integers(-1, 1)),
                    delay_ms=data.draw(delays),
                    key=key,
                    deduplication_window_ms=0 if key is None else FAR_MS,
                    batch=batch,
                )
            )
        store = self.draw(data, self.stores)
        assert store.add(jobs) == self.model.add(jobs)

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def add_again(self, data: Any) -> None:
        """As after a lost reply."""
        job = self.draw(data, sorted(self.model.jobs.values(), key=lambda job: job.seq)).new
        assert self.store.add([job]) == [job.id]

    @rule(
        data=st.data(),
        name=st.sampled_from(SCHEDULES),
        fire_ms=st.integers(1, 50),
        overlap=st.booleans(),
    )
    def enqueue_scheduled(self, data: Any, name: str, fire_ms: int, overlap: bool) -> None:
        job = new_job(queue=data.draw(st.sampled_from(QUEUES)), schedule=name)
        store = self.draw(data, self.stores)
        assert store.enqueue_scheduled(
            name, fire_ms, job, overlap=overlap
        ) is self.model.enqueue_scheduled(name, fire_ms, job, overlap=overlap)

    @rule(name=st.sampled_from(SCHEDULES), initial_ms=st.integers(0, 50))
    def last_fire_time(self, name: str, initial_ms: int) -> None:
        expected = self.model.fire_times.setdefault(name, initial_ms)
        assert self.store.last_fire_time(name, initial_ms) == expected

    @rule(id=st.sampled_from(BATCHES), has_then=st.booleans())
    def open_batch(self, id: str, has_then: bool) -> None:
        then: NewJob | None = new_job(queue="a") if has_then else None
        self.store.open_batch(id, then)
        if id not in self.model.batches:
            self.model.batches[id] = ModelBatch(then)

    @precondition(lambda self: self.model.batches)
    @rule(data=st.data())
    def close_batch(self, data: Any) -> None:
        id = self.draw(data, sorted(self.model.batches))
        self.store.close_batch(id)
        self.model.close_batch(id)

    # -- running jobs --------------------------------------------------------------------------

    @rule(data=st.data(), queues=queue_lists, limit=st.integers(0, 6))
    def claim(self, data: Any, queues: list[str] | None, limit: int) -> None:
        self.settle_and_claim(self.draw(data, self.workers), queues, limit, [])

    @precondition(lambda self: self.running_jobs())
    @rule(
        data=st.data(),
        queues=queue_lists,
        limit=st.integers(0, 4),
        kind=st.sampled_from(SettlementKind),
    )
    def settle(self, data: Any, queues: list[str] | None, limit: int, kind: SettlementKind) -> None:
        running = self.running_jobs()
        first = self.draw(data, running)
        assert first.worker_id is not None
        count = data.draw(st.integers(1, 3))
        others = [job for job in running if job.worker_id == first.worker_id and job is not first]
        settlements = [
            self.settlement_of(data, job.new.id, job.token, kind)
            for job in [first, *others][:count]
        ]
        self.settle_and_claim(first.worker_id, queues, limit, settlements)

    def running_jobs(self) -> list[ModelJob]:
        """Return the running jobs of live workers, the oldest first."""
        running = self.model.of_state(JobState.RUNNING)
        return [job for job in reversed(running) if job.worker_id in self.workers]

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), kind=st.sampled_from(SettlementKind), is_foreign=st.booleans())
    def settle_late(self, data: Any, kind: SettlementKind, is_foreign: bool) -> None:
        """A claim of any time, perhaps as another worker."""
        worker_id, claim = self.draw(data, self.claims)
        if is_foreign or worker_id not in self.workers:
            worker_id = self.draw(data, self.workers)
        self.settle_and_claim(
            worker_id, None, 0, [self.settlement_of(data, claim.id, claim.token, kind)]
        )

    def settlement_of(self, data: Any, id: str, token: int, kind: SettlementKind) -> Settlement:
        """Return a settlement with a result, an error and a delay as its kind may have."""
        result = b"1" if kind is SettlementKind.DONE else None
        error = b'"e"' if kind in (SettlementKind.RETRY, SettlementKind.DEAD) else None
        delay_ms = data.draw(delays) if kind is SettlementKind.RETRY else 0
        return Settlement(id, token, kind, result=result, error=error, delay_ms=delay_ms)

    def settle_and_claim(
        self,
        worker_id: str,
        queues: list[str] | None,
        limit: int,
        settlements: list[Settlement],
    ) -> None:
        """Settle and claim in the store and in the model."""
        if settlements and limit and not self.is_exact:
            # A claim through a broker takes several steps: a retry may become due meanwhile.
            self.settle_and_claim(worker_id, queues, 0, settlements)
            settlements = []
        due = self.wait_for_near_jobs()
        claims, rejected = self.store_of(worker_id).settle_and_claim(
            worker_id, queues, limit, settlements
        )
        for settlement in settlements:
            ending = (settlement.id, settlement.token)
            if self.model.settle(worker_id, settlement):
                assert settlement.id not in rejected, settlement
                self.settled.add(ending)
            elif ending not in self.settled:
                # Whether a repeated one is accepted does not matter: the reply may have been lost.
                assert settlement.id in rejected, settlement
        self.model.make_ready(due)
        self.check_claims(worker_id, queues, limit, claims)

    def check_claims(
        self, worker_id: str, queues: list[str] | None, limit: int, claims: list[Claim]
    ) -> None:
        """Compare claims with the model, and start them there."""
        assert len(claims) <= max(limit, 0)
        if self.is_exact:
            expected = self.model.claimable(worker_id, queues, limit)
            assert {claim.id for claim in claims} == {job.new.id for job in expected}
        else:
            everything = len(self.model.jobs)
            possible = {job.new.id for job in self.model.claimable(worker_id, queues, everything)}
            assert {claim.id for claim in claims} <= possible
        for claim in claims:
            old = self.model.jobs[claim.id].token
            job = self.model.start(worker_id, claim)
            assert claim.token > old
            assert (claim.queue, claim.body) == (job.new.queue, job.new.body)
            assert (claim.deliveries, claim.attempts) == (job.deliveries, job.attempts)
            self.claims.append((worker_id, claim))

    def wait_for_near_jobs(self) -> list[ModelJob]:
        """Let the time pass until the jobs are due that have a short delay, and return them."""
        near = self.model.near_jobs()
        for job in near:
            record = self.store.find(job.new.id)
            assert record is not None
            assert record.due_ms is not None
            while self.store.now_ms() < record.due_ms:
                time.sleep(0.001)
        return near

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), done=st.integers(0, 9))
    def progress(self, data: Any, done: int) -> None:
        worker_id, claim = self.draw(data, self.claims)
        self.store_of(worker_id).progress(claim.id, claim.token, done, 9)
        job = self.model.jobs.get(claim.id)
        record = self.store.find(claim.id)
        # The token of a job that was taken from its worker may be another one already.
        if job is None or record is None or job.state is not JobState.RUNNING:
            return
        if job.token == claim.token:
            assert (record.progress, record.progress_total) == (done, 9)

    # -- operations ----------------------------------------------------------------------------

    def draw_id(self, data: Any, states: tuple[JobState, ...]) -> str:
        """Return the id of a job, more often of one of some states."""
        jobs = sorted(self.model.jobs.values(), key=lambda job: job.seq)
        likely = [job.new.id for job in jobs if job.state in states]
        return str(self.draw(data, ["unknown", *(job.new.id for job in jobs), *likely * 4]))

    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        states = (JobState.READY, JobState.DELAYED, JobState.RUNNING)
        id = self.draw_id(data, states)
        assert self.draw(data, self.stores).cancel(id) is self.model.cancel(id)

    @rule(data=st.data())
    def retry(self, data: Any) -> None:
        id = self.draw_id(data, (JobState.DEAD,))
        assert self.draw(data, self.stores).retry(id) is self.model.retry(id)

    @rule(data=st.data())
    def discard(self, data: Any) -> None:
        id = self.draw_id(data, (JobState.DEAD,))
        assert self.draw(data, self.stores).discard(id) is self.model.discard(id)

    # -- comparison ----------------------------------------------------------------------------

    @invariant()
    def jobs_are_those_of_the_model(self) -> None:
        for state in JobState:
            expected = [job.new.id for job in self.model.of_state(state)]
            assert [job.id for job in self.store.jobs(state, limit=1000)] == expected, state
        for job in self.model.jobs.values():
            self.check_record(job)

    def check_record(self, job: ModelJob) -> None:
        """Compare a job with the model."""
        record = self.store.find(job.new.id)
        assert record is not None
        assert record.state is job.state, record
        assert record.worker_id == job.worker_id, record
        assert record.deliveries == job.deliveries, record
        assert record.attempts == job.attempts, record
        assert (record.ended_ms is not None) is (
            job.state in (JobState.DONE, JobState.DEAD, JobState.CANCELLED)
        ), record
        if job.state is JobState.DELAYED:
            assert record.due_ms is not None, record
        if job.state is JobState.RUNNING:
            assert record.cancel_requested is job.cancel_requested, record
            assert record.due_ms is None, record

    @invariant()
    def counts_are_those_of_the_model(self) -> None:
        counts = {
            (each.queue, name): count
            for each in self.store.counts()
            for name in ("ready", "delayed", "retrying", "running", "dead")
            if (count := getattr(each, name))
        }
        assert counts == self.model.counts()
        totals = self.store.totals()
        assert (totals.done, totals.failed) == (self.model.done, self.model.failed)
        loads = self.store.worker_loads()
        for worker_id in self.workers:
            running = sum(job.worker_id == worker_id for job in self.model.jobs.values())
            assert loads.get(worker_id) == running

    @invariant()
    def requests_are_those_of_the_model(self) -> None:
        for worker_id in self.workers:
            expected = {
                job.new.id
                for job in self.model.jobs.values()
                if job.worker_id == worker_id and job.cancel_requested
            }
            assert set(self.store_of(worker_id).cancellations(worker_id)) == expected

    @invariant()
    def fan_outs_are_those_of_the_model(self) -> None:
        for id, batch in self.model.batches.items():
            record = self.store.batch(id)
            assert record is not None
            assert (record.total, record.completed, record.failed) == (
                batch.total,
                batch.completed,
                batch.failed,
            )
            assert (record.closed, record.ended_ms is not None) == (batch.closed, batch.ended)
            for state in (JobState.DONE, JobState.DEAD, JobState.CANCELLED, JobState.RUNNING, None):
                expected = [
                    job.new.id
                    for job in sorted(self.model.jobs.values(), key=lambda job: job.seq)
                    if job.new.batch == id and state in (None, job.state)
                ]
                records = self.store.batch_jobs(id, state, limit=1000)
                assert [job.id for job in records] == expected

    # -- the end -------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Run all jobs to their end: none is lost."""
        try:
            if self.model.workers:
                self.sweep()
                self.run_all()
        finally:
            for store in self.stores:
                store.close()

    def run_all(self) -> None:
        """Run the jobs that are ready or running, and those with a short delay."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while pending := [
            job
            for job in self.model.jobs.values()
            if job.state in (JobState.READY, JobState.RUNNING)
            or (job.state is JobState.DELAYED and job.is_near)
        ]:
            assert time.monotonic() < deadline, pending
            for worker_id in self.workers:
                running = [job for job in pending if job.worker_id == worker_id]
                done = [Settlement(job.new.id, job.token, SettlementKind.DONE) for job in running]
                self.settle_and_claim(worker_id, None, 10, done)
                pending = [job for job in pending if job not in running]
        self.counts_are_those_of_the_model()
        self.fan_outs_are_those_of_the_model()
