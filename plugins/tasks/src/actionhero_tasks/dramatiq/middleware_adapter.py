"""`DramatiqMiddlewareAdapter`: calls native dramatiq middleware for the jobs of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dramatiq import Message, MessageProxy
from dramatiq.errors import DecodeError
from dramatiq.middleware import SkipMessage

from actionhero_tasks.dramatiq.broker import JobBroker

if TYPE_CHECKING:
    from dramatiq import Middleware

    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.store import JobStore


class DramatiqMiddlewareAdapter:
    """Emits the signals of dramatiq's own worker.

    Args:
        store: The job store.
        middleware: The middleware of all plugins, the outermost first.
    """

    def __init__(self, store: JobStore, middleware: list[Middleware]) -> None:
        self.broker = JobBroker(store, middleware)

    def worker_started(self, worker: Any) -> None:
        """Emit the boot of a worker."""
        self.broker.emit_after("process_boot")
        self.broker.emit_before("worker_boot", worker)
        self.broker.emit_after("worker_boot", worker)

    def worker_stopped(self, worker: Any) -> None:
        """Emit the shutdown of a worker."""
        self.broker.emit_before("worker_shutdown", worker)
        self.broker.emit_after("worker_shutdown", worker)

    def before_job(self, claim: Claim) -> MessageProxy | None:
        """Emit the start of a job.

        Returns:
            The message to pass to `after_job`, or `None` if a middleware skips the job.
        """
        try:
            message = MessageProxy(Message.decode(claim.body))
        except DecodeError:
            # The runner dead-letters the job; middleware sees it without arguments.
            message = MessageProxy(Message(claim.queue, claim.action, (), {}, {}, claim.id))
        try:
            self.broker.emit_before("process_message", message)
        except SkipMessage:
            self.broker.emit_after("skip_message", message)
            return None
        return message

    def after_job(self, message: MessageProxy, result: Any, error: BaseException | None) -> None:
        """Emit the end of a job."""
        if error is None:
            self.broker.emit_after("process_message", message, result=result)
        else:
            message.stuff_exception(error)
            self.broker.emit_after("process_message", message, exception=error)
