"""`MessageSender`: the thread that sends ready jobs to a broker."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from actionhero_tasks.brokers.messages import message_for
from actionhero_tasks.job import StoreUnavailable

if TYPE_CHECKING:
    from dramatiq import Broker

    from actionhero_tasks.brokers.backend import BrokerBackend
    from actionhero_tasks.brokers.outage import Outage
    from actionhero_tasks.brokers.receivers import Receivers
    from actionhero_tasks.stores.outbox import Outbox
    from actionhero_tasks.stores.store import JobStore

logger = logging.getLogger("actionhero.tasks")

#: How many jobs are sent in one step.
MAX_SENT: Final = 500
#: How often the thread looks for unsent jobs of other processes.
POLL_SECONDS: Final = 1.0
#: After this time a process that began to send a job is considered dead.
SENDING_MS: Final = 10_000
#: How long to wait for the end of the thread.
JOIN_SECONDS: Final = 5.0


class MessageSender(threading.Thread):
    """Sends a message for each ready job, in a thread, so that callers do not wait for the broker.

    It also opens and closes the receivers of workers, for the same reason.

    The store announces ready jobs by `sender_events`. Those that other processes did not send are
    found within `POLL_SECONDS`.

    Args:
        store: The store.
        outbox: Its outbox.
        backend: The kind of the broker.
        broker: The broker.
        outage: The outage of the broker.
        receivers: The receivers of workers.
        wake_event: Set when there may be unsent jobs, or receivers to open or to close.
    """

    def __init__(
        self,
        store: JobStore,
        outbox: Outbox,
        backend: BrokerBackend,
        broker: Broker,
        outage: Outage,
        receivers: Receivers,
        wake_event: threading.Event,
    ) -> None:
        super().__init__(name="tasks-sender", daemon=True)
        self._store = store
        self._outbox = outbox
        self._backend = backend
        self._broker = broker
        self._outage = outage
        self._receivers = receivers
        self._closing = False
        self.wake_event = wake_event
        store.sender_events.add(self.wake_event)

    def run(self) -> None:
        """Send jobs until `close`."""
        next_reset = 0.0
        while True:
            self.wake_event.wait(POLL_SECONDS)
            self.wake_event.clear()
            closing = self._closing
            try:
                if (now := time.monotonic()) >= next_reset:
                    next_reset = now + POLL_SECONDS
                    self._outbox.reset_stale(self._store.now_ms() - SENDING_MS)
                self.send()
            except StoreUnavailable as error:
                logger.debug("jobs were not sent: %s", error)
            except Exception:
                # Without this thread no job would be sent any more.
                logger.exception("jobs were not sent")
            if closing:
                self._receivers.close_abandoned()
                return
            self._receivers.serve()

    def send(self) -> None:
        """Send the unsent jobs, unless the broker is unavailable.

        Raises:
            StoreUnavailable: The store cannot be reached.
        """
        self._outbox.excluded_queues = frozenset(self._store.queue_limits)
        while not self._outage and (jobs := self._outbox.begin_sending(MAX_SENT)):
            ids = [job.id for job in jobs]
            try:
                self._receivers.recover()
                self._backend.publish(self._broker, [message_for(job) for job in jobs])
            except Exception as error:  # noqa: BLE001 - each driver has errors of its own
                self._outbox.mark_unsent(ids)
                self._receivers.note_error(error)
                return
            self._outage.end()
            self._outbox.mark_sent(ids)
            self._store.notify()

    def close(self) -> None:
        """Send the unsent jobs, and end the thread. Jobs that cannot be sent remain stored."""
        self._store.sender_events.discard(self.wake_event)
        self._closing = True
        self.wake_event.set()
        if self.is_alive():
            self.join(JOIN_SECONDS)
        else:
            self._receivers.close_abandoned()
