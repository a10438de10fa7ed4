"""`LimitsContract`: the tests of stores whose claims observe the limits of queues."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from actionhero_tasks.job import JobState, SettlementKind
from actionhero_tasks.queue_limits import QueueLimit
from actionhero_tasks.testing.jobs import new_job, new_settlement
from actionhero_tasks.testing.stores import TIMEOUT_SECONDS, StoreSuite

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.store import JobStore

#: The limits of the tests.
TWO = {"mail": QueueLimit(concurrency=2)}
THREE_PER_HALF_SECOND = {"mail": QueueLimit(rate=3, period_ms=500)}
LONG = {"mail": QueueLimit(rate=3, period_ms=3_600_000)}


class LimitsContract(StoreSuite):
    """A part of `StoreContract`."""

    @pytest.mark.parametrize("queues", [None, ["mail", "other"]])
    def test_a_queue_runs_no_more_jobs_at_once_than_its_limit(
        self, store: JobStore, stores: Callable[[], JobStore], queues: list[str] | None
    ) -> None:
        """Of all workers together; other queues are not limited, and keep their order."""
        second = stores()
        for each in (store, second):
            each.queue_limits = TWO
        mail = [new_job(queue="mail", priority=-1) for _ in range(5)]
        other = [new_job(queue="other") for _ in range(4)]
        store.add(mail + other)

        first = store.settle_and_claim("one", queues, 3)[0]
        rest = second.settle_and_claim("two", queues, 10)[0]

        assert [claim.id for claim in first] == [mail[0].id, mail[1].id, other[0].id]
        assert [claim.id for claim in rest] == [job.id for job in other[1:]]
        settled = [new_settlement(first[0]), new_settlement(first[2])]
        assert store.settle_and_claim("one", queues, 0, settled) == ([], [])
        assert _ids(second.settle_and_claim("two", queues, 10)[0]) == [mail[2].id]
        assert second.settle_and_claim("two", queues, 10) == ([], [])

    @pytest.mark.parametrize("kind", list(SettlementKind))
    def test_a_settled_job_frees_its_place(self, store: JobStore, kind: SettlementKind) -> None:
        """In every way to settle it, in the same step."""
        store.queue_limits = TWO
        store.add([new_job(queue="mail") for _ in range(4)])
        first, second = store.settle_and_claim("one", None, 10)[0]

        settlement = new_settlement(first, kind, delay_ms=60_000)
        claims, _ = store.settle_and_claim("one", None, 10, [settlement])

        assert len(claims) == 1
        assert claims[0].id not in {first.id, second.id}

    def test_a_settled_job_wakes_a_waiting_worker(
        self, store: JobStore, stores: Callable[[], JobStore]
    ) -> None:
        """Of another process."""
        other = stores()
        for each in (store, other):
            each.queue_limits = TWO
        store.add([new_job(queue="mail") for _ in range(3)])
        first, _ = store.settle_and_claim("one", None, 10)[0]
        wake_event = threading.Event()
        other.wake_events.add(wake_event)
        claimed: list[Claim] = []

        def work() -> None:
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while not claimed and time.monotonic() < deadline:
                wake_event.clear()
                claimed.extend(other.settle_and_claim("two", None, 10)[0])
                if not claimed:
                    other.wait("two", wake_event, int(TIMEOUT_SECONDS * 1000))

        thread = threading.Thread(target=work)
        thread.start()
        store.settle_and_claim("one", None, 0, [new_settlement(first)])
        thread.join(TIMEOUT_SECONDS)

        assert len(claimed) == 1

    def test_a_killed_worker_frees_its_places(
        self, store: JobStore, kill_worker: Callable[[JobStore, str], None]
    ) -> None:
        """When the sweep detects it."""
        store.queue_limits = TWO
        store.add([new_job(queue="mail") for _ in range(4)])
        lost = store.settle_and_claim("one", None, 10)[0]
        assert len(lost) == 2
        assert store.settle_and_claim("two", None, 10) == ([], [])

        kill_worker(store, "one")
        claims = self.claim_after_sweep(store)

        assert _ids(claims) == _ids(lost)

    def test_suspects_observe_the_limits(self, store: JobStore) -> None:
        """A suspect waits for a place, and takes one."""
        suspect = new_job(queue="mail")
        store.add([suspect])
        for number in (1, 2):
            store.register_worker(f"crashing-{number}")
            store.settle_and_claim(f"crashing-{number}", None, 1)
            store.remove_worker(f"crashing-{number}", crashed=True)
        store.queue_limits = {"mail": QueueLimit(concurrency=1)}
        running = new_job(queue="mail", priority=-1)
        store.add([running])

        first = store.settle_and_claim("one", None, 10)[0]
        second = store.settle_and_claim("two", None, 10)[0]
        done = [new_settlement(claim) for claim in first]
        third = store.settle_and_claim("one", None, 10, done)[0]

        assert second == []
        assert sorted(_ids(first + third)) == sorted([suspect.id, running.id])
        assert (len(first), len(third)) == (1, 1)

    def test_a_rate_limits_the_starts_of_all_workers(
        self, store: JobStore, stores: Callable[[], JobStore]
    ) -> None:
        """Jobs that have ended, retries and released jobs count."""
        second = stores()
        for each in (store, second):
            each.queue_limits = LONG
        other = new_job(queue="other", priority=1)
        store.add([*(new_job(queue="mail") for _ in range(5)), other])

        one, two = store.settle_and_claim("one", None, 2)[0]
        settled = [new_settlement(one), new_settlement(two, SettlementKind.RELEASE)]
        third, fourth = second.settle_and_claim("two", None, 10)[0]
        store.settle_and_claim("one", None, 0, settled)

        assert [third.queue, fourth.id] == ["mail", other.id]
        assert store.settle_and_claim("one", None, 10) == ([], [])
        assert second.settle_and_claim("two", ["mail"], 10) == ([], [])

    def test_no_period_has_more_starts_than_the_rate(
        self, store: JobStore, stores: Callable[[], JobStore]
    ) -> None:
        """For every period of two concurrent workers, which wait until a job may start."""
        store.queue_limits = THREE_PER_HALF_SECOND
        jobs = [new_job(queue="mail") for _ in range(10)]
        store.add(jobs)
        waits: list[float] = []

        def work(connection: JobStore, worker_id: str) -> None:
            connection.queue_limits = THREE_PER_HALF_SECOND
            wake_event = threading.Event()
            connection.wake_events.add(wake_event)
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while connection.counts() and time.monotonic() < deadline:
                wake_event.clear()
                claims, _ = connection.settle_and_claim(worker_id, None, 2)
                done = [new_settlement(claim) for claim in claims]
                connection.settle_and_claim(worker_id, None, 0, done)
                if not claims:
                    connection.wait(worker_id, wake_event, 200)
                    waits.append(time.monotonic())

        threads = [
            threading.Thread(target=work, args=(stores(), worker_id))
            for worker_id in ("one", "two")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT_SECONDS)

        records = [store.find(job.id) for job in jobs]
        starts = sorted(record.started_ms for record in records if record and record.started_ms)
        assert len(starts) == 10
        for first, fourth in zip(starts, starts[3:], strict=False):
            assert fourth - first >= 500
        # They have waited instead of polling all the time.
        assert len(waits) < 500

    def test_a_worker_waits_after_a_rate_has_kept_a_job_that_was_cancelled(
        self, store: JobStore
    ) -> None:
        """The time at which that job could have started has passed."""
        store.queue_limits = {"mail": QueueLimit(rate=1, period_ms=1000)}
        store.add([new_job(queue="mail") for _ in range(2)])
        begin = time.monotonic()
        [claim] = store.settle_and_claim("one", None, 10)[0]
        store.settle_and_claim("one", None, 0, [new_settlement(claim)])
        assert store.settle_and_claim("one", None, 10) == ([], [])
        [kept] = store.jobs(JobState.READY)
        store.cancel(kept.id)
        wake_event = threading.Event()
        store.wake_events.add(wake_event)

        rounds = 0
        while time.monotonic() < begin + 1.3:
            wake_event.clear()
            assert store.settle_and_claim("one", None, 10) == ([], [])
            store.wait("one", wake_event, 200)
            rounds += 1

        assert rounds < 50

    @pytest.mark.parametrize("limits", [{}, {"b": QueueLimit(concurrency=5)}])
    def test_a_queue_that_is_listed_twice_counts_once(
        self, store: JobStore, limits: dict[str, QueueLimit]
    ) -> None:
        """Its jobs are claimed once, up to the limit of the claim, by priority over all queues."""
        store.queue_limits = limits
        jobs = [new_job(queue=queue) for queue in "abab"]
        store.add(jobs)

        first, _ = store.settle_and_claim("one", ["a", "b", "a"], 3)
        rest, _ = store.settle_and_claim("one", ["a", "b", "b", "b"], 3)

        assert {claim.id for claim in first + rest} == {job.id for job in jobs}
        assert (len(first), len(rest)) == (3, 1)


def _ids(claims: list[Claim]) -> list[str]:
    return [claim.id for claim in claims]
