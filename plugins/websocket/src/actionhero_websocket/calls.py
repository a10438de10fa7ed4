"""The calls of one client, each from its message to its response: `CallQueue`."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from actionhero import (
    ConnectionTypeNotFound,
    ErrorType,
    Event,
    InvalidInput,
    Outcome,
    ServiceUnavailable,
    Stream,
)
from actionhero.transport import InvalidPayload, ParsedPayload, PendingCall
from actionhero_web import encode_event
from actionhero_websocket import messages
from actionhero_websocket.eager_start import start_eagerly

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from actionhero import Connection, TypedError
    from actionhero.transport import Payload, RegisteredAction
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
    """

    __slots__ = ("_action", "_inputs", "_is_ended", "_is_streaming", "id", "pending", "session",
                 "task")  # fmt: skip

    def __init__(
        self,
        session: CallingSession,
        id: Any,
        action: RegisteredAction,
        inputs: Payload,
        pending: PendingCall,
    ) -> None:
        self.session = session
        self.id = id
        self._action = action
        self._inputs = inputs
        self._is_ended = self._is_streaming = False
        self.pending = pending
        #: The task of the call, once it has started.
        self.task: asyncio.Task[Outcome] | None = None

    def execute(self) -> Coroutine[Any, Any, Outcome]:
        """Return the coroutine of the call."""
        session, action = self.session, self._action
        return session.registry.execute(
            session.connection,
            action.name,
            self._inputs,
            sink=self._send_chunk if action.streams else None,
            pending=self.pending,
        )

    def respond(self, outcome: Outcome) -> None:
        """Send the response."""
        session, id, action = self.session, self.id, self._action
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

    def _has_streamed(self, value: Any) -> bool:
        return self._is_streaming or isinstance(value, Stream) or self._action.is_generator

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
        if self._action.is_generator:
            # An event, as over HTTP.
            event = encode_event(Event(document, event="error"))
            session.send_text(messages.chunk(id, event))
        else:
            session.send_text(messages.error(id, document))
        session.send_text(messages.stream_end(id))


class CallQueue:
    """The calls of one client: those that run, up to a limit, and those that wait.

    Args:
        registry: The registry of sessions.
        limit: The maximum number of concurrent calls.
    """

    __slots__ = ("_is_starting", "_limit", "_registry", "_running", "_waiting")

    def __init__(self, registry: SessionRegistry, limit: int) -> None:
        self._registry = registry
        self._limit = limit
        self._running: set[OpenCall] = set()
        #: Whether the first step of a call is running.
        self._is_starting = False
        self._waiting: deque[OpenCall] | None = None

    def submit(
        self, session: CallingSession, id: Any, action: RegisteredAction, params: Any
    ) -> bool:
        """Start a call, or queue it; return whether there was room for it."""
        registry = self._registry
        inputs = ParsedPayload(params) if type(params) is dict else _payload_of_other(params)
        if len(self._running) >= self._limit:
            pending = PendingCall(eager=not action.streams)
            return self._enqueue(OpenCall(session, id, action, inputs, pending))
        if action.streams:
            self._start(OpenCall(session, id, action, inputs, PendingCall(eager=False)))
            return True
        pending = registry.pending
        coroutine = registry.execute(session.connection, action.name, inputs, pending=pending)
        self._is_starting = True
        started = start_eagerly(coroutine, registry.loop)
        self._is_starting = False
        # Most calls finish with their first step: no state of them remains.
        if isinstance(started, Outcome):
            respond(session, id, action, started, pending)
            pending.call = None
            session.end_if_idle()
            return True
        registry.pending = PendingCall()
        self._track(OpenCall(session, id, action, inputs, pending), started)
        return True

    @property
    def is_empty(self) -> bool:
        """Whether no call runs or waits."""
        return not (self._running or self._is_starting)

    def cancel(self) -> None:
        """Cancel the running calls, and discard the waiting ones."""
        self._waiting = None
        for call in list(self._running):
            if call.task is not None:
                call.task.cancel()

    def end_stream(self, id: Any) -> None:
        """End the stream that a message has started; without effect if it has ended already."""
        waiting = self._waiting or deque()
        for call in (*waiting, *self._running):
            if call.id == id:
                call.end()
                if call in waiting:
                    waiting.remove(call)
                    call.respond_cancelled()
                return

    def _enqueue(self, call: OpenCall) -> bool:
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) >= self._registry.settings.waiting_calls:
            return False
        self._waiting.append(call)
        return True

    def _start(self, call: OpenCall) -> None:
        self._is_starting = True
        started = start_eagerly(call.execute(), self._registry.loop)
        self._is_starting = False
        if isinstance(started, Outcome):
            call.respond(started)
            call.session.end_if_idle()
        else:
            self._track(call, started)

    def _track(self, call: OpenCall, task: asyncio.Task[Outcome]) -> None:
        call.task = task
        self._registry.pipeline.start_timeout(call.pending, task)
        self._running.add(call)
        self._registry.call_started()
        task.add_done_callback(lambda task: self._finish(call, task))

    def _finish(self, call: OpenCall, task: asyncio.Task[Outcome]) -> None:
        """Send the response of a call, and start the next ones."""
        try:
            if not task.cancelled():
                call.respond(task.result())
            else:
                call.respond_cancelled()
        finally:
            self._running.discard(call)
            # Eagerly: a call of a message that arrives now must not start before them.
            while self._waiting and len(self._running) < self._limit:
                self._start(self._waiting.popleft())
            self._registry.call_finished()
            call.session.end_if_idle()


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


def _payload_of_other(params: Any) -> Payload:
    """Return the payload of `params` that are not an object."""
    if params is None:
        return ParsedPayload({})
    return InvalidPayload(
        InvalidInput("Missing required param: undefined", type=ErrorType.PARAM_REQUIRED)
    )
