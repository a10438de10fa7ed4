"""`StoreContract`: what every store of jobs keeps to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from actionhero_tasks.job import Ending, JobState
from actionhero_tasks.testing.jobs import ended, new_job
from actionhero_tasks.testing.owner_contract import OwnerContract
from actionhero_tasks.testing.stores import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_tasks.store import JobStore


class StoreContract(OwnerContract):
    """Inherit from it in a class whose name begins with `Test`.

    Give the fixtures `open_store` and `vanish`.
    """

    # -- putting in, and running ---------------------------------------------------------------

    def test_a_job_is_claimed_once_with_all_that_was_added(self, store: JobStore) -> None:
        """Body, queue and action arrive as they were; the second one who asks gets nothing."""
        job = new_job(body=b"\x00\xffbytes")

        assert store.add([job]) == [job.id]
        claims, refused = store.trade("one", None, 10)

        assert refused == []
        assert [(c.id, c.queue, c.action, c.body) for c in claims] == [
            (job.id, "default", "add", b"\x00\xffbytes")
        ]
        assert (claims[0].deliveries, claims[0].attempts) == (1, 0)
        assert store.trade("two", None, 10) == ([], [])

    def test_the_most_urgent_is_claimed_first_and_the_oldest_among_equals(
        self, store: JobStore
    ) -> None:
        """A low number goes first."""
        late, first, second, urgent = (new_job(priority=priority) for priority in (5, 0, 0, -5))
        store.add([late, first, second])
        store.add([urgent])

        claims = store.trade("one", None, 3)[0] + store.trade("one", None, 3)[0]

        assert [claim.id for claim in claims] == [urgent.id, first.id, second.id, late.id]

    def test_jobs_come_from_the_queues_that_were_asked_for(self, store: JobStore) -> None:
        """The others stay."""
        a, b, c = (new_job(queue=queue) for queue in "abc")
        store.add([c, b, a])

        claims, _ = store.trade("one", ["a", "b"], 10)

        assert {claim.id for claim in claims} == {a.id, b.id}
        assert [claim.id for claim in store.trade("one", ["c", "d"], 10)[0]] == [c.id]

    def test_no_more_is_claimed_than_there_is_room_for(self, store: JobStore) -> None:
        """A limit of nothing only settles."""
        store.add([new_job() for _ in range(5)])

        claims, _ = store.trade("one", None, 2)
        nothing, _ = store.trade("one", None, 0, [ended(claims[0])])

        assert (len(claims), nothing) == (2, [])
        assert len(store.trade("one", None, 10)[0]) == 3

    def test_what_was_settled_is_remembered(self, store: JobStore) -> None:
        """State, result and times."""
        job = new_job()
        store.add([job])
        [claim] = store.trade("one", None, 1)[0]
        store.progress(claim.id, claim.token, 3, 10)

        running = store.find(job.id)
        store.trade("one", None, 0, [ended(claim, result=b'{"sum":3}')])
        done = store.find(job.id)

        assert running is not None
        assert done is not None
        assert (running.state, running.owner) == (JobState.RUNNING, "one")
        assert (running.progress, running.progress_total) == (3, 10)
        assert (done.state, done.result, done.owner) == (JobState.DONE, b'{"sum":3}', None)
        assert done.ended_ms is not None
        assert done.started_ms is not None
        assert done.created_ms <= done.started_ms <= done.ended_ms

    def test_a_job_that_failed_comes_back_when_its_time_has_come(self, store: JobStore) -> None:
        """Until then it is delayed; its failure is told meanwhile."""
        store.add([new_job()])
        [claim] = store.trade("one", None, 1)[0]

        retry = ended(claim, Ending.RETRY, error=b'{"message":"no"}', delay_ms=150)
        store.trade("one", None, 0, [retry])
        waiting = store.find(claim.id)
        again = self.claim_when_due(store)
        begun = store.find(claim.id)

        assert waiting is not None
        assert (waiting.state, waiting.error) == (JobState.DELAYED, b'{"message":"no"}')
        assert waiting.due_ms is not None
        assert begun is not None
        assert begun.started_ms is not None
        assert begun.started_ms >= waiting.due_ms
        assert (again.id, again.attempts, again.deliveries) == (claim.id, 1, 1)
        assert again.token != claim.token

    def test_a_delayed_job_waits_for_its_time(self, store: JobStore) -> None:
        """Also behind one that is ready."""
        delayed, ready = new_job(delay_ms=150, priority=-1), new_job()
        store.add([delayed, ready])

        waiting = store.find(delayed.id)
        claims = [self.claim_when_due(store) for _ in range(2)]
        begun = store.find(delayed.id)

        assert {claim.id for claim in claims} == {ready.id, delayed.id}
        assert waiting is not None
        assert waiting.due_ms is not None
        assert begun is not None
        assert begun.started_ms is not None
        assert begun.started_ms >= waiting.due_ms

    def test_a_job_that_is_added_again_is_kept_once(self, store: JobStore) -> None:
        """By its id: whoever got no answer may ask again. That it has run changes nothing."""
        first, second = new_job(), new_job()
        store.add([first])
        [claim] = store.trade("one", None, 10)[0]
        store.trade("one", None, 0, [ended(claim)])

        assert store.add([first, second]) == [first.id, second.id]

        assert [claim.id for claim in store.trade("one", None, 10)[0]] == [second.id]

    # -- many as one ---------------------------------------------------------------------------

    def test_the_jobs_of_a_fan_out_are_counted_and_what_follows_runs_once(
        self, store: JobStore
    ) -> None:
        """When all were added and have ended, well or not; not before."""
        after = new_job(action="after", priority=3)
        jobs = [new_job(batch="b") for _ in range(4)]
        store.open_batch("b", after)
        store.add(jobs)
        claims = store.trade("one", None, 3)[0]
        store.trade("one", None, 0, [ended(claims[0]), ended(claims[1], Ending.DEAD)])
        store.cancel(jobs[3].id)

        early = store.batch("b")
        store.trade("one", None, 0, [ended(claims[2])])
        assert store.trade("one", None, 10) == ([], [])
        store.seal_batch("b")
        done = store.batch("b")
        [follows] = store.trade("one", None, 10)[0]
        store.retry(jobs[1].id)
        [again] = store.trade("one", None, 10)[0]
        store.trade("one", None, 0, [ended(again)])
        mended = store.batch("b")

        assert early is not None
        assert done is not None
        assert mended is not None
        assert (early.total, early.completed, early.failed) == (4, 1, 2)
        assert (early.sealed, early.ended_ms) == (False, None)
        assert (done.completed, done.failed, done.sealed) == (2, 2, True)
        assert done.ended_ms is not None
        assert (follows.id, follows.action, follows.body) == (after.id, "after", after.body)
        assert (mended.completed, mended.failed) == (3, 1)
        assert store.trade("one", None, 10) == ([], [])

    def test_the_jobs_of_a_fan_out_are_listed_by_age_and_state(self, store: JobStore) -> None:
        """A page at a time."""
        jobs = [new_job(batch="b") for _ in range(5)]
        store.open_batch("b", None)
        store.add([*jobs, new_job()])
        claims = store.trade("one", None, 3)[0]
        store.trade("one", None, 0, [ended(claim) for claim in claims])

        everything = store.batch_jobs("b")
        page = store.batch_jobs("b", offset=1, limit=2)
        done = store.batch_jobs("b", JobState.DONE, offset=2)

        assert [job.id for job in everything] == [job.id for job in jobs]
        assert [job.id for job in page] == [job.id for job in jobs[1:3]]
        assert [job.id for job in done] == [jobs[2].id]
        assert everything[0].batch == "b"
        assert store.batch("nobody's") is None
        assert store.batch_jobs("nobody's") == []

    def test_a_fan_out_of_nothing_has_ended_when_it_is_sealed(self, store: JobStore) -> None:
        """What follows runs all the same."""
        after = new_job()
        store.open_batch("b", after)
        store.seal_batch("b")

        assert [claim.id for claim in store.trade("one", None, 10)[0]] == [after.id]

    # -- keys ----------------------------------------------------------------------------------

    def test_of_jobs_with_one_key_the_first_counts_within_its_window(self, store: JobStore) -> None:
        """Whether it has run or not."""
        first, second, other = (
            new_job(key=key, deduplication_window_ms=60_000) for key in ("a", "a", "b")
        )

        assert store.add([first]) == [first.id]
        [claim] = store.trade("one", None, 10)[0]
        store.trade("one", None, 0, [ended(claim)])

        assert store.add([second, other]) == [first.id, other.id]
        assert [claim.id for claim in store.trade("one", None, 10)[0]] == [other.id]

    def test_a_key_is_free_again_after_its_window(self, store: JobStore) -> None:
        """The next job of it is one of its own."""
        first = new_job(key="a", deduplication_window_ms=40)
        store.add([first])
        deadline = time.monotonic() + PATIENCE_SECONDS

        while True:
            job = new_job(key="a", deduplication_window_ms=60_000)
            [id] = store.add([job])
            if id == job.id:
                break
            assert time.monotonic() < deadline
            time.sleep(0.01)

    # -- by hand -------------------------------------------------------------------------------

    def test_a_job_can_be_cancelled_until_it_begins(self, store: JobStore) -> None:
        """Ready or delayed; not when it runs, nor afterwards."""
        ready, delayed, running = new_job(), new_job(delay_ms=60_000), new_job(priority=-1)
        store.add([running])
        store.trade("one", None, 1)
        store.add([ready, delayed])

        assert [store.cancel(job.id) for job in (ready, delayed, running)] == [True, True, False]
        assert not store.cancel(ready.id)
        assert not store.cancel("nobody")
        assert store.trade("one", None, 10) == ([], [])
        cancelled = store.find(ready.id)
        assert cancelled is not None
        assert cancelled.state is JobState.CANCELLED

    def test_a_dead_job_runs_again_when_somebody_says_so(self, store: JobStore) -> None:
        """As if for the first time. Another that is discarded is forgotten."""
        first, second = new_job(), new_job()
        store.add([first, second])
        claims, _ = store.trade("one", None, 10)
        store.trade("one", None, 0, [ended(c, Ending.DEAD, error=b"{}") for c in claims])

        dead = store.jobs(JobState.DEAD)
        assert [record.id for record in dead] == [second.id, first.id]
        assert (store.retry(first.id), store.retry(first.id)) == (True, False)
        assert (store.discard(second.id), store.discard(second.id)) == (True, False)
        assert store.find(second.id) is None
        [again] = store.trade("one", None, 10)[0]
        assert (again.id, again.attempts, again.deliveries) == (first.id, 0, 1)

    def test_queues_are_counted(self, store: JobStore) -> None:
        """What is done does not count."""
        store.add([new_job(queue="mail", priority=number) for number in range(4)])
        store.add([new_job(queue="mail", delay_ms=60_000), new_job(queue="other")])
        running, done, failed = store.trade("one", ["mail"], 3)[0]
        retry = ended(failed, Ending.RETRY, delay_ms=60_000)
        store.trade("one", None, 0, [ended(done), retry])

        mail, other = store.counts()

        assert (mail.queue, mail.ready, mail.delayed, mail.retrying) == ("mail", 1, 2, 1)
        assert (mail.running, mail.dead) == (1, 0)
        assert mail.oldest_ms is not None
        assert (other.queue, other.ready) == ("other", 1)
        assert [r.id for r in store.jobs(JobState.RUNNING)] == [running.id]
        assert len(store.jobs(JobState.DELAYED, "mail", limit=1)) == 1
        assert store.jobs(JobState.READY, "nowhere") == []

    def test_jobs_are_listed_a_page_at_a_time(self, store: JobStore) -> None:
        """Each page begins behind the last of the one before, whatever was added since."""
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
        """Also of those that the others are many of."""
        names = ("ready", "delayed", "running", "done", "dead", "cancelled")
        kept = {name: new_job(priority=index) for index, name in enumerate(names)}
        kept["delayed"] = new_job(delay_ms=60_000)
        claimed = [kept[name] for name in ("running", "done", "dead")]
        store.add(claimed)
        claims = {claim.id: claim for claim in store.trade("one", None, 3)[0]}
        endings = {"done": Ending.DONE, "dead": Ending.DEAD}
        settled = [ended(claims[kept[name].id], ending) for name, ending in endings.items()]
        store.trade("one", None, 0, settled)
        store.add([kept["cancelled"]])
        store.cancel(kept["cancelled"].id)
        store.add([kept["ready"], kept["delayed"]])

        for name, job in kept.items():
            assert [record.id for record in store.jobs(JobState(name))] == [job.id], name

    def test_runs_that_ended_are_counted(self, store: JobStore) -> None:
        """Done or failed, whether they are tried again or not; what was refused is no run."""
        store.add([new_job() for _ in range(6)])
        one, two, three, four, five = store.trade("one", None, 5)[0]
        endings = [
            ended(one),
            ended(two),
            ended(three, Ending.RETRY, delay_ms=60_000),
            ended(four, Ending.DEAD),
            ended(five, Ending.RELEASE),
        ]
        loads = store.loads()
        store.trade("one", None, 0, endings)
        store.trade("two", None, 0, [ended(one)])

        totals = store.totals()

        assert (totals.done, totals.failed) == (2, 2)
        assert loads == {"one": 5, "two": 0}
        assert store.loads() == {"one": 0, "two": 0}

    def test_runs_that_ended_their_worker_for_good_have_failed(self, store: JobStore) -> None:
        """Once, when the job is dead."""
        store.add([new_job()])
        for number in (1, 2, 3):
            store.join(f"doomed-{number}")
            store.trade(f"doomed-{number}", None, 1)
            store.leave(f"doomed-{number}", crashed=True)

        assert (store.totals().done, store.totals().failed) == (0, 1)

    # -- ticks ---------------------------------------------------------------------------------

    def test_a_tick_is_claimed_once(self, store: JobStore, stores: Callable[[], JobStore]) -> None:
        """Whoever is second, by another connection, gets no job in; nor does one for the past."""
        other = stores()
        assert store.last_tick("hourly", 1_000) == 1_000
        assert other.last_tick("hourly", 9_000) == 1_000

        results = [
            store.tick("hourly", 2_000, new_job(schedule="hourly"), overlap=True),
            other.tick("hourly", 2_000, new_job(schedule="hourly"), overlap=True),
            other.tick("hourly", 1_500, new_job(schedule="hourly"), overlap=True),
        ]

        assert results == [True, False, False]
        assert other.last_tick("hourly", 0) == 2_000
        assert len(store.trade("one", None, 10)[0]) == 1

    def test_a_tick_passes_while_the_last_run_has_not_ended(self, store: JobStore) -> None:
        """It is claimed all the same; the one after the end of the run has its job."""
        store.last_tick("hourly", 0)

        def tick(fire_ms: int) -> bool:
            return store.tick("hourly", fire_ms, new_job(schedule="hourly"), overlap=False)

        assert (tick(1), tick(2)) == (True, False)
        [claim] = store.trade("one", None, 10)[0]
        assert not tick(3)
        store.trade("one", None, 0, [ended(claim)])
        assert tick(4)
        assert len(store.trade("one", None, 10)[0]) == 1
