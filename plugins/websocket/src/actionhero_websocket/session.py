"""`WebSocketSession`: the calls and subscriptions of one client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero import (
    ActionNotFound,
    MalformedRequest,
    RateLimited,
    ServiceUnavailable,
    TypedError,
)
from actionhero.transport import dumps, loads, loads_plain, new_identifier
from actionhero_websocket import messages
from actionhero_websocket.authentication import SocketAuthentication
from actionhero_websocket.call_queue import CallQueue
from actionhero_websocket.connections.live_connection import LiveConnection
from actionhero_websocket.protocol import frames
from actionhero_websocket.protocol.socket import Socket
from actionhero_websocket.rate import MessageRate
from actionhero_websocket.subscriptions import Subscriptions

if TYPE_CHECKING:
    from actionhero_channels import Delivery
    from actionhero_web import UpgradeRequest
    from actionhero_websocket.session_registry import SessionRegistry

#: Their values may be unhashable.
_SUBSCRIPTION_KINDS: Final = ("subscribe", "unsubscribe")
#: The keys under which a delivery caches its frames, by compression window.
_CACHE_KEYS: Final = tuple(f"websocket {window_bits}" for window_bits in range(16))


class WebSocketSession(Socket):
    """A socket that speaks the message protocol of ActionHero.

    Args:
        registry: The registry of sessions.
        request: The request of the handshake.
        window_bits: The negotiated compression window, as a base-two logarithm; 0: none.
    """

    __slots__ = ("_authentication", "_calls", "_rate", "_streams", "_subscription_rate",
                 "buffered", "connection", "registry", "subscriptions")  # fmt: skip

    def __init__(
        self, registry: SessionRegistry, request: UpgradeRequest, *, window_bits: int = 0
    ) -> None:
        super().__init__(registry.sockets, request, window_bits=window_bits)
        self.registry = registry
        self.connection = LiveConnection(self, registry.live, request.remote, request)
        #: The subscriptions; `None` before the first message about a channel.
        self.subscriptions: Subscriptions | None = None
        #: By channel: broadcasts that arrive while it is being subscribed to, which must follow
        #: the backlog.
        self.buffered: dict[str, list[Delivery]] | None = None
        self._calls = CallQueue(registry, registry.settings.max_concurrent_calls)
        self._streams: CallQueue | None = None
        #: `None` before the first message with credentials.
        self._authentication: SocketAuthentication | None = None
        #: The rate of messages about channels, and that of all others.
        self._subscription_rate = MessageRate(registry.subscriptions_per_second)
        self._rate = MessageRate(registry.settings.messages_per_second)

    def on_open(self) -> None:
        """Add the connection to those of this process."""
        self.registry.live.open(self.connection)

    # -- receiving -----------------------------------------------------------------------------

    def on_message(self, opcode: int, content: bytearray) -> None:
        """Handle a message of the client."""
        message = loads_plain(content)
        is_plain = message is not None
        if not is_plain:
            try:
                message = loads(content)
            except MalformedRequest as error:
                self._handle_malformed(opcode, content, error)
                return
        if type(message) is not dict:
            message = {}
        id = message.get("messageId", messages.NO_ID)
        kind = message.get("messageType")
        is_subscription = kind in _SUBSCRIPTION_KINDS
        rate = self._subscription_rate if is_subscription else self._rate
        if rate.limit and self._exceeds(rate, id):
            return
        if kind == "action":
            self._handle_call(id, message, is_plain=is_plain)
        elif is_subscription:
            self._handle_subscription(id, message, subscribe=kind == "subscribe")
        elif kind == "cancel":
            # The response is the end of the stream, which may have been sent already.
            if self._streams is not None:
                self._streams.end_stream(id)
        elif kind == "authenticate":
            self._handle_authentication(id, message)
        else:
            self.send_error(id, messages.unknown_type())

    def _handle_malformed(self, opcode: int, content: bytearray, error: MalformedRequest) -> None:
        if opcode == frames.TEXT and not _is_utf8(content):
            self.fail(frames.INVALID_TEXT, "Received text that is not UTF-8")
            return
        id = messages.read_id(content)
        if not (self._rate.limit and self._exceeds(self._rate, id)):
            self.send_error(id, messages.malformed(error))

    def _exceeds(self, rate: MessageRate, id: Any) -> bool:
        """Count a message; return whether it exceeds the rate, and send the error if it does."""
        now = self.registry.loop.time()
        if not rate.count(now):
            return False
        self.send_error(id, RateLimited("WebSocket rate limit exceeded"))
        if rate.exceeded_seconds(now) >= self.sockets.rate_seconds:
            self.close_when_idle(frames.POLICY_VIOLATION, "WebSocket rate limit exceeded")
        return True

    # -- calls ---------------------------------------------------------------------------------

    def _handle_call(self, id: Any, message: dict[str, Any], *, is_plain: bool) -> None:
        registry = self.registry
        name = message.get("action")
        action = registry.actions.get(name) if isinstance(name, str) else None
        if action is None:
            self._send_not_found(id, name)
            return
        if registry.is_draining:
            self.send_error(id, ServiceUnavailable("The server is shutting down"))
            return
        if action.streams:
            if self._streams is None:
                self._streams = CallQueue(registry, registry.settings.streams)
            queue = self._streams
        else:
            queue = self._calls
        if not queue.submit(self, id, action, message, is_plain=is_plain):
            limit = registry.settings.waiting_calls
            self.send_error(id, RateLimited(f"Too many calls are waiting (max {limit})"))

    def _handle_authentication(self, id: Any, message: dict[str, Any]) -> None:
        if not self.registry.pipeline.authentication:
            # Without authenticators there are no such messages.
            self.send_error(id, messages.unknown_type())
            return
        if self._authentication is None:
            self._authentication = SocketAuthentication(self)
        try:
            self._authentication.submit(id, message)
        except TypedError as error:
            self.send_error(id, error)

    # -- channels ------------------------------------------------------------------------------

    def deliver(self, delivery: Delivery) -> None:
        """Send a broadcast; its frame is encoded once for all sockets with the same window."""
        if self.buffered is not None and delivery.channel in self.buffered:
            self.buffered[delivery.channel].append(delivery)
            return
        cache = delivery.cache
        window_bits = self.window_bits
        key = _CACHE_KEYS[window_bits]
        frame = cache.get(key)
        if frame is None:
            body = delivery.json
            if window_bits:
                frame = frames.deflated_frame(body, window_bits)
            else:
                frame = frames.text_frame(body)
            cache[key] = frame
        self.write(frame)

    def gap(self, channel: str) -> None:
        """Send the notice that messages of a channel may have been lost."""
        self.send_text(messages.gap(channel))

    def _handle_subscription(self, id: Any, message: dict[str, Any], *, subscribe: bool) -> None:
        if self.subscriptions is None:
            self.subscriptions = Subscriptions(self.registry, self)
        self.subscriptions.submit(id, message, subscribe=subscribe)

    # -- errors --------------------------------------------------------------------------------

    def send_error(self, id: Any, error: TypedError) -> None:
        """Send the error response to a message."""
        self.send_text(self.registry.error_message(id, error))

    def _send_not_found(self, id: Any, name: Any) -> None:
        # The same error for actions that exist but are not exposed.
        text = name if isinstance(name, str) else "" if name is None else dumps(name).decode()
        error = ActionNotFound(f"Action not found: {text}" if text else "Action not found")
        request_id = new_identifier()
        self.registry.pipeline.refuse(self.connection, error, request_id=request_id)
        self.send_text(self.registry.error_message(id, error, request_id=request_id))

    # -- closing -------------------------------------------------------------------------------

    def is_busy(self) -> bool:
        """Return whether a call or a message about a channel is not answered yet."""
        return not (
            self._calls.is_empty
            and (self._streams is None or self._streams.is_empty)
            and (self.subscriptions is None or self.subscriptions.is_empty)
            and (self._authentication is None or not self._authentication.is_running)
        )

    def cancel_calls(self) -> None:
        """Cancel the running calls, and discard the waiting ones."""
        self._calls.cancel()
        if self._streams is not None:
            self._streams.cancel()

    def on_session_revoked(self, session_id: str | None) -> None:
        """Authorize the subscriptions again, if the session of this client was revoked."""
        if self.subscriptions is not None:
            self.subscriptions.on_session_revoked(session_id)

    def on_disconnect(self) -> None:
        """Cancel the calls, and end the subscriptions."""
        self.registry.live.close(self.connection, self.close_code)
        if self._authentication is not None:
            self._authentication.cancel()
        if self.registry.cancels_on_disconnect:
            self.cancel_calls()
        if self.subscriptions is not None:
            self.registry.clean_up(self.subscriptions.unsubscribe_all)


def _is_utf8(content: bytearray) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
