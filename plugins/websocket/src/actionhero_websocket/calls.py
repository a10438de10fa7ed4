"""The calls of one client: each from its message to its answer, so many at once."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp.web import StreamResponse

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

    from actionhero import TypedError
    from actionhero.transport import Payload, RegisteredAction
    from actionhero_websocket.session import WebSocketSession
    from actionhero_websocket.session_registry import SessionRegistry


class OpenCall:
    """One call that is not answered at once: it waits for something, or for its turn, or streams.

    Args:
        conversation: Who calls.
        id: The `messageId` of the message, or `messages.NO_ID`.
        action: What is called.
        inputs: The inputs, as they stood in the message.
        pending: What it is begun with.
    """

    __slots__ = ("_action", "_conversation", "_id", "_inputs", "_is_streaming", "pending",
                 "task")  # fmt: skip

    def __init__(
        self,
        conversation: WebSocketSession,
        id: Any,
        action: RegisteredAction,
        inputs: Payload,
        pending: PendingCall,
    ) -> None:
        self._conversation = conversation
        self._id = id
        self._action = action
        self._inputs = inputs
        self._is_streaming = False
        self.pending = pending
        #: What runs it, once it has begun.
        self.task: asyncio.Task[Outcome] | None = None

    def execute(self) -> Coroutine[Any, Any, Outcome]:
        """Return the coroutine that takes it through the corridor."""
        conversation, action = self._conversation, self._action
        return conversation.shared.execute(
            conversation.connection,
            action.name,
            self._inputs,
            sink=self._send_part if action.streams else None,
            pending=self.pending,
        )

    def answer(self, outcome: Outcome) -> None:
        """Tell what came of it."""
        conversation, id, action = self._conversation, self._id, self._action
        error = outcome.error
        if action.streams and error is None and self._has_streamed(outcome.value):
            conversation.send_text(messages.stream_end(id))
        elif error is not None and self._is_streaming:
            self._break_off(error, outcome.stack)
        else:
            answer(conversation, id, action, outcome, self.pending)

    def _has_streamed(self, value: Any) -> bool:
        return self._is_streaming or isinstance(value, Stream) or self._action.is_generator

    async def _send_part(self, item: Any) -> bool:
        self._is_streaming = True
        conversation = self._conversation
        conversation.send_text(messages.chunk(self._id, encode_event(item)))
        # What slows down the client slows down the action, and nothing piles up.
        await conversation.drained()
        return not conversation.is_closing

    def _break_off(self, error: TypedError, stack: str | None) -> None:
        conversation, id = self._conversation, self._id
        document = conversation.shared.document(
            error, request_id=self.pending.identify(), stack=stack
        )
        if self._action.is_generator:
            # As over HTTP: who reads events knows it.
            told = encode_event(Event(document, event="error"))
            conversation.send_text(messages.chunk(id, told))
        else:
            conversation.send_text(messages.failure(id, document))
        conversation.send_text(messages.stream_end(id))


class CallQueue:
    """The calls of one kind that run on one socket, and those that wait for their turn.

    Args:
        shared: What all sockets share.
        limit: How many run at once.
    """

    __slots__ = ("_limit", "_running", "_shared", "_waiting")

    def __init__(self, shared: SessionRegistry, limit: int) -> None:
        self._shared = shared
        self._limit = limit
        self._running: set[OpenCall] = set()
        self._waiting: deque[OpenCall] | None = None

    def take(
        self, conversation: WebSocketSession, id: Any, action: RegisteredAction, params: Any
    ) -> bool:
        """Begin a call, or let it wait; say whether there was room for that."""
        shared = self._shared
        inputs = ParsedPayload(params) if type(params) is dict else _without_object(params)
        if len(self._running) >= self._limit:
            call = OpenCall(conversation, id, action, inputs, PendingCall(eager=False))
            return self._let_wait(call)
        if action.streams:
            call = OpenCall(conversation, id, action, inputs, PendingCall(eager=False))
            begun = start_eagerly(call.execute(), shared.loop)
            if isinstance(begun, Outcome):
                call.answer(begun)
                return True
        else:
            pending = shared.pending
            coroutine = shared.execute(
                conversation.connection, action.name, inputs, pending=pending
            )
            begun = start_eagerly(coroutine, shared.loop)
            # As most calls end: nothing is kept of them.
            if isinstance(begun, Outcome):
                answer(conversation, id, action, begun, pending)
                pending.call = None
                return True
            shared.pending = PendingCall()
            call = OpenCall(conversation, id, action, inputs, pending)
        self._keep(call, begun)
        return True

    def cancel(self) -> None:
        """Cancel the calls that run, and forget those that wait."""
        self._waiting = None
        for call in list(self._running):
            if call.task is not None:
                call.task.cancel()

    def _let_wait(self, call: OpenCall) -> bool:
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) >= self._shared.settings.waiting_calls:
            return False
        self._waiting.append(call)
        return True

    def _keep(self, call: OpenCall, task: asyncio.Task[Outcome]) -> None:
        """Take note of a call until it is answered."""
        call.task = task
        self._shared.pipeline.start_timeout(call.pending, task)
        self._running.add(call)
        self._shared.note_begun()
        task.add_done_callback(lambda task: self._end(call, task))

    def _end(self, call: OpenCall, task: asyncio.Task[Outcome]) -> None:
        """Answer a call and forget it, and begin the next."""
        try:
            if not task.cancelled():
                call.answer(task.result())
            elif self._shared.closing:
                # Else the client is gone.
                gone = ServiceUnavailable("The server is shutting down")
                call.answer(Outcome(error=gone))
        finally:
            self._running.discard(call)
            if self._waiting:
                following = self._waiting.popleft()
                self._keep(following, self._shared.loop.create_task(following.execute()))
            self._shared.note_ended()


def answer(
    conversation: WebSocketSession,
    id: Any,
    action: RegisteredAction,
    outcome: Outcome,
    pending: PendingCall,
) -> None:
    """Tell a client what came of a call that did not stream."""
    error, value = outcome.error, outcome.value
    if error is not None:
        document = conversation.shared.document(
            error, request_id=pending.identify(), stack=outcome.stack
        )
        conversation.send_text(messages.failure(id, document))
        return
    if type(value) is not dict and isinstance(value, StreamResponse):
        told = "What this action answers is for HTTP alone"
        answer(conversation, id, action, Outcome(error=ConnectionTypeNotFound(told)), pending)
        return
    try:
        body = messages.response(id, value)
    except Exception as unwritten:  # noqa: BLE001 - the author's serializers
        failed = conversation.shared.pipeline.encoding_error_outcome(action.name, unwritten)
        answer(conversation, id, action, failed, pending)
    else:
        conversation.send_text(body)


def _without_object(params: Any) -> Payload:
    if params is None:
        return ParsedPayload({})
    return InvalidPayload(
        InvalidInput("Missing required param: undefined", type=ErrorType.PARAM_REQUIRED)
    )
