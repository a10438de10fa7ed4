"""`CancellationContract`: the tests of stores that cancel jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actionhero_tasks.job import JobState, SettlementKind
from actionhero_tasks.testing.jobs import new_job, new_settlement
from actionhero_tasks.testing.stores import StoreSuite

if TYPE_CHECKING:
    from actionhero_tasks.job import Claim, JobRecord, Settlement
    from actionhero_tasks.stores.store import JobStore


class CancellationContract(StoreSuite):
    """A part of `StoreContract`."""

    def test_ready_and_delayed_jobs_are_cancelled_at_once(self, store: JobStore) -> None:
        """They are not claimed; ended and unknown jobs cannot be cancelled."""
        ready, delayed, ended = new_job(), new_job(delay_ms=60_000), new_job(priority=-1)
        store.add([ended])
        [claim] = store.settle_and_claim("one", None, 1)[0]
        store.settle_and_claim("one", None, 0, [new_settlement(claim)])
        store.add([ready, delayed])

        assert [store.cancel(job.id) for job in (ready, delayed, ended)] == [True, True, False]
        assert not store.cancel(ready.id)
        assert not store.cancel("unknown")
        assert store.settle_and_claim("one", None, 10) == ([], [])
        cancelled = _found(store, ready.id)
        assert (cancelled.state, cancelled.cancel_requested) == (JobState.CANCELLED, False)

    def test_the_worker_of_a_running_job_receives_the_request(self, store: JobStore) -> None:
        """Only that worker, until the job is settled; the settlement is fenced."""
        store.add([new_job(), new_job()])
        [job, other] = store.settle_and_claim("one", None, 2)[0]
        store.settle_and_claim("two", None, 1)

        requested = [store.cancel(job.id), store.cancel(job.id)]
        before = _found(store, job.id)
        workers = [store.cancellations("one"), store.cancellations("two")]
        foreign = store.settle_and_claim("two", None, 0, [_cancelled(job)])
        settled = store.settle_and_claim("one", None, 0, [_cancelled(job)])
        after = _found(store, job.id)

        assert requested == [True, True]
        assert (before.state, before.cancel_requested) == (JobState.RUNNING, True)
        assert workers == [[job.id], []]
        assert foreign == ([], [job.id])
        assert settled == ([], [])
        assert (after.state, after.attempts, after.worker_id) == (JobState.CANCELLED, 0, None)
        assert after.ended_ms is not None
        assert store.cancellations("one") == []
        assert not store.cancel(job.id)
        assert _found(store, other.id).state is JobState.RUNNING
        totals = store.totals()
        assert (totals.done, totals.failed) == (0, 0)

    @pytest.mark.parametrize(("kind", "state"), [("done", JobState.DONE), ("dead", JobState.DEAD)])
    def test_a_job_that_ends_in_spite_of_the_request_keeps_its_outcome(
        self, store: JobStore, kind: str, state: JobState
    ) -> None:
        """A dead letter that is retried later is not cancelled."""
        store.add([new_job()])
        [claim] = store.settle_and_claim("one", None, 1)[0]
        store.cancel(claim.id)

        settlement = new_settlement(claim, SettlementKind(kind), result=b"1")
        store.settle_and_claim("one", None, 0, [settlement])

        assert _found(store, claim.id).state is state
        assert store.cancellations("one") == []
        if store.retry(claim.id):
            [again] = store.settle_and_claim("one", None, 1)[0]
            assert store.cancellations("one") == []
            retry = new_settlement(again, SettlementKind.RETRY, delay_ms=60_000)
            store.settle_and_claim("one", None, 0, [retry])
            assert _found(store, claim.id).state is JobState.DELAYED

    @pytest.mark.parametrize("delay_ms", [0, 60_000])
    @pytest.mark.parametrize("kind", ["retry", "release"])
    def test_a_job_that_would_run_again_is_cancelled_instead(
        self, store: JobStore, kind: str, delay_ms: int
    ) -> None:
        """After a failure, which keeps its error, and after the stop of its worker."""
        store.add([new_job()])
        [claim] = store.settle_and_claim("one", None, 1)[0]
        store.cancel(claim.id)

        settlement = new_settlement(claim, SettlementKind(kind), error=b'"busy"', delay_ms=delay_ms)
        [*claims], rejected = store.settle_and_claim("one", None, 10, [settlement])

        record = _found(store, claim.id)
        assert (claims, rejected) == ([], [])
        assert (record.state, record.error) == (JobState.CANCELLED, b'"busy"')
        assert (record.attempts, record.due_ms) == (int(kind == "retry"), None)
        assert record.ended_ms is not None
        assert store.cancellations("one") == []

    @pytest.mark.parametrize("crashed", [True, False])
    def test_a_job_whose_worker_is_removed_is_cancelled(
        self, store: JobStore, crashed: bool
    ) -> None:
        """Other jobs of the worker are ready again."""
        store.add([new_job(), new_job()])
        [first, second] = store.settle_and_claim("one", None, 2)[0]
        store.cancel(first.id)

        assert store.remove_worker("one", crashed=crashed) == 1

        assert _found(store, first.id).state is JobState.CANCELLED
        assert [claim.id for claim in store.settle_and_claim("two", None, 10)[0]] == [second.id]
        store.register_worker("one")
        assert store.cancellations("one") == []

    def test_a_job_that_crashes_its_third_worker_is_dead_lettered_in_spite_of_the_request(
        self, store: JobStore
    ) -> None:
        """Its error is not lost; a retry is not cancelled."""
        store.add([new_job()])
        for number in (1, 2, 3):
            worker_id = f"crashing-{number}"
            store.register_worker(worker_id)
            [claim] = store.settle_and_claim(worker_id, None, 1)[0]
            if number == 3:
                store.cancel(claim.id)
            store.remove_worker(worker_id, crashed=True)

        record = _found(store, claim.id)
        assert record.state is JobState.DEAD
        assert b"WORKER_LOST" in (record.error or b"")
        assert store.totals().failed == 1
        assert store.retry(claim.id)
        assert len(store.settle_and_claim("one", None, 1)[0]) == 1
        assert store.cancellations("one") == []

    def test_a_cancelled_job_counts_as_failed_in_its_fan_out(self, store: JobStore) -> None:
        """And the job that follows the fan-out is added once."""
        then = new_job()
        store.open_batch("batch", then)
        store.add([new_job(batch="batch"), new_job(batch="batch")])
        store.close_batch("batch")
        [first, second] = store.settle_and_claim("one", None, 2)[0]
        store.cancel(first.id)

        store.settle_and_claim("one", None, 0, [_cancelled(first), new_settlement(second)])

        batch = store.batch("batch")
        assert batch is not None
        assert (batch.total, batch.completed, batch.failed) == (2, 1, 1)
        assert batch.ended_ms is not None
        cancelled = store.batch_jobs("batch", JobState.CANCELLED)
        assert [record.id for record in cancelled] == [first.id]
        assert [claim.id for claim in store.settle_and_claim("one", None, 10)[0]] == [then.id]


def _cancelled(claim: Claim) -> Settlement:
    return new_settlement(claim, SettlementKind.CANCEL)


def _found(store: JobStore, id: str) -> JobRecord:
    record = store.find(id)
    assert record is not None
    return record
