"""`DeliveredStore`: a store whose jobs a message broker delivers, for the test suite of stores."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from actionhero_tasks.testing.stores import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actionhero_tasks.brokers.delivery import BrokerDelivery
    from actionhero_tasks.job import Claim, Settlement
    from actionhero_tasks.queue_limits import QueueLimit
    from actionhero_tasks.stores.store import JobStore


class DeliveredStore:
    """Claims jobs through a broker; all other methods are those of the store.

    A worker tries again if a message has not arrived yet. Here, the claim itself does.

    Args:
        store: The store; closed with this one.
        delivery: The delivery, which is not started; closed with this one.
    """

    def __init__(self, store: JobStore, delivery: BrokerDelivery) -> None:
        self.store = store
        self.delivery = delivery
        self.wait = delivery.source.wait

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    @property
    def queue_limits(self) -> Mapping[str, QueueLimit]:
        """The limits of the store."""
        return self.store.queue_limits

    @queue_limits.setter
    def queue_limits(self, limits: Mapping[str, QueueLimit]) -> None:
        self.store.queue_limits = limits

    def settle_and_claim(
        self,
        worker_id: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        """Settle and claim, as `JobSource` does."""
        source = self.delivery.source
        claims, rejected = source.settle_and_claim(worker_id, queues, 0, settlements)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(claims) < limit:
            self.delivery.sender.send()
            more, _ = source.settle_and_claim(worker_id, queues, limit - len(claims))
            claims += more
            if not self._are_sent(queues) or time.monotonic() > deadline:
                break
        self.delivery.source.suspend(worker_id)
        self.delivery.receivers.close_abandoned()
        return claims, rejected

    def _are_sent(self, queues: Sequence[str] | None) -> bool:
        """Return whether messages have not arrived yet."""
        outbox = self.store.outbox()
        assert outbox is not None
        counts = outbox.sent_counts()
        return not self.delivery.has_outage and bool(
            counts if queues is None else counts.keys() & set(queues)
        )

    def close(self) -> None:
        """Close the delivery and the store."""
        self.delivery.close()
        self.store.close()
