"""`OwnerContract`: what becomes of jobs when those who run them end, and of several at once."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from actionhero_tasks.job import Ending, JobState
from actionhero_tasks.testing.jobs import ended, new_job
from actionhero_tasks.testing.stores import PATIENCE_SECONDS, StoreSuite

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_tasks.job import Claim
    from actionhero_tasks.store import JobStore


class OwnerContract(StoreSuite):
    """A part of `StoreContract`."""

    # -- who runs ------------------------------------------------------------------------------

    def test_the_jobs_of_an_owner_that_was_killed_are_somebody_elses(
        self, store: JobStore, vanish: Callable[[JobStore, str], None]
    ) -> None:
        """The sweep finds it; what it settles afterwards is refused, and changes nothing."""
        store.add([new_job()])
        [lost] = store.trade("one", None, 1)[0]
        assert store.sweep() == 0

        vanish(store, "one")
        [found] = self.swept(store)
        late = store.trade("one", None, 0, [ended(lost, result=b'"late"')])
        still = store.find(lost.id)
        store.trade("two", None, 0, [ended(found, result=b'"right"')])
        done = store.find(lost.id)

        assert (found.id, found.deliveries) == (lost.id, 2)
        assert late == ([], [lost.id])
        assert still is not None
        assert still.state is JobState.RUNNING
        assert done is not None
        assert done.result == b'"right"'

    def test_an_owner_that_leaves_gives_its_jobs_back_uncounted(self, store: JobStore) -> None:
        """That it stops is no fault of theirs."""
        store.add([new_job()])
        [claim] = store.trade("one", None, 1)[0]

        assert store.leave("one", crashed=False) == 1

        [again] = store.trade("two", None, 1)[0]
        assert (again.id, again.deliveries) == (claim.id, 1)

    def test_a_job_that_was_released_is_as_if_it_had_not_begun(self, store: JobStore) -> None:
        """Neither its attempts nor its deliveries are counted."""
        store.add([new_job()])
        [claim] = store.trade("one", None, 1)[0]

        [again] = store.trade("one", None, 1, [ended(claim, Ending.RELEASE)])[0]

        assert (again.id, again.attempts, again.deliveries) == (claim.id, 0, 1)

    def test_a_job_that_ends_three_workers_is_dead(self, store: JobStore) -> None:
        """Its error says why, and nobody gets it any more."""
        job = new_job()
        store.add([job])

        for number in (1, 2, 3):
            owner = f"doomed-{number}"
            store.join(owner)
            [claim] = store.trade(owner, None, 1)[0]
            assert claim.deliveries == number
            store.leave(owner, crashed=True)

        dead = store.find(job.id)
        assert dead is not None
        assert dead.state is JobState.DEAD
        assert b"its worker ended 3 times" in (dead.error or b"")
        assert store.trade("two", None, 1) == ([], [])

    def test_neighbours_of_a_job_that_ends_its_workers_outlive_it(self, store: JobStore) -> None:
        """After the second time they run one at a time, so that only the guilty one is found."""
        store.add([new_job() for _ in range(4)])
        for number in (1, 2):
            owner = f"doomed-{number}"
            store.join(owner)
            assert len(store.trade(owner, None, 10)[0]) == 4
            store.leave(owner, crashed=True)

        taken = []
        while claims := store.trade("two", None, 10)[0]:
            [claim] = claims
            assert store.trade("two", None, 10) == ([], []), "two of them at once"
            store.trade("two", None, 0, [ended(claim)])
            taken.append(claim.id)

        assert len(set(taken)) == 4

    # -- several processes ---------------------------------------------------------------------

    def test_no_job_is_claimed_twice_however_many_ask(
        self, store: JobStore, stores: Callable[[], JobStore]
    ) -> None:
        """Four connections at once."""
        jobs = [new_job() for _ in range(200)]
        store.add(jobs)
        taken: list[str] = []

        def take(mine: JobStore, owner: str) -> None:
            while claims := mine.trade(owner, None, 7)[0]:
                taken.extend(claim.id for claim in claims)
                mine.trade(owner, None, 0, [ended(claim) for claim in claims])

        threads = []
        for number in range(4):
            mine = stores()
            mine.join(f"taker-{number}")
            threads.append(threading.Thread(target=take, args=(mine, f"taker-{number}")))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)

        assert sorted(taken) == sorted(job.id for job in jobs)

    def test_who_waits_is_woken_by_a_job_of_another_process(
        self, store: JobStore, stores: Callable[[], JobStore]
    ) -> None:
        """Long before its patience ends."""
        other = stores()
        bell = threading.Event()
        store.bells.add(bell)
        assert store.trade("one", None, 1) == ([], [])
        other.add([new_job()])
        began = time.monotonic()

        claims: list[Claim] = []
        while not claims and time.monotonic() < began + PATIENCE_SECONDS:
            store.wait("one", bell, int(PATIENCE_SECONDS * 1000))
            bell.clear()
            claims, _ = store.trade("one", None, 1)

        assert len(claims) == 1
        assert time.monotonic() < began + PATIENCE_SECONDS

    def test_a_bell_ends_the_wait(self, store: JobStore) -> None:
        """So a worker that is told to stop does not wait for a job first."""
        bell = threading.Event()
        bell.set()
        store.trade("one", None, 1)
        began = time.monotonic()

        store.wait("one", bell, int(PATIENCE_SECONDS * 1000))

        assert time.monotonic() < began + PATIENCE_SECONDS

    def test_a_store_keeps_what_it_has_when_it_is_opened_again(
        self, store: JobStore, stores: Callable[[], JobStore]
    ) -> None:
        """Also what nobody has asked for since."""
        job = new_job(queue="mail")
        store.add([job])

        found = stores().find(job.id)

        assert found is not None
        assert (found.queue, found.state, found.body) == ("mail", JobState.READY, job.body)
