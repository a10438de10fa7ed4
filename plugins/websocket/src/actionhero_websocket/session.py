"""One client and all that it says over one socket: calls, subscriptions, answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero import (
    ActionNotFound,
    Connection,
    MalformedRequest,
    RateLimited,
    ServiceUnavailable,
    TypedError,
)
from actionhero.transport import dumps, loads, new_identifier
from actionhero_websocket import frames, messages
from actionhero_websocket.calls import CallQueue
from actionhero_websocket.socket import Socket
from actionhero_websocket.subscriptions import Subscriptions

if TYPE_CHECKING:
    from actionhero_channels import Delivery
    from actionhero_web import UpgradeRequest
    from actionhero_websocket.session_registry import SessionRegistry

#: How many messages in a row may be over the rate before the socket is closed.
PATIENCE: Final = 10
RATE_WINDOW_SECONDS: Final = 1.0

#: Under which a broadcast keeps its frames, by the window of their compression.
_FRAMES: Final = tuple(f"websocket {window_bits}" for window_bits in range(16))


class WebSocketSession(Socket):
    """A socket that speaks our messages.

    Args:
        shared: What all of them share.
        request: The request by which it came in.
        window_bits: How far back the compression that was agreed on looks; 0: there is none.
    """

    __slots__ = ("_calls", "_over_rate", "_rate", "_streams", "_window_ends",
                 "connection", "held", "shared", "subscriptions")  # fmt: skip

    def __init__(
        self, shared: SessionRegistry, request: UpgradeRequest, *, window_bits: int = 0
    ) -> None:
        super().__init__(shared.sockets, request, window_bits=window_bits)
        #: What all of them share.
        self.shared = shared
        #: Who is there.
        self.connection = Connection("websocket", request.remote, raw=request)
        #: The channels; `None` as long as none was asked for.
        self.subscriptions: Subscriptions | None = None
        #: By channel: what was broadcast while it is joined, and comes after what was missed.
        self.held: dict[str, list[Delivery]] | None = None
        self._calls = CallQueue(shared, shared.settings.max_concurrent_calls)
        self._streams: CallQueue | None = None
        self._window_ends = 0.0
        #: Messages in this window, and how many in a row were over the limit.
        self._rate = self._over_rate = 0

    # -- in ------------------------------------------------------------------------------------

    def received(self, opcode: int, content: bytearray) -> None:
        """Take a message."""
        if self.shared.messages_per_second and self._is_over_rate():
            return
        try:
            message = loads(content)
        except MalformedRequest as error:
            if opcode == frames.TEXT and not _is_utf8(content):
                self.fail(frames.INVALID_TEXT, "Received text that is not UTF-8")
            else:
                self._refuse(messages.NO_ID, messages.not_json(error))
            return
        if type(message) is not dict:
            message = {}
        id = message.get("messageId", messages.NO_ID)
        kind = message.get("messageType")
        if kind == "action":
            self._take_call(id, message)
        elif kind in ("subscribe", "unsubscribe"):
            self._take_subscription(id, message, joins=kind == "subscribe")
        else:
            self._refuse(id, messages.unknown_type())

    def _is_over_rate(self) -> bool:
        """Count a message; say so, and tell the client, if it is one too many."""
        now = self.shared.loop.time()
        if now >= self._window_ends:
            self._window_ends = now + RATE_WINDOW_SECONDS
            self._rate = 0
        self._rate += 1
        if self._rate <= self.shared.messages_per_second:
            self._over_rate = 0
            return False
        self._over_rate += 1
        self._refuse(messages.NO_ID, RateLimited("WebSocket rate limit exceeded"))
        if self._over_rate >= PATIENCE:
            self.close(frames.POLICY_VIOLATION, "WebSocket rate limit exceeded")
        return True

    # -- calls ---------------------------------------------------------------------------------

    def _take_call(self, id: Any, message: dict[str, Any]) -> None:
        shared = self.shared
        name = message.get("action")
        action = shared.actions.get(name) if isinstance(name, str) else None
        if action is None:
            self._refuse_unknown(id, name)
            return
        if shared.draining:
            self._refuse(id, ServiceUnavailable("The server is shutting down"))
            return
        if action.streams:
            if self._streams is None:
                self._streams = CallQueue(shared, shared.settings.streams)
            lane = self._streams
        else:
            lane = self._calls
        if not lane.take(self, id, action, message.get("params")):
            limit = shared.settings.waiting_calls
            self._refuse(id, RateLimited(f"Too many calls are waiting (max {limit})"))

    # -- channels ------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """By which channels know this subscriber."""
        return self.connection.id

    def deliver(self, delivery: Delivery) -> None:
        """Send a broadcast: a frame that is made once for all."""
        if self.held is not None and delivery.channel in self.held:
            self.held[delivery.channel].append(delivery)
            return
        cache = delivery.cache
        window_bits = self.window_bits
        kind = _FRAMES[window_bits]
        frame = cache.get(kind)
        if frame is None:
            body = delivery.json
            if window_bits:
                frame = frames.deflated_frame(body, window_bits)
            else:
                frame = frames.text_frame(body)
            cache[kind] = frame
        self.write(frame)

    def gap(self, channel: str) -> None:
        """Tell that messages may have been missed."""
        self.send_text(messages.gap(channel))

    def _take_subscription(self, id: Any, message: dict[str, Any], *, joins: bool) -> None:
        if self.subscriptions is None:
            self.subscriptions = Subscriptions(self.shared, self)
        self.subscriptions.take(id, message, joins=joins)

    # -- refusals ------------------------------------------------------------------------------

    def _refuse(self, id: Any, error: TypedError) -> None:
        self.send_text(self.shared.failure(id, error))

    def _refuse_unknown(self, id: Any, name: Any) -> None:
        # One that is there and not for strangers is told like one that is not.
        text = name if isinstance(name, str) else "" if name is None else dumps(name).decode()
        error = ActionNotFound(f"Action not found: {text}" if text else "Action not found")
        request_id = new_identifier()
        self.shared.pipeline.refuse(self.connection, error, request_id=request_id)
        self.send_text(self.shared.failure(id, error, request_id=request_id))

    # -- the end -------------------------------------------------------------------------------

    def cancel_calls(self) -> None:
        """Cancel the calls that run, and forget those that wait."""
        self._calls.cancel()
        if self._streams is not None:
            self._streams.cancel()

    def lost(self) -> None:
        """End what was begun for somebody who is gone."""
        if self.shared.cancels_on_disconnect:
            self.cancel_calls()
        if self.subscriptions is not None:
            self.shared.leave(self.subscriptions)


def _is_utf8(content: bytearray) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
