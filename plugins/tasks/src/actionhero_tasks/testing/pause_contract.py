"""`PauseContract`: the tests of stores whose claims observe paused queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_tasks.queue_limits import QueueLimit
from actionhero_tasks.stores.store import MAX_DELIVERIES
from actionhero_tasks.testing.jobs import new_job
from actionhero_tasks.testing.stores import StoreSuite

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_tasks.stores.store import JobStore


class PauseContract(StoreSuite):
    """A part of `StoreContract`."""

    def test_jobs_of_a_paused_queue_are_not_claimed(
        self, store: JobStore, stores: Callable[[], JobStore]
    ) -> None:
        """By any worker, until it is resumed; other queues are not affected."""
        second = stores()
        mail = [new_job(queue="mail", priority=-1) for _ in range(2)]
        other = new_job(queue="other")
        assert (store.pause_queue("mail"), second.pause_queue("mail")) == (True, False)
        store.add([*mail, other])

        paused = second.paused_queues()
        claimed = second.settle_and_claim("one", None, 10)[0]
        named = store.settle_and_claim("two", ["mail", "nowhere"], 10)[0]
        resumed = (second.resume_queue("mail"), store.resume_queue("mail"))
        rest = store.settle_and_claim("two", None, 10)[0]

        assert paused == ["mail"]
        assert [claim.id for claim in claimed] == [other.id]
        assert named == []
        assert resumed == (True, False)
        assert [claim.id for claim in rest] == [job.id for job in mail]
        assert store.paused_queues() == []

    def test_jobs_that_a_broker_has_are_paused(self, store: JobStore) -> None:
        """Their messages are returned, and sent again when the queue is resumed."""
        mail = [new_job(queue="mail") for _ in range(2)]
        other = new_job(queue="other")
        store.add([*mail, other])
        sent = store.settle_and_claim("one", ["other"], 1)[0]
        store.pause_queue("mail")

        while_paused = store.settle_and_claim("one", None, 10)[0]
        [counts] = [each for each in store.counts() if each.queue == "mail"]
        store.resume_queue("mail")
        claims = store.settle_and_claim("one", None, 10)[0]

        assert [claim.id for claim in sent] == [other.id]
        assert while_paused == []
        assert counts.ready == 2
        assert [claim.id for claim in claims] == [job.id for job in mail]

    def test_suspects_of_a_paused_queue_are_not_claimed(self, store: JobStore) -> None:
        """Nor sent."""
        job = new_job(queue="mail")
        store.add([job])
        for _ in range(MAX_DELIVERIES - 1):
            store.settle_and_claim("worker", None, 1)
            store.remove_worker("worker", crashed=True)
        store.pause_queue("mail")

        while_paused = store.settle_and_claim("worker", None, 5)[0]
        store.resume_queue("mail")
        claims = store.settle_and_claim("worker", None, 5)[0]

        assert while_paused == []
        assert [claim.id for claim in claims] == [job.id]

    def test_a_limited_queue_is_paused(self, store: JobStore) -> None:
        """Its limits hold again afterwards."""
        store.queue_limits = {"mail": QueueLimit(concurrency=1)}
        jobs = [new_job(queue="mail"), new_job(queue="mail"), new_job(queue="other")]
        store.add(jobs)
        store.pause_queue("mail")

        while_paused = store.settle_and_claim("worker", None, 5)[0]
        store.resume_queue("mail")
        claims = store.settle_and_claim("worker", None, 5)[0]

        assert [claim.id for claim in while_paused] == [jobs[2].id]
        assert [claim.id for claim in claims] == [jobs[0].id]
