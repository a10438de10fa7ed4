"""`StoreContract`: the test suite of every job store."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from actionhero_tasks.job import JobState, SettlementKind
from actionhero_tasks.testing.cancellation_contract import CancellationContract
from actionhero_tasks.testing.fan_out_contract import FanOutContract
from actionhero_tasks.testing.jobs import new_job, new_settlement
from actionhero_tasks.testing.limits_contract import LimitsContract
from actionhero_tasks.testing.pause_contract import PauseContract
from actionhero_tasks.testing.stores import TIMEOUT_SECONDS
from actionhero_tasks.testing.worker_contract import WorkerContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_tasks.stores.store import JobStore


class StoreContract(
    CancellationContract, FanOutContract, LimitsContract, PauseContract, WorkerContract
):
    """Inherit from it in a class whose name begins with `Test`.

    Define the fixtures `open_store` and `kill_worker`.
    """

    # -- adding, claiming and settling ---------------------------------------------------------

    def test_a_job_is_claimed_once_with_all_its_fields(self, store: JobStore) -> None:
        """A second claim returns nothing."""
        job = new_job(body=b"\x00\xffbytes")

        assert store.add([job]) == [job.id]
        claims, rejected = store.settle_and_claim("one", None, 10)

        assert rejected == []
        assert [(c.id, c.queue, c.action, c.body) for c in claims] == [
            (job.id, "default", "add", b"\x00\xffbytes")
        ]
        assert (claims[0].deliveries, claims[0].attempts) == (1, 0)
        assert store.settle_and_claim("two", None, 10) == ([], [])

    def test_jobs_are_claimed_by_priority_then_by_age(self, store: JobStore) -> None:
        """Lower numbers first."""
        late, first, second, urgent = (new_job(priority=priority) for priority in (5, 0, 0, -5))
        store.add([late, first, second])
        store.add([urgent])

        claims = (
            store.settle_and_claim("one", None, 3)[0] + store.settle_and_claim("one", None, 3)[0]
        )

        assert [claim.id for claim in claims] == [urgent.id, first.id, second.id, late.id]

    def test_jobs_are_claimed_from_the_given_queues_only(self, store: JobStore) -> None:
        """Jobs of other queues remain."""
        a, b, c = (new_job(queue=queue) for queue in "abc")
        store.add([c, b, a])

        claims, _ = store.settle_and_claim("one", ["a", "b"], 10)

        assert {claim.id for claim in claims} == {a.id, b.id}
        assert [claim.id for claim in store.settle_and_claim("one", ["c", "d"], 10)[0]] == [c.id]

    def test_claims_are_limited(self, store: JobStore) -> None:
        """With the limit 0 jobs are only settled."""
        store.add([new_job() for _ in range(5)])

        claims, _ = store.settle_and_claim("one", None, 2)
        no_claims, _ = store.settle_and_claim("one", None, 0, [new_settlement(claims[0])])

        assert (len(claims), no_claims) == (2, [])
        assert len(store.settle_and_claim("one", None, 10)[0]) == 3

    def test_a_settled_job_has_its_state_result_and_times(self, store: JobStore) -> None:
        """The times are in order."""
        job = new_job()
        store.add([job])
        [claim] = store.settle_and_claim("one", None, 1)[0]
        store.progress(claim.id, claim.token, 3, 10)

        running = store.find(job.id)
        store.settle_and_claim("one", None, 0, [new_settlement(claim, result=b'{"sum":3}')])
        done = store.find(job.id)

        assert running is not None
        assert done is not None
        assert (running.state, running.worker_id) == (JobState.RUNNING, "one")
        assert (running.progress, running.progress_total) == (3, 10)
        assert (done.state, done.result, done.worker_id) == (JobState.DONE, b'{"sum":3}', None)
        assert done.ended_ms is not None
        assert done.started_ms is not None
        assert done.created_ms <= done.started_ms <= done.ended_ms

    def test_a_failed_job_is_delayed_and_runs_again_when_due(self, store: JobStore) -> None:
        """Its error is stored until it succeeds."""
        store.add([new_job()])
        [claim] = store.settle_and_claim("one", None, 1)[0]

        retry = new_settlement(claim, SettlementKind.RETRY, error=b'{"message":"no"}', delay_ms=150)
        store.settle_and_claim("one", None, 0, [retry])
        waiting = store.find(claim.id)
        again = self.claim_when_due(store)
        started = store.find(claim.id)
        store.settle_and_claim("one", None, 0, [new_settlement(again)])
        done = store.find(claim.id)

        assert waiting is not None
        assert (waiting.state, waiting.error) == (JobState.DELAYED, b'{"message":"no"}')
        assert waiting.due_ms is not None
        assert started is not None
        assert started.started_ms is not None
        assert started.started_ms >= waiting.due_ms
        assert (again.id, again.attempts, again.deliveries) == (claim.id, 1, 1)
        assert again.token != claim.token
        assert done is not None
        assert (done.state, done.error) == (JobState.DONE, None)

    def test_a_delayed_job_starts_when_it_is_due(self, store: JobStore) -> None:
        """Even with a higher priority than a ready one."""
        delayed, ready = new_job(delay_ms=150, priority=-1), new_job()
        store.add([delayed, ready])

        waiting = store.find(delayed.id)
        claims = [self.claim_when_due(store) for _ in range(2)]
        started = store.find(delayed.id)

        assert {claim.id for claim in claims} == {ready.id, delayed.id}
        assert waiting is not None
        assert waiting.due_ms is not None
        assert started is not None
        assert started.started_ms is not None
        assert started.started_ms >= waiting.due_ms

    def test_adding_an_id_again_adds_no_job(self, store: JobStore) -> None:
        """So an enqueue without a reply can be repeated, even if the job has run."""
        first, second = new_job(), new_job()
        store.add([first])
        [claim] = store.settle_and_claim("one", None, 10)[0]
        store.settle_and_claim("one", None, 0, [new_settlement(claim)])

        assert store.add([first, second]) == [first.id, second.id]

        assert [claim.id for claim in store.settle_and_claim("one", None, 10)[0]] == [second.id]

    # -- deduplication keys --------------------------------------------------------------------

    def test_a_key_suppresses_further_jobs_within_its_window(self, store: JobStore) -> None:
        """Even if the first job has run."""
        first, second, other = (
            new_job(key=key, deduplication_window_ms=60_000) for key in ("a", "a", "b")
        )

        assert store.add([first]) == [first.id]
        [claim] = store.settle_and_claim("one", None, 10)[0]
        store.settle_and_claim("one", None, 0, [new_settlement(claim)])

        assert store.add([second, other]) == [first.id, other.id]
        assert [claim.id for claim in store.settle_and_claim("one", None, 10)[0]] == [other.id]

    def test_a_cancelled_or_discarded_job_frees_its_key(self, store: JobStore) -> None:
        """Of whatever state; a job that ended otherwise keeps it, and so does a newer job."""

        def add(priority: int = 0) -> tuple[str, bool]:
            job = new_job(key="a", deduplication_window_ms=60_000, priority=priority)
            [id] = store.add([job])
            return id, id == job.id

        def settle(kind: SettlementKind) -> str:
            [claim] = store.settle_and_claim("one", None, 1)[0]
            store.settle_and_claim("one", None, 0, [new_settlement(claim, kind)])
            return claim.id

        ready, _ = add()
        store.cancel(ready)
        _, is_new_after_cancel = add()
        [claim] = store.settle_and_claim("one", None, 1)[0]
        store.cancel(claim.id)
        _, is_new_while_running = add()
        store.settle_and_claim("one", None, 0, [new_settlement(claim, SettlementKind.CANCEL)])
        _, is_new_after_running = add()
        dead = settle(SettlementKind.DEAD)
        _, is_new_while_dead = add()
        store.discard(dead)
        _, is_new_after_discard = add()
        settle(SettlementKind.DONE)
        store.discard(dead)
        store.cancel(ready)
        _, is_new_after_end = add()

        assert is_new_after_cancel
        assert is_new_after_running
        assert is_new_after_discard
        assert not is_new_while_running
        assert not is_new_while_dead
        assert not is_new_after_end

    def test_a_cancelled_job_of_a_crashed_worker_frees_its_key(self, store: JobStore) -> None:
        """It is cancelled in place of its next run."""
        first = new_job(key="a", deduplication_window_ms=60_000)
        store.add([first])
        store.settle_and_claim("one", None, 1)
        store.cancel(first.id)
        store.remove_worker("one", crashed=True)
        second = new_job(key="a", deduplication_window_ms=60_000)

        assert store.add([second]) == [second.id]

    def test_a_key_expires_after_its_window(self, store: JobStore) -> None:
        """The next job with the key is added."""
        first = new_job(key="a", deduplication_window_ms=40)
        assert store.find_key("a") is None
        store.add([first])
        deadline = time.monotonic() + TIMEOUT_SECONDS

        while True:
            job = new_job(key="a", deduplication_window_ms=60_000)
            [id] = store.add([job])
            if id == job.id:
                break
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert store.find_key("a") == job.id

    # -- operations and inspection -------------------------------------------------------------

    def test_dead_letters_can_be_retried_and_discarded(self, store: JobStore) -> None:
        """A retry resets the counters."""
        first, second = new_job(), new_job()
        store.add([first, second])
        claims, _ = store.settle_and_claim("one", None, 10)
        settlements = [new_settlement(c, SettlementKind.DEAD, error=b"{}") for c in claims]
        store.settle_and_claim("one", None, 0, settlements)

        dead = store.jobs(JobState.DEAD)
        assert [record.id for record in dead] == [second.id, first.id]
        assert (store.retry(first.id), store.retry(first.id)) == (True, False)
        assert (store.discard(second.id), store.discard(second.id)) == (True, False)
        assert store.find(second.id) is None
        [again] = store.settle_and_claim("one", None, 10)[0]
        assert (again.id, again.attempts, again.deliveries) == (first.id, 0, 1)

    def test_a_dead_letter_is_retried_with_another_body(self, store: JobStore) -> None:
        """Which it keeps."""
        job = new_job()
        store.add([job])
        [claim] = store.settle_and_claim("worker", None, 1)[0]
        assert not store.retry(job.id, b"running")
        store.settle_and_claim("worker", None, 0, [new_settlement(claim, SettlementKind.DEAD)])

        assert store.retry(job.id, b"edited")
        [again] = store.settle_and_claim("worker", None, 1)[0]

        assert (again.id, again.body) == (job.id, b"edited")

    def test_jobs_are_counted_by_queue_and_state(self, store: JobStore) -> None:
        """Jobs that are done are not counted."""
        store.add([new_job(queue="mail", priority=number) for number in range(4)])
        store.add([new_job(queue="mail", delay_ms=60_000), new_job(queue="other")])
        running, done, failed = store.settle_and_claim("one", ["mail"], 3)[0]
        retry = new_settlement(failed, SettlementKind.RETRY, delay_ms=60_000)
        store.settle_and_claim("one", None, 0, [new_settlement(done), retry])

        mail, other = store.counts()

        assert (mail.queue, mail.ready, mail.delayed, mail.retrying) == ("mail", 1, 2, 1)
        assert (mail.running, mail.dead) == (1, 0)
        assert mail.oldest_ms is not None
        assert (other.queue, other.ready) == ("other", 1)
        assert [r.id for r in store.jobs(JobState.RUNNING)] == [running.id]
        assert len(store.jobs(JobState.DELAYED, "mail", limit=1)) == 1
        assert store.jobs(JobState.READY, "nowhere") == []

    def test_jobs_are_listed_in_pages(self, store: JobStore) -> None:
        """A page starts after the last job of the previous one, even if jobs were added since."""
        jobs = [new_job(queue=queue) for queue in "abcab"]
        store.add(jobs)

        first = store.jobs(JobState.READY, limit=2)
        store.add([new_job()])
        second = store.jobs(JobState.READY, before=first[-1].seq, limit=2)
        third = store.jobs(JobState.READY, before=second[-1].seq, limit=2)
        of_queue = store.jobs(JobState.READY, "a", before=first[-1].seq)

        pages = [[job.id for job in page] for page in (first, second, third)]
        ids = [job.id for job in reversed(jobs)]
        assert pages == [ids[:2], ids[2:4], ids[4:]]
        assert [job.id for job in of_queue] == [jobs[0].id]

    def test_jobs_of_every_state_are_listed(self, store: JobStore) -> None:
        """Each state has its own list."""
        names = ("ready", "delayed", "running", "done", "dead", "cancelled")
        jobs = {name: new_job(priority=index) for index, name in enumerate(names)}
        jobs["delayed"] = new_job(delay_ms=60_000)
        claimed = [jobs[name] for name in ("running", "done", "dead")]
        store.add(claimed)
        claims = {claim.id: claim for claim in store.settle_and_claim("one", None, 3)[0]}
        kinds = {"done": SettlementKind.DONE, "dead": SettlementKind.DEAD}
        settlements = [new_settlement(claims[jobs[name].id], kind) for name, kind in kinds.items()]
        store.settle_and_claim("one", None, 0, settlements)
        store.add([jobs["cancelled"]])
        store.cancel(jobs["cancelled"].id)
        store.add([jobs["ready"], jobs["delayed"]])

        for name, job in jobs.items():
            assert [record.id for record in store.jobs(JobState(name))] == [job.id], name

    def test_ended_runs_are_counted(self, store: JobStore) -> None:
        """Done and failed runs, with retries; not released jobs, nor rejected settlements."""
        store.add([new_job() for _ in range(6)])
        one, two, three, four, five = store.settle_and_claim("one", None, 5)[0]
        settlements = [
            new_settlement(one),
            new_settlement(two),
            new_settlement(three, SettlementKind.RETRY, delay_ms=60_000),
            new_settlement(four, SettlementKind.DEAD),
            new_settlement(five, SettlementKind.RELEASE),
        ]
        loads = store.worker_loads()
        store.settle_and_claim("one", None, 0, settlements)
        store.settle_and_claim("two", None, 0, [new_settlement(one)])

        totals = store.totals()

        assert (totals.done, totals.failed) == (2, 2)
        assert loads == {"one": 5, "two": 0}
        assert store.worker_loads() == {"one": 0, "two": 0}

    def test_a_job_dead_lettered_after_crashes_counts_as_one_failed_run(
        self, store: JobStore
    ) -> None:
        """The crashes before do not count."""
        store.add([new_job()])
        for number in (1, 2, 3):
            store.register_worker(f"crashing-{number}")
            store.settle_and_claim(f"crashing-{number}", None, 1)
            store.remove_worker(f"crashing-{number}", crashed=True)

        assert (store.totals().done, store.totals().failed) == (0, 1)

    # -- schedules -----------------------------------------------------------------------------

    def test_a_fire_time_is_claimed_once(
        self, store: JobStore, stores: Callable[[], JobStore]
    ) -> None:
        """A second claim, or one for an earlier time, adds no job."""
        other = stores()
        assert store.last_fire_time("hourly", 1_000) == 1_000
        assert other.last_fire_time("hourly", 9_000) == 1_000

        results = [
            store.enqueue_scheduled("hourly", 2_000, new_job(schedule="hourly"), overlap=True),
            other.enqueue_scheduled("hourly", 2_000, new_job(schedule="hourly"), overlap=True),
            other.enqueue_scheduled("hourly", 1_500, new_job(schedule="hourly"), overlap=True),
        ]

        assert results == [True, False, False]
        assert other.last_fire_time("hourly", 0) == 2_000
        assert len(store.settle_and_claim("one", None, 10)[0]) == 1

    def test_a_fire_time_of_a_wrong_clock_is_reset_once(
        self, store: JobStore, stores: Callable[[], JobStore]
    ) -> None:
        """Not if another time was claimed since; then the schedule continues."""
        other = stores()
        store.last_fire_time("hourly", 9_000)

        resets = [
            store.reset_fire_time("hourly", 8_000, 1_000),
            store.reset_fire_time("hourly", 9_000, 1_000),
            other.reset_fire_time("hourly", 9_000, 1_000),
            other.reset_fire_time("unknown", 0, 1_000),
        ]

        assert resets == [False, True, False, False]
        assert other.fire_times() == {"hourly": 1_000}
        assert store.enqueue_scheduled("hourly", 2_000, new_job(schedule="hourly"), overlap=True)

    def test_without_overlap_a_fire_time_is_skipped_while_a_run_has_not_ended(
        self, store: JobStore
    ) -> None:
        """A later time is not."""
        store.last_fire_time("hourly", 0)

        def enqueue(fire_ms: int) -> bool:
            job = new_job(schedule="hourly")
            return store.enqueue_scheduled("hourly", fire_ms, job, overlap=False)

        assert (enqueue(1), enqueue(2)) == (True, False)
        [claim] = store.settle_and_claim("one", None, 10)[0]
        assert not enqueue(3)
        store.settle_and_claim("one", None, 0, [new_settlement(claim)])
        assert enqueue(4)
        assert len(store.settle_and_claim("one", None, 10)[0]) == 1
