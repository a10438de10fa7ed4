"""`DramatiqMiddlewareAdapter`: tells native middleware of dramatiq about the jobs that our worker runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dramatiq import Message, MessageProxy
from dramatiq.errors import DecodeError
from dramatiq.middleware import SkipMessage

from actionhero_tasks.broker import JobBroker

if TYPE_CHECKING:
    from dramatiq import Middleware

    from actionhero_tasks.job import Claim
    from actionhero_tasks.store import JobStore


class DramatiqMiddlewareAdapter:
    """What middleware is told, and on which broker.

    Args:
        store: The store of jobs.
        middleware: All that plugins gave, the outermost first.
    """

    def __init__(self, store: JobStore, middleware: list[Middleware]) -> None:
        self.broker = JobBroker(store, middleware)

    def boot(self, worker: Any) -> None:
        """Tell that a worker begins."""
        self.broker.emit_after("process_boot")
        self.broker.emit_before("worker_boot", worker)
        self.broker.emit_after("worker_boot", worker)

    def shut_down(self, worker: Any) -> None:
        """Tell that a worker has ended."""
        self.broker.emit_before("worker_shutdown", worker)
        self.broker.emit_after("worker_shutdown", worker)

    def begin(self, claim: Claim) -> MessageProxy | None:
        """Tell that a job begins.

        Returns:
            The message that is told of again at its end; `None`: middleware wants it skipped.
        """
        try:
            message = MessageProxy(Message.decode(claim.body))
        except DecodeError:
            # Nobody can read it; it goes to the dead letters by another way.
            message = MessageProxy(Message(claim.queue, claim.action, (), {}, {}, claim.id))
        try:
            self.broker.emit_before("process_message", message)
        except SkipMessage:
            self.broker.emit_after("skip_message", message)
            return None
        return message

    def end(self, message: MessageProxy, result: Any, error: BaseException | None) -> None:
        """Tell that a job has ended, with a value or an error."""
        if error is None:
            self.broker.emit_after("process_message", message, result=result)
        else:
            message.stuff_exception(error)
            self.broker.emit_after("process_message", message, exception=error)
