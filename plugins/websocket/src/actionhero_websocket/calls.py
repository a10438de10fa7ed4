"""The calls of one client: each from its message to its answer, so many at once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp.web import StreamResponse

from actionhero import ConnectionTypeNotFound, Event, InvalidInput, ServiceUnavailable, Stream
from actionhero.deadlines import Opening
from actionhero.errors import ErrorType
from actionhero.first_step import begin
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


class OpenCall(Opening):
    """One call, until it is answered.

    Args:
        conversation: Who calls.
        shared: What all sockets share.
        beginning: How the answer begins; see `messages.beginning`.
        action: What is called.
        params: The inputs, as they stood in the message.
    """

    __slots__ = ("_conversation", "_is_streaming", "_request_id", "_shared", "action", "beginning",
                 "inputs", "lane", "task")  # fmt: skip

    def __init__(
        self,
        conversation: Conversation,
        shared: Conversations,
        beginning: bytes,
        action: Registered,
        params: Any,
    ) -> None:
        self.begins = True
        self.seconds = 0.0
        self.deadline = None
        self._conversation = conversation
        self._shared = shared
        self.beginning = beginning
        self.action = action
        self.inputs: RawInputs = (
            ParsedInputs(params) if type(params) is dict else _without_object(params)
        )
        #: Where it is open, once it waits for something; most calls are answered before.
        self.lane: Lane | None = None
        #: What runs it, then.
        self.task: asyncio.Task[None] | None = None
        self._is_streaming = False
        self._request_id: str | None = None

    async def run(self) -> None:
        """Take the call through the corridor, and tell what came of it."""
        shared = self._shared
        action = self.action
        try:
            outcome = await shared.execute(
                self._conversation.connection,
                action.name,
                self.inputs,
                request_id=self.identify,
                sink=self._send_part if action.streams else None,
                opening=None if action.streams else self,
            )
            self._tell(outcome)
        except asyncio.CancelledError:
            # Nobody awaits this task: whoever cancelled it is the end of the socket, or ours.
            if shared.closing:
                self._fail(ServiceUnavailable("The server is shutting down"))
        finally:
            if self.lane is not None:
                self.lane.end(self)

    def identify(self) -> str:
        """Return the identifier of the request: made when somebody asks, which is seldom."""
        if self._request_id is None:
            self._request_id = new_identifier()
        return self._request_id

    def _tell(self, outcome: Outcome) -> None:
        error = outcome.error
        value = outcome.value
        if error is not None:
            self._fail(error, outcome.stack)
        elif self.action.streams and self._has_streamed(value):
            self._conversation.send_text(messages.stream_end(self.beginning))
        elif type(value) is not dict and isinstance(value, StreamResponse):
            self._fail(ConnectionTypeNotFound("What this action answers is for HTTP alone"))
        else:
            try:
                body = messages.response(self.beginning, value)
            except Exception as unwritten:  # noqa: BLE001 - the author's serializers
                self._tell(self._shared.pipeline.failed_to_answer(self.action.name, unwritten))
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

    def _fail(self, error: TypedError, stack: str | None = None) -> None:
        conversation, beginning = self._conversation, self.beginning
        document = self._shared.document(error, request_id=self.identify(), stack=stack)
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
            task = begin(call.run(), self._shared.loop)
            if task is not None:
                self._keep(call, task)
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
            following = self._waiting.popleft()
            self._keep(following, self._shared.loop.create_task(following.run()))
        self._shared.note_ended()

    def cancel(self) -> None:
        """Cancel the calls that run, and forget those that wait."""
        self._waiting = None
        for call in list(self._running):
            if call.task is not None:
                call.task.cancel()

    def _keep(self, call: OpenCall, task: asyncio.Task[None]) -> None:
        """Take note of a call that is not answered yet."""
        call.lane = self
        call.task = task
        self._shared.pipeline.keep(call, task)
        self._running.add(call)
        self._shared.note_begun()


def _without_object(params: Any) -> RawInputs:
    if params is None:
        return ParsedInputs({})
    return Unreadable(
        InvalidInput("Missing required param: undefined", type=ErrorType.PARAM_REQUIRED)
    )
