"""`SinkDelivery`: writes audit events to sinks, in a thread of its own."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.audit.event import AuditEvent
    from actionhero.audit.sink import AuditSink

logger = logging.getLogger("actionhero.audit.sinks")

#: The number of events that may wait for slow sinks; further ones are in the log only.
MAX_WAITING: Final = 10_000
#: How long the end of the process waits for the sinks.
EXIT_SECONDS: Final = 5.0


class _Item(NamedTuple):
    """An entry of the queue; without an event, its completion means that all before are written."""

    event: AuditEvent | None
    written: Future[None] | None = None
    is_last: bool = False


class SinkDelivery:
    """Writes events to sinks, one after the other, without blocking the caller.

    The thread is a daemon, so that a sink that hangs does not keep the process from ending.

    Args:
        sinks: The sinks, in the order in which they are written to.
    """

    def __init__(self, sinks: Sequence[AuditSink]) -> None:
        self._sinks = tuple(sinks)
        self._lock = threading.Lock()
        #: The process with the thread; zero: there is none.
        self._process_id = 0
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._is_behind = False
        #: By sink: how many events in a row it could not write.
        self._failures = dict.fromkeys(self._sinks, 0)

    def submit(self, event: AuditEvent) -> None:
        """Write an event, later."""
        waiting = self._queue.qsize()
        if waiting >= MAX_WAITING:
            if not self._is_behind:
                logger.error("the audit sinks are %d events behind; see the log", MAX_WAITING)
            self._is_behind = True
            return
        self._is_behind = self._is_behind and waiting > MAX_WAITING / 2
        self._put(_Item(event))

    def require(self, event: AuditEvent) -> Future[None]:
        """Write an event; the future has the error of the first sink that has failed."""
        written: Future[None] = Future()
        self._put(_Item(event, written))
        return written

    def finish(self) -> Future[None]:
        """End the thread; the future completes when all events so far are written, or have failed.

        A later event starts another thread.
        """
        written: Future[None] = Future()
        with self._lock:
            if self._process_id == os.getpid():
                self._process_id = 0
                self._queue.put(_Item(None, written, is_last=True))
            else:
                written.set_result(None)
        return written

    def flush(self) -> Future[None]:
        """Return a future that completes when all events so far are written, or have failed."""
        written: Future[None] = Future()
        self._put(_Item(None, written))
        return written

    def _put(self, item: _Item) -> None:
        with self._lock:
            # A fork does not have the thread, and must not write the events of its parent.
            if self._process_id != os.getpid():
                self._process_id = os.getpid()
                self._queue = queue.SimpleQueue()
                atexit.unregister(self._finish_at_exit)
                atexit.register(self._finish_at_exit)
                threading.Thread(
                    target=self._run, args=(self._queue,), name="actionhero-audit", daemon=True
                ).start()
            self._queue.put(item)

    def _run(self, items: queue.SimpleQueue[_Item]) -> None:
        while True:
            event, written, is_last = items.get()
            error = self._write(event) if event is not None else None
            # Not if its caller was cancelled meanwhile.
            if written is not None and written.set_running_or_notify_cancel():
                if error is None:
                    written.set_result(None)
                else:
                    written.set_exception(error)
            if is_last:
                return

    def _write(self, event: AuditEvent) -> BaseException | None:
        """Write an event to all sinks, and return the first error."""
        first = None
        for sink in self._sinks:
            try:
                sink.write(event)
            except BaseException as error:
                first = first or error
                self._failures[sink] += 1
                if self._failures[sink] == 1:
                    name = f"{type(sink).__module__}.{type(sink).__qualname__}"
                    logger.error("the audit sink %s has failed", name, exc_info=error)
            else:
                if failures := self._failures[sink]:
                    self._failures[sink] = 0
                    logger.warning(
                        "the audit sink %s works again; it has not written %d events",
                        type(sink).__qualname__,
                        failures,
                    )
        return first

    def _finish_at_exit(self) -> None:
        try:
            self.finish().result(EXIT_SECONDS)
        except TimeoutError:
            logger.error("the audit sinks have not written %d events", self._queue.qsize())
