"""`FanOutContract`: the part of `StoreContract` about fan-outs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_tasks.job import JobState, SettlementKind
from actionhero_tasks.testing.jobs import new_job, new_settlement

if TYPE_CHECKING:
    from actionhero_tasks.stores.store import JobStore


class FanOutContract:
    """Inherited by `StoreContract`."""

    def test_a_fan_out_counts_its_jobs_and_adds_the_next_job_once(self, store: JobStore) -> None:
        """When it is closed and all jobs have ended, successfully or not."""
        after = new_job(action="after", priority=3)
        jobs = [new_job(batch="b") for _ in range(4)]
        store.open_batch("b", after)
        store.add(jobs)
        claims = store.settle_and_claim("one", None, 3)[0]
        dead = new_settlement(claims[1], SettlementKind.DEAD)
        store.settle_and_claim("one", None, 0, [new_settlement(claims[0]), dead])
        store.cancel(jobs[3].id)

        early = store.batch("b")
        store.settle_and_claim("one", None, 0, [new_settlement(claims[2])])
        assert store.settle_and_claim("one", None, 10) == ([], [])
        store.close_batch("b")
        done = store.batch("b")
        [next_job] = store.settle_and_claim("one", None, 10)[0]
        store.retry(jobs[1].id)
        [again] = store.settle_and_claim("one", None, 10)[0]
        store.settle_and_claim("one", None, 0, [new_settlement(again)])
        retried = store.batch("b")

        assert early is not None
        assert done is not None
        assert retried is not None
        assert (early.total, early.completed, early.failed) == (4, 1, 2)
        assert (early.closed, early.ended_ms) == (False, None)
        assert (done.completed, done.failed, done.closed) == (2, 2, True)
        assert done.ended_ms is not None
        assert (next_job.id, next_job.action, next_job.body) == (after.id, "after", after.body)
        assert (retried.completed, retried.failed) == (3, 1)
        assert store.settle_and_claim("one", None, 10) == ([], [])

    def test_the_jobs_of_a_fan_out_are_listed_by_age_and_state(self, store: JobStore) -> None:
        """In pages."""
        jobs = [new_job(batch="b") for _ in range(5)]
        store.open_batch("b", None)
        store.add([*jobs, new_job()])
        claims = store.settle_and_claim("one", None, 3)[0]
        store.settle_and_claim("one", None, 0, [new_settlement(claim) for claim in claims])

        all_jobs = store.batch_jobs("b")
        page = store.batch_jobs("b", after=all_jobs[0].seq, limit=2)
        done = store.batch_jobs("b", JobState.DONE, after=all_jobs[1].seq)

        assert [job.id for job in all_jobs] == [job.id for job in jobs]
        assert [job.id for job in page] == [job.id for job in jobs[1:3]]
        assert [job.id for job in done] == [jobs[2].id]
        assert all_jobs[0].batch == "b"
        assert store.batch("unknown") is None
        assert store.batch_jobs("unknown") == []

    def test_the_states_of_the_jobs_of_a_fan_out_are_current(self, store: JobStore) -> None:
        """After retries, discards and cancellations, and after the end of the fan-out."""

        def ids_in(state: JobState) -> list[str]:
            return [job.id for job in store.batch_jobs("b", state)]

        one, two, three, four = jobs = [new_job(batch="b") for _ in range(4)]
        store.open_batch("b", None)
        store.add(jobs)
        store.close_batch("b")
        claims = store.settle_and_claim("one", None, 3)[0]
        settlements = [new_settlement(claim, SettlementKind.DEAD) for claim in claims]
        store.settle_and_claim("one", None, 0, settlements)
        store.cancel(four.id)

        assert ids_in(JobState.DEAD) == [one.id, two.id, three.id]
        assert ids_in(JobState.CANCELLED) == [four.id]
        store.discard(two.id)
        store.retry(three.id)
        assert ids_in(JobState.DEAD) == [one.id]
        assert ids_in(JobState.READY) == [three.id]
        [again] = store.settle_and_claim("one", None, 3)[0]
        assert ids_in(JobState.RUNNING) == [three.id]
        store.settle_and_claim("one", None, 0, [new_settlement(again)])
        assert ids_in(JobState.DONE) == [three.id]
        assert [job.id for job in store.batch_jobs("b")] == [one.id, three.id, four.id]

    def test_an_empty_fan_out_ends_when_it_is_closed(self, store: JobStore) -> None:
        """The next job is added."""
        after = new_job()
        store.open_batch("b", after)
        store.close_batch("b")

        assert [claim.id for claim in store.settle_and_claim("one", None, 10)[0]] == [after.id]
