"""One call of a client, from its message to its response: `OpenCall`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from actionhero import (
    ConnectionTypeNotFound,
    Event,
    Outcome,
    ServiceUnavailable,
    Stream,
    TypedError,
)
from actionhero_web import encode_event
from actionhero_websocket import messages

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine, Mapping

    from actionhero import Connection
    from actionhero.transport import Payload, PendingCall, RegisteredAction
    from actionhero_websocket.session_registry import SessionRegistry


class CallingSession(Protocol):
    """The session of a client, as its calls use it."""

    registry: SessionRegistry
    is_closing: bool

    @property
    def connection(self) -> Connection:
        """The connection."""

    def end_if_idle(self) -> None:
        """Close the socket if that has waited for the end of the calls."""

    def send_text(self, body: bytes) -> None:
        """Send a text message, encoded as UTF-8."""

    async def drained(self) -> None:
        """Wait until the client has received most of the buffer, or is disconnected."""


class OpenCall:
    """A call that has not finished with its first step: it waits, streams, or is queued.

    Args:
        session: The session of the client.
        id: The `messageId` of the message, or `messages.NO_ID`.
        action: The action.
        inputs: The inputs of the message.
        pending: The state of the call for the pipeline.
        carrier: The trace fields of the message; `None` without any.
        idempotency_key: The idempotency key of the message; `None` without one.
    """

    __slots__ = ("_carrier", "_idempotency_key", "_inputs", "_is_ended", "_is_streaming", "action",
                 "id", "pending", "session", "task")  # fmt: skip

    def __init__(
        self,
        session: CallingSession,
        id: Any,
        action: RegisteredAction,
        inputs: Payload,
        pending: PendingCall,
        carrier: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        self._carrier = carrier
        self._idempotency_key = idempotency_key
        self.session = session
        self.id = id
        self.action = action
        self._inputs = inputs
        self._is_ended = self._is_streaming = False
        self.pending = pending
        #: The task of the call, once it has started.
        self.task: asyncio.Task[Outcome] | None = None

    def execute(self) -> Coroutine[Any, Any, Outcome]:
        """Return the coroutine of the call."""
        session, action = self.session, self.action
        return session.registry.execute(
            session.connection,
            action.name,
            self._inputs,
            sink=self._send_chunk if action.streams else None,
            pending=self.pending,
            carrier=self._carrier,
            idempotency_key=self._idempotency_key,
        )

    def respond(self, outcome: Outcome) -> None:
        """Send the response."""
        session, id, action = self.session, self.id, self.action
        error = outcome.error
        if action.streams and error is None and self._has_streamed(outcome.value):
            session.send_text(messages.stream_end(id))
        elif error is not None and self._is_streaming:
            self._send_stream_error(error, outcome.stack)
        else:
            respond(session, id, action, outcome, self.pending)

    def end(self) -> None:
        """End the stream on request of the client; as after a disconnect, but with a response."""
        self._is_ended = True
        if self.session.registry.cancels_on_disconnect and self.task is not None:
            self.task.cancel()

    def respond_cancelled(self) -> None:
        """Send the response after the task was cancelled, unless the client is disconnected."""
        if self._is_ended:
            self.session.send_text(messages.stream_end(self.id))
        elif self.session.registry.is_closing:
            self.respond(Outcome(error=ServiceUnavailable("The server is shutting down")))
        elif not self.session.is_closing:
            # By the code of the action: the client must not wait forever.
            self.respond(Outcome(error=TypedError("The call was cancelled")))

    def _has_streamed(self, value: Any) -> bool:
        return self._is_streaming or isinstance(value, Stream) or self.action.is_generator

    async def _send_chunk(self, item: Any) -> bool:
        self._is_streaming = True
        session = self.session
        session.send_text(messages.chunk(self.id, encode_event(item)))
        # Backpressure: a slow client slows down the action.
        await session.drained()
        return not (session.is_closing or self._is_ended)

    def _send_stream_error(self, error: TypedError, stack: str | None) -> None:
        session, id = self.session, self.id
        document = session.registry.error_document(
            error, request_id=self.pending.identify(), stack=stack
        )
        if self.action.is_generator:
            # An event, as over HTTP.
            event = encode_event(Event(document, event="error"))
            session.send_text(messages.chunk(id, event))
        else:
            session.send_text(messages.error(id, document))
        session.send_text(messages.stream_end(id))


def respond(
    session: CallingSession,
    id: Any,
    action: RegisteredAction,
    outcome: Outcome,
    pending: PendingCall,
) -> None:
    """Send the response of a call that did not stream."""
    error = outcome.error
    if error is not None:
        document = session.registry.error_document(
            error, request_id=pending.identify(), stack=outcome.stack
        )
        session.send_text(messages.error(id, document))
        return
    if outcome.is_response:
        unsupported = ConnectionTypeNotFound("The response of this action requires HTTP")
        respond(session, id, action, Outcome(error=unsupported), pending)
        return
    try:
        body = messages.response(id, outcome)
    except Exception as encoding_error:  # noqa: BLE001 - the author's serializers
        failed = session.registry.pipeline.encoding_error_outcome(action.name, encoding_error)
        respond(session, id, action, failed, pending)
    else:
        session.send_text(body)
