"""`BrokerDelivery`: the delivery of the ready jobs of a store through a message broker."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from actionhero_tasks.brokers.broker_queue import BrokerQueue
from actionhero_tasks.brokers.outage import Outage
from actionhero_tasks.brokers.receivers import Receivers
from actionhero_tasks.brokers.sender import MessageSender
from actionhero_tasks.job import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dramatiq import Broker

    from actionhero_tasks.brokers.backend import BrokerBackend
    from actionhero_tasks.stores.outbox import Outbox
    from actionhero_tasks.stores.store import JobStore


class BrokerDelivery:
    """Sends the ready jobs of a store to a message broker, and receives them from it.

    Args:
        store: The store; close it after the delivery.
        outbox: Its outbox.
        backend: The kind of the broker.
        broker: The broker; closed with the delivery.
        address: The host and the port of the broker, for messages.
        queues: Queues that may have messages of other clients, besides the queues of stored jobs.
    """

    def __init__(
        self,
        store: JobStore,
        outbox: Outbox,
        backend: BrokerBackend,
        broker: Broker,
        address: str,
        queues: Sequence[str] = (),
    ) -> None:
        self._backend = backend
        self._broker = broker
        #: Where the messages are, for messages to operators.
        self.place = f"{backend.title} at {address}"
        self._queue = queues[0] if queues else "default"
        self._outage = outage = Outage(backend.title)
        wake_event = threading.Event()
        self.receivers = Receivers(backend, broker, outage, wake_event.set, store.notify)
        #: Sends the jobs, when it is started.
        self.sender = MessageSender(
            store, outbox, backend, broker, outage, self.receivers, wake_event
        )
        #: Where workers get the jobs from.
        self.source = BrokerQueue(
            store, outbox, backend, broker, self.sender, self.receivers, outage, queues
        )

    @property
    def has_outage(self) -> bool:
        """Whether the broker is not called, because a call has just failed."""
        return bool(self._outage)

    def start(self) -> None:
        """Begin to send jobs, in a thread."""
        self.sender.start()

    def ping(self) -> None:
        """Raise if the broker cannot be used now. Blocks.

        Raises:
            BrokerUnavailable: It cannot be reached.
        """
        try:
            self._backend.ping(self._broker, self._queue)
        except Exception as error:
            raise BrokerUnavailable(f"{self.place}: {_reason(error)}") from error

    def close(self) -> None:
        """Send the unsent jobs, and close the connections to the broker."""
        self.source.close()
        self.sender.close()
        self._broker.close()


def _reason(error: BaseException) -> str:
    """Return the innermost message of an exception that may wrap others."""
    inner = [*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args]
    for item in reversed(inner):
        if isinstance(item, BaseException):
            return _reason(item)
    return str(error) or type(error).__name__
