"""The calls of one client: each from its message to its answer, so many at once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp.web import StreamResponse

from actionhero import ConnectionTypeNotFound, Event, InvalidInput, ServiceUnavailable, Stream
from actionhero.errors import ErrorType
from actionhero.identifier import new_identifier
from actionhero.raw import ParsedInputs, Unreadable
from actionhero_web.server_sent_events import part
from actionhero_websocket import messages

if TYPE_CHECKING:
    from actionhero import TypedError
    from actionhero.action import Registered
    from actionhero.call import Outcome
    from actionhero.raw import RawInputs
    from actionhero_websocket.conversation import Conversation
    from actionhero_websocket.conversations import Conversations


class OpenCall:
    """One call, until it is answered.

    Args:
        conversation: Who calls.
        shared: What all sockets share.
        beginning: How the answer begins; see `messages.beginning`.
        action: What is called.
        params: The inputs, as they stood in the message.
    """

    __slots__ = ("_conversation", "_is_streaming", "_shared", "action", "beginning", "inputs",
                 "task")  # fmt: skip

    def __init__(
        self,
        conversation: Conversation,
        shared: Conversations,
        beginning: bytes,
        action: Registered,
        params: Any,
    ) -> None:
        self._conversation = conversation
        self._shared = shared
        self.beginning = beginning
        self.action = action
        self.inputs = _inputs(params)
        #: What runs it, once it has begun.
        self.task: asyncio.Task[None] | None = None
        self._is_streaming = False

    async def run(self, lane: Lane) -> None:
        """Take the call through the corridor, and tell what came of it."""
        shared = self._shared
        request_id = new_identifier()
        try:
            outcome = await shared.execute(
                self._conversation.connection,
                self.action.name,
                self.inputs,
                request_id=request_id,
                sink=self._send_part if self.action.streams else None,
            )
            self._tell(outcome, request_id)
        except asyncio.CancelledError:
            # Nobody awaits this task: whoever cancelled it is the end of the socket, or ours.
            if shared.closing:
                self._fail(ServiceUnavailable("The server is shutting down"), request_id)
        finally:
            lane.end(self)

    def _tell(self, outcome: Outcome, request_id: str) -> None:
        error = outcome.error
        if error is not None:
            self._fail(error, request_id, outcome.stack)
        elif self.action.streams and self._has_streamed(outcome.value):
            self._conversation.send_text(messages.stream_end(self.beginning))
        elif isinstance(outcome.value, StreamResponse):
            told = ConnectionTypeNotFound("What this action answers is for HTTP alone")
            self._fail(told, request_id)
        else:
            try:
                body = messages.response(self.beginning, outcome.value)
            except Exception as unwritten:  # noqa: BLE001 - the author's serializers
                failed = self._shared.pipeline.failed_to_answer(self.action.name, unwritten)
                self._tell(failed, request_id)
            else:
                self._conversation.send_text(body)

    def _has_streamed(self, value: Any) -> bool:
        return self._is_streaming or isinstance(value, Stream) or self.action.yields

    async def _send_part(self, item: Any) -> bool:
        self._is_streaming = True
        self._conversation.send_text(messages.chunk(self.beginning, part(item)))
        # What slows down the client slows down the action, and nothing piles up.
        await self._conversation.drained()
        return not self._conversation.is_closing

    def _fail(self, error: TypedError, request_id: str, stack: str | None = None) -> None:
        conversation, beginning = self._conversation, self.beginning
        document = self._shared.document(error, request_id=request_id, stack=stack)
        if not self._is_streaming:
            conversation.send_text(messages.failure(beginning, document))
            return
        if self.action.yields:
            # As over HTTP: who reads events knows it.
            told = part(Event(document, event="error"))
            conversation.send_text(messages.chunk(beginning, told))
        else:
            conversation.send_text(messages.failure(beginning, document))
        conversation.send_text(messages.stream_end(beginning))


class Lane:
    """The calls of one kind that run on one socket, and those that wait for their turn.

    Args:
        shared: What all sockets share.
        limit: How many run at once.
    """

    __slots__ = ("_limit", "_running", "_shared", "_waiting")

    def __init__(self, shared: Conversations, limit: int) -> None:
        self._shared = shared
        self._limit = limit
        self._running: set[OpenCall] = set()
        self._waiting: deque[OpenCall] | None = None

    def take(self, call: OpenCall) -> bool:
        """Begin a call, or let it wait; say whether there was room for that."""
        if len(self._running) < self._limit:
            self._begin(call)
            return True
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) >= self._shared.settings.waiting_calls:
            return False
        self._waiting.append(call)
        return True

    def end(self, call: OpenCall) -> None:
        """Forget a call that is answered, and begin the next."""
        self._running.discard(call)
        if self._waiting:
            self._begin(self._waiting.popleft())
        self._shared.note_ended()

    def cancel(self) -> None:
        """Cancel the calls that run, and forget those that wait."""
        self._waiting = None
        for call in list(self._running):
            if call.task is not None:
                call.task.cancel()

    def _begin(self, call: OpenCall) -> None:
        self._running.add(call)
        self._shared.note_begun()
        call.task = self._shared.loop.create_task(call.run(self))


def _inputs(params: Any) -> RawInputs:
    if isinstance(params, dict):
        return ParsedInputs(params)
    if params is None:
        return ParsedInputs({})
    return Unreadable(
        InvalidInput("Missing required param: undefined", type=ErrorType.PARAM_REQUIRED)
    )
