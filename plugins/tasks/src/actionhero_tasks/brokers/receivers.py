"""`Receivers`: the receivers of workers, which the thread of the sender opens and closes."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from actionhero_tasks.brokers.receiver import QueueReceiver

if TYPE_CHECKING:
    from collections.abc import Callable

    from dramatiq import Broker

    from actionhero_tasks.brokers.backend import BrokerBackend
    from actionhero_tasks.brokers.outage import Outage


class Receivers:
    """The receivers of workers, by queue.

    To open or to close one, or to recover from an error, is to wait for the broker: for a silent
    one until the timeouts of its driver. A worker must not, because the same thread settles jobs
    and extends its lease. So a worker requests a receiver, and uses those that are open.

    Args:
        backend: The kind of the broker.
        broker: The broker.
        outage: The outage of the broker.
        on_request: Called when there is something to do for `serve`.
        on_open: Called when a requested receiver is open.
    """

    def __init__(
        self,
        backend: BrokerBackend,
        broker: Broker,
        outage: Outage,
        on_request: Callable[[], object],
        on_open: Callable[[], object],
    ) -> None:
        self._backend = backend
        self._broker = broker
        self._outage = outage
        self._on_request = on_request
        self._on_open = on_open
        self._lock = threading.Lock()
        #: By worker id and queue; delayed messages have queues of their own.
        self._open: dict[tuple[str, str], QueueReceiver] = {}
        #: Without values: an ordered set.
        self._requested: dict[tuple[str, str], None] = {}
        self._abandoned: deque[QueueReceiver] = deque()
        self._has_failed = False

    # -- for workers, without waiting for the broker -------------------------------------------

    def get(self, worker_id: str, queue: str) -> QueueReceiver | None:
        """Return the receiver of a worker for a queue; `None` if it is being opened now."""
        key = (worker_id, queue)
        with self._lock:
            receiver = self._open.get(key)
            if receiver is None:
                self._requested[key] = None
        if receiver is None:
            self._on_request()
        return receiver

    def abandon(self, worker_id: str | None = None) -> None:
        """Close the receivers of a worker, and withdraw its requests; `None`: of all workers."""
        with self._lock:
            for key in [key for key in self._open if worker_id in (None, key[0])]:
                self._abandoned.append(self._open.pop(key))
            for key in [key for key in self._requested if worker_id in (None, key[0])]:
                del self._requested[key]
        self._on_request()

    def note_error(self, error: Exception) -> None:
        """Begin an outage after an error of the broker."""
        self._has_failed = True
        self._outage.begin(error)

    # -- in the thread of the sender -----------------------------------------------------------

    def serve(self) -> None:
        """Close the abandoned receivers, and open the requested ones."""
        self.close_abandoned()
        self.open_requested()

    def open_requested(self) -> None:
        """Open the requested receivers, unless the broker is unavailable."""
        while self._requested and not self._outage:
            with self._lock:
                key = next(iter(self._requested), None)
            if key is None:
                return
            try:
                self.recover()
                self._broker.declare_queue(key[1])
                timeout_ms = self._backend.receive_timeout_ms
                receiver = QueueReceiver(self._broker, key[1], timeout_ms)
            except Exception as error:  # noqa: BLE001 - each driver has errors of its own
                self.note_error(error)
                with self._lock:
                    if key in self._requested:
                        # Behind the others, if the error is that of this queue.
                        del self._requested[key]
                        self._requested[key] = None
                return
            self._outage.end()
            with self._lock:
                is_wanted = key in self._requested
                if is_wanted:
                    del self._requested[key]
                    self._open[key] = receiver
                else:
                    # The worker has no capacity any more, or has ended.
                    self._abandoned.append(receiver)
            if is_wanted:
                self._on_open()

    def recover(self) -> None:
        """Recover the broker, if a call has failed since the last one."""
        if self._has_failed:
            self._has_failed = False
            self._backend.recover(self._broker)

    def close_abandoned(self) -> None:
        """Close the abandoned receivers."""
        while self._abandoned:
            self._abandoned.popleft().close()
