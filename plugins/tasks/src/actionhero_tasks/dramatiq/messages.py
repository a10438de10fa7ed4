"""`JobMessage`: a message that is processed, with the claim of its job and how it is settled."""

from __future__ import annotations

import asyncio
import dataclasses
from concurrent import futures
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from dramatiq import Message, MessageProxy
from dramatiq.middleware import SkipMessage

from actionhero import MalformedRequest, TypedError
from actionhero.transport import dumps, loads
from actionhero_tasks.envelope import encode_error
from actionhero_tasks.job import Settlement, SettlementKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_tasks.job import Claim, NewJob

#: The message that this thread or asyncio task processes.
current_message: ContextVar[JobMessage | None] = ContextVar(
    "actionhero_tasks_message", default=None
)

#: The exceptions of a cancelled coroutine, on the event loop and in a thread that waits for it.
_CANCELLED: Final = (asyncio.CancelledError, futures.CancelledError)


class JobMessage(MessageProxy):
    """A message that is processed.

    Args:
        message: The message.
        claim: The claim of its job.
    """

    def __init__(self, message: Message[Any], claim: Claim) -> None:
        super().__init__(message)
        if claim.attempts:
            # As dramatiq's middleware counts them in the message.
            message.options["retries"] = claim.attempts
        self.claim = claim
        #: The settlement of an action's job, once it has run.
        self.settlement: Settlement | None = None
        #: The error of an action.
        self.error: BaseException | None = None
        #: The return value.
        self.result: Any = None
        #: The delay after which dramatiq's middleware retries it.
        self.retry_delay_ms: int | None = None
        #: Whether the worker has released the job, although its thread continues.
        self.is_abandoned = False
        #: Whether the cancellation of the job was requested, in dramatiq's own worker.
        self.is_cancelled = False
        #: Cancels what the thread of the message awaits on the event loop.
        self.on_cancel: Callable[[], object] = lambda: None
        #: Called with the settlement, in the thread that processed the message.
        self.on_settlement: Callable[[Settlement], None] = lambda _: None

    def is_retry(self, message: Message[Any]) -> bool:
        """Return whether `message` is this one again, because it has failed."""
        return (
            message.message_id == self.message_id
            and message.options.get("retries") == self.claim.attempts + 1
            and message.actor_name == self.actor_name
            and message.queue_name == self.queue_name
            and message.args == self.args
            and message.kwargs == self.kwargs
        )

    def cancel(self) -> None:
        """Cancel the job, unless it was: before it starts, or where its thread awaits a coroutine.

        Called in another thread.
        """
        if not self.is_cancelled:
            # In this order: the thread sets `on_cancel`, and reads this afterwards.
            self.is_cancelled = True
            self.on_cancel()

    def skip_if_cancelled(self) -> None:
        """Raise `SkipMessage` if the job was cancelled before it started."""
        if self.is_cancelled:
            self.settle_as_cancelled()
            raise SkipMessage(f"the job {self.claim.id} was cancelled")

    def settle_as_cancelled(self) -> None:
        """Settle the job as one that was cancelled."""
        self.settlement = Settlement(self.claim.id, self.claim.token, SettlementKind.CANCEL)

    def settle(self) -> Settlement:
        """Return the settlement of the job, now that the message was processed."""
        claim = self.claim
        if self.is_cancelled and isinstance(self._exception, _CANCELLED):
            self.settle_as_cancelled()
        if self.settlement is not None:
            return self.settlement
        error = None if self._exception is None else encode_exception(self._exception)
        if self.failed:
            return Settlement(claim.id, claim.token, SettlementKind.DEAD, error=error)
        if self.retry_delay_ms is not None:
            kind = SettlementKind.RETRY
            return Settlement(
                claim.id, claim.token, kind, error=error, delay_ms=self.retry_delay_ms
            )
        result = encode_result(self.result)
        return Settlement(claim.id, claim.token, SettlementKind.DONE, result=result)


def decode_action_message(claim: Claim) -> Message[Any]:
    """Decode the message of an action's job; without inputs, if it is undecodable."""
    try:
        return _decode(claim.body)
    except (MalformedRequest, KeyError, TypeError, ValueError):
        # The runner dead-letters the job.
        return Message(claim.queue, claim.action, (), {}, {}, claim.id)


def decode_stored(job: NewJob) -> Message[Any]:
    """Return the message of a job that is enqueued, for middleware that may change its options."""
    return _decode(job.body)


def encode_stored(job: NewJob, message: Message[Any]) -> NewJob:
    """Return a job with a message that middleware may have changed."""
    return dataclasses.replace(job, body=dumps(message.asdict()))


def _decode(body: bytes) -> Message[Any]:
    fields = loads(body)
    return Message(**{**fields, "args": tuple(fields["args"])})


def encode_result(result: Any) -> bytes:
    """Return a return value as JSON; `null` if it has no JSON representation."""
    try:
        return dumps(result)
    except TypeError:
        return b"null"


def encode_exception(exception: BaseException) -> bytes:
    """Return an exception as JSON, without its message, which may contain a secret."""
    return encode_error(
        TypedError(f"{type(exception).__name__} was raised; see the log of the worker")
    )
