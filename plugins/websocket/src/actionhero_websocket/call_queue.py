"""The calls of one client, in the order of its messages: `CallQueue`."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from actionhero import ErrorType, InvalidInput, Outcome
from actionhero.transport import TRACE_FIELDS, InvalidPayload, ParsedPayload, PendingCall
from actionhero_websocket.calls import OpenCall, respond
from actionhero_websocket.eager_start import start_eagerly

if TYPE_CHECKING:
    import asyncio

    from actionhero.transport import Payload, RegisteredAction
    from actionhero_websocket.calls import CallingSession
    from actionhero_websocket.session_registry import SessionRegistry


class CallQueue:
    """The calls of one client: those that run, up to a limit, and those that wait.

    Args:
        registry: The registry of sessions.
        limit: The maximum number of concurrent calls.
    """

    __slots__ = ("_is_starting", "_limit", "_ordered", "_registry", "_running", "_waiting")

    def __init__(self, registry: SessionRegistry, limit: int) -> None:
        self._registry = registry
        self._limit = limit
        self._running: set[OpenCall] = set()
        #: The running call of an ordered action; there is at most one.
        self._ordered: OpenCall | None = None
        #: Whether the first step of a call is running.
        self._is_starting = False
        self._waiting: deque[OpenCall] | None = None

    def submit(
        self,
        session: CallingSession,
        id: Any,
        action: RegisteredAction,
        message: dict[str, Any],
        *,
        is_plain: bool = False,
    ) -> bool:
        """Start a call, or queue it; return whether there was room for it.

        Args:
            session: The session of the client.
            id: The `messageId` of the message, or `messages.NO_ID`.
            action: The action.
            message: The message.
            is_plain: Whether `loads_plain` has parsed it.
        """
        registry = self._registry
        params = message.get("params")
        inputs: Payload
        if type(params) is dict:
            inputs = ParsedPayload(params, is_plain=is_plain)
        else:
            inputs = _payload_of_other(params)
        carrier = _trace_fields(message) if "traceparent" in message else None
        key = message.get("idempotencyKey")
        if key is not None and type(key) is not str:
            # Malformed, which only an action that uses the key refuses.
            key = ""
        # Nearly always no other call runs, so nothing blocks this one.
        if self._waiting or (self._running and self._is_blocked(action)):
            pending = PendingCall(eager=not action.streams)
            return self._enqueue(OpenCall(session, id, action, inputs, pending, carrier, key))
        if action.streams:
            pending = PendingCall(eager=False)
            self._start(OpenCall(session, id, action, inputs, pending, carrier, key))
            return True
        pending = registry.pending
        coroutine = registry.execute(
            session.connection,
            action.name,
            inputs,
            pending=pending,
            carrier=carrier,
            idempotency_key=key,
        )
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
        self._track(OpenCall(session, id, action, inputs, pending, carrier, key), started)
        return True

    def _is_blocked(self, action: RegisteredAction) -> bool:
        """Return whether a call of an action has to wait for the end of another one."""
        return len(self._running) >= self._limit or (
            self._ordered is not None and action.name in self._registry.ordered_actions
        )

    @property
    def is_empty(self) -> bool:
        """Whether no call runs or waits."""
        return not (self._running or self._waiting or self._is_starting)

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
            # In JSON, `true` is not 1.
            if call.id == id and isinstance(call.id, bool) is isinstance(id, bool):
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
        if call.action.name in self._registry.ordered_actions:
            self._ordered = call
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
            if self._ordered is call:
                self._ordered = None
            # Eagerly: a call of a message that arrives now must not start before them.
            while self._waiting and not self._is_blocked(self._waiting[0].action):
                self._start(self._waiting.popleft())
            self._registry.call_finished()
            call.session.end_if_idle()


def _payload_of_other(params: Any) -> Payload:
    """Return the payload of `params` that are not an object."""
    if params is None:
        return ParsedPayload({})
    return InvalidPayload(
        InvalidInput("Missing required param: undefined", type=ErrorType.PARAM_REQUIRED)
    )


def _trace_fields(message: dict[str, Any]) -> dict[str, str]:
    """Return the trace fields of a message, which are texts, as the headers of HTTP."""
    fields = {name: message.get(name) for name in TRACE_FIELDS}
    return {name: value for name, value in fields.items() if isinstance(value, str)}
