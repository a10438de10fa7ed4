"""`WorkerContract`: the tests of stores with crashing and concurrent workers."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from actionhero.transport import loads
from actionhero_tasks.job import JobState, SettlementKind
from actionhero_tasks.testing.jobs import new_job, new_settlement
from actionhero_tasks.testing.stores import TIMEOUT_SECONDS, StoreSuite

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.store import JobStore


class WorkerContract(StoreSuite):
    """A part of `StoreContract`."""

    # -- crashes -------------------------------------------------------------------------------

    def test_jobs_of_a_killed_worker_are_reassigned(
        self, store: JobStore, kill_worker: Callable[[JobStore, str], None]
    ) -> None:
        """The sweep detects the crash; a late settlement of the worker is rejected."""
        store.add([new_job()])
        [lost] = store.settle_and_claim("one", None, 1)[0]
        assert store.sweep() == 0

        kill_worker(store, "one")
        [reassigned] = self.claim_after_sweep(store)
        late = store.settle_and_claim("one", None, 0, [new_settlement(lost, result=b'"late"')])
        after_late = store.find(lost.id)
        store.settle_and_claim("two", None, 0, [new_settlement(reassigned, result=b'"right"')])
        done = store.find(lost.id)

        assert (reassigned.id, reassigned.deliveries) == (lost.id, 2)
        assert late == ([], [lost.id])
        assert after_late is not None
        assert after_late.state is JobState.RUNNING
        assert done is not None
        assert done.result == b'"right"'

    def test_a_stopping_worker_releases_its_jobs_without_counting_the_delivery(
        self, store: JobStore
    ) -> None:
        """Another worker claims them."""
        store.add([new_job()])
        [claim] = store.settle_and_claim("one", None, 1)[0]

        assert store.remove_worker("one", crashed=False) == 1

        [again] = store.settle_and_claim("two", None, 1)[0]
        assert (again.id, again.deliveries) == (claim.id, 1)

    def test_a_released_job_counts_neither_an_attempt_nor_a_delivery(self, store: JobStore) -> None:
        """It is ready at once."""
        store.add([new_job()])
        [claim] = store.settle_and_claim("one", None, 1)[0]

        release = new_settlement(claim, SettlementKind.RELEASE)
        [again] = store.settle_and_claim("one", None, 1, [release])[0]

        assert (again.id, again.attempts, again.deliveries) == (claim.id, 0, 1)

    def test_silence_of_the_store_is_not_the_death_of_its_workers(
        self,
        store: JobStore,
        stores: Callable[[], JobStore],
        kill_worker: Callable[[JobStore, str], None],
        advance_clock: Callable[[JobStore, int], None],
    ) -> None:
        """Neither is a clock that is set forward or back: no job runs again, until one is dead."""
        other = stores()
        store.add([new_job(), new_job()])
        [mine] = store.settle_and_claim("one", None, 1)[0]
        [lost] = store.settle_and_claim("two", None, 1)[0]
        store.sweep()
        for milliseconds in (120_000, 3_600_000, -3_600_000):
            advance_clock(store, milliseconds)
            assert [sweeper.sweep() for sweeper in (other, store, other)] == [0, 0, 0]
            assert sorted(store.worker_ids()) == ["one", "two"]
        accepted = store.settle_and_claim("one", None, 0, [new_settlement(mine)])
        kill_worker(store, "two")
        [again] = self.claim_after_sweep(store, "one")

        assert accepted == ([], [])
        assert (again.id, again.deliveries) == (lost.id, 2)

    def test_a_job_that_crashes_three_workers_is_dead_lettered(self, store: JobStore) -> None:
        """Its error has the reason, and no worker gets it again."""
        job = new_job()
        store.add([job])

        for number in (1, 2, 3):
            worker_id = f"crashing-{number}"
            store.register_worker(worker_id)
            [claim] = store.settle_and_claim(worker_id, None, 1)[0]
            assert claim.deliveries == number
            store.remove_worker(worker_id, crashed=True)

        dead = store.find(job.id)
        assert dead is not None
        assert dead.state is JobState.DEAD
        assert loads(dead.error or b"") == {
            "message": "its worker crashed 3 times while it ran",
            "type": "WORKER_LOST",
        }
        assert store.settle_and_claim("two", None, 1) == ([], [])

    def test_after_two_crashes_suspects_run_one_at_a_time(self, store: JobStore) -> None:
        """So only the job that causes the crashes is dead-lettered."""
        store.add([new_job() for _ in range(4)])
        for number in (1, 2):
            worker_id = f"crashing-{number}"
            store.register_worker(worker_id)
            assert len(store.settle_and_claim(worker_id, None, 10)[0]) == 4
            store.remove_worker(worker_id, crashed=True)

        ids = []
        while claims := store.settle_and_claim("two", None, 10)[0]:
            [claim] = claims
            assert store.settle_and_claim("two", None, 10) == ([], []), "two suspects at once"
            store.settle_and_claim("two", None, 0, [new_settlement(claim)])
            ids.append(claim.id)

        assert len(set(ids)) == 4

    @pytest.mark.parametrize("removed", [True, False])
    def test_a_released_suspect_still_runs_alone(self, store: JobStore, removed: bool) -> None:
        """After the stop of its worker, too."""
        store.add([new_job() for _ in range(2)])
        for number in (1, 2):
            worker_id = f"crashing-{number}"
            store.register_worker(worker_id)
            assert len(store.settle_and_claim(worker_id, None, 10)[0]) == 2
            store.remove_worker(worker_id, crashed=True)
        [claim] = store.settle_and_claim("one", None, 10)[0]

        if removed:
            store.remove_worker("one", crashed=False)
        else:
            release = new_settlement(claim, SettlementKind.RELEASE)
            store.settle_and_claim("one", None, 0, [release])

        [again] = store.settle_and_claim("two", None, 10)[0]
        assert (again.id, again.deliveries) == (claim.id, claim.deliveries)
        assert store.settle_and_claim("two", None, 10) == ([], [])

    # -- several processes ---------------------------------------------------------------------

    def test_concurrent_workers_claim_each_job_once(
        self, store: JobStore, stores: Callable[[], JobStore]
    ) -> None:
        """With four connections."""
        jobs = [new_job() for _ in range(200)]
        store.add(jobs)
        ids: list[str] = []

        def work(connection: JobStore, worker_id: str) -> None:
            while claims := connection.settle_and_claim(worker_id, None, 7)[0]:
                ids.extend(claim.id for claim in claims)
                settlements = [new_settlement(claim) for claim in claims]
                connection.settle_and_claim(worker_id, None, 0, settlements)

        threads = []
        for number in range(4):
            connection = stores()
            connection.register_worker(f"worker-{number}")
            threads.append(threading.Thread(target=work, args=(connection, f"worker-{number}")))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT_SECONDS)

        assert sorted(ids) == sorted(job.id for job in jobs)

    def test_a_job_of_another_process_wakes_a_waiting_worker(
        self, store: JobStore, stores: Callable[[], JobStore]
    ) -> None:
        """Long before the timeout."""
        other = stores()
        wake_event = threading.Event()
        store.wake_events.add(wake_event)
        assert store.settle_and_claim("one", None, 1) == ([], [])
        other.add([new_job()])
        start = time.monotonic()

        claims: list[Claim] = []
        while not claims and time.monotonic() < start + TIMEOUT_SECONDS:
            store.wait("one", wake_event, int(TIMEOUT_SECONDS * 1000))
            wake_event.clear()
            claims, _ = store.settle_and_claim("one", None, 1)

        assert len(claims) == 1
        assert time.monotonic() < start + TIMEOUT_SECONDS

    def test_a_wake_up_event_ends_the_wait(self, store: JobStore) -> None:
        """So a stopping worker does not wait for a job."""
        wake_event = threading.Event()
        wake_event.set()
        store.settle_and_claim("one", None, 1)
        start = time.monotonic()

        store.wait("one", wake_event, int(TIMEOUT_SECONDS * 1000))

        assert time.monotonic() < start + TIMEOUT_SECONDS

    def test_jobs_persist_when_the_store_is_opened_again(
        self, store: JobStore, stores: Callable[[], JobStore]
    ) -> None:
        """With their fields."""
        job = new_job(queue="mail")
        store.add([job])

        record = stores().find(job.id)

        assert record is not None
        assert (record.queue, record.state, record.body) == ("mail", JobState.READY, job.body)
