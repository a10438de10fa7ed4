"""`Subscriptions`: the subscriptions of one client, changed in the order of its messages."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from actionhero import ChannelRefused, ErrorType, RateLimited, ServiceUnavailable, TypedError
from actionhero.transport import ABSENT, ends_task, new_identifier, request_id
from actionhero_websocket import messages
from actionhero_websocket.protocol import frames

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from actionhero import Connection, Session
    from actionhero_channels import Delivery
    from actionhero_websocket.session_registry import SessionRegistry

#: How many messages of one client about channels may wait; unsubscribing is never refused.
WAITING_LIMIT: Final = 128

_CHANNEL_NAME: Final = re.compile(r"[a-zA-Z0-9:._-]{1,200}", re.ASCII)


class SubscribingSession(Protocol):
    """The session of a client, as its subscriptions use it."""

    buffered: dict[str, list[Delivery]] | None

    @property
    def connection(self) -> Connection:
        """The connection."""

    def deliver(self, delivery: Delivery, /) -> None:
        """Send a broadcast."""

    def gap(self, channel: str, /) -> None:
        """Send the notice that messages of a channel may have been lost."""

    def send_text(self, body: bytes) -> None:
        """Send a text message, encoded as UTF-8."""

    def send_texts(self, bodies: Iterable[bytes]) -> None:
        """Send several text messages in one write."""

    def close_when_idle(self, code: int, reason: str = "") -> None:
        """Close the socket once the messages before are answered."""

    def end_if_idle(self) -> None:
        """Close the socket if that has waited for the end of the operations."""


class _Request(NamedTuple):
    """A request to subscribe to a channel, or to unsubscribe from it."""

    #: The `messageId` of the message.
    id: Any
    channel: Any = None
    #: The identifier of the last broadcast received, `None`, or `ABSENT`.
    since: Any = ABSENT
    #: Whether its message has a list of channels, so that an error has to name the channel.
    is_of_list: bool = False


class Subscriptions:
    """The subscriptions of one client.

    Args:
        registry: The registry of sessions.
        session: The session of the client.
    """

    __slots__ = ("_operations", "_reauthorizing", "_registry", "_session", "_tasks", "_waiting",
                 "session_ids")  # fmt: skip

    def __init__(self, registry: SessionRegistry, session: SubscribingSession) -> None:
        self._registry = registry
        self._session = session
        #: By channel: the operations that wait for the current one.
        self._operations: dict[str, deque[Callable[[], Coroutine[Any, Any, None]]]] = {}
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        #: Held from the load of a session until all subscriptions are authorized with it.
        self._reauthorizing = asyncio.Lock()
        #: The ids of the sessions with which subscriptions were authorized.
        self.session_ids: set[str] = set()

    # -- receiving -----------------------------------------------------------------------------

    def submit(self, id: Any, message: dict[str, Any], *, subscribe: bool) -> None:
        """Handle a message: subscribe to a channel or to several, or unsubscribe."""
        since = message.get("since", ABSENT)
        if "channels" not in message:
            if "channel" in message:
                self._submit(_Request(id, message["channel"], since), subscribe=subscribe)
            else:
                self._send_error(_Request(id), ChannelRefused("Channel not found: undefined"))
            return
        channels = message["channels"]
        limit = self._registry.max_subscriptions
        if not isinstance(channels, list) or not 0 < len(channels) <= limit or "channel" in message:
            text = f"Invalid channels: send a list of 1 to {limit} names, and no channel"
            self._send_error(_Request(id), TypedError(text, type=ErrorType.CHANNEL_VALIDATION))
            return
        for channel in channels:
            own = since.get(str(channel), ABSENT) if isinstance(since, dict) else since
            self._submit(_Request(id, channel, own, is_of_list=True), subscribe=subscribe)

    def _submit(self, request: _Request, *, subscribe: bool) -> None:
        channel = request.channel
        if not isinstance(channel, str) or not _CHANNEL_NAME.fullmatch(channel):
            invalid = TypedError("Invalid channel name", type=ErrorType.CHANNEL_VALIDATION)
            self._send_error(request, invalid)
        elif not subscribe:
            self._enqueue(channel, lambda: self._unsubscribe(request))
        elif self._registry.is_draining:
            self._send_error(request, ServiceUnavailable("The server is shutting down"))
        elif self._waiting >= (limit := max(WAITING_LIMIT, self._registry.max_subscriptions)):
            limited = RateLimited(f"Too many subscriptions are waiting (max {limit})")
            self._send_error(request, limited)
        else:
            self._enqueue(channel, lambda: self._subscribe(request))

    @property
    def is_empty(self) -> bool:
        """Whether no message about a channel waits for its answer."""
        return not self._operations

    def on_session_revoked(self, session_id: str | None) -> None:
        """Authorize all subscriptions again, in a task, if one was authorized with this session.

        Args:
            session_id: The identifier of the session; `None`: any session may have been revoked.
        """
        if session_id is None or session_id in self.session_ids:
            # An identifier is never used again.
            self.session_ids.discard(session_id or "")
            self._start(self._reauthorize())

    async def unsubscribe_all(self) -> None:
        """End all subscriptions: the client is disconnected."""
        self._operations.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            # A subscription may complete during its cancellation, and must be ended below.
            await asyncio.wait(tasks)
        await self._registry.channels.unsubscribe_all(self._session)

    # -- operations, one after the other for each channel --------------------------------------

    def _enqueue(self, channel: str, operation: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._waiting += 1
        if channel in self._operations:
            self._operations[channel].append(operation)
        else:
            self._operations[channel] = deque((operation,))
            self._start(self._run_operations(channel))

    async def _run_operations(self, channel: str) -> None:
        operations = self._operations[channel]
        try:
            while operations:
                try:
                    await operations.popleft()()
                finally:
                    self._waiting -= 1
        finally:
            self._waiting -= len(operations)
            self._operations.pop(channel, None)
            self._session.end_if_idle()

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _subscribe(self, request: _Request) -> None:
        registry, session, channel = self._registry, self._session, request.channel
        has_since = request.since is not ABSENT
        since = request.since if has_since else None
        # In the context of this task: a refusal has it in the audit log and in its response.
        request_id.set(new_identifier())
        try:
            if has_since:
                self._start_buffering(channel, since)
            user_session = await self._load_session()
            result = await registry.channels.subscribe(
                session, channel, session=user_session, since=since
            )
        except BaseException as error:
            if ends_task(error):
                raise
            self._send_failure(request, f"subscribing to channel {channel!r}", error)
            return
        finally:
            buffered = self._stop_buffering(channel)
        facts: dict[str, Any] = {"channel": channel}
        if has_since:
            # Also for `null`, with which a client announces that it may resume later.
            facts |= {"gap": result.gap, "id": result.last_id}
        # In one write: the limit of the send buffer does not apply to a requested backlog.
        bodies = [messages.subscribed(request.id, facts)]
        bodies += [delivery.json for delivery in (*result.backlog, *buffered)]
        session.send_texts(bodies)

    def _start_buffering(self, channel: str, since: Any) -> None:
        """Buffer broadcasts until the confirmation and the backlog are sent."""
        if since is not None and not isinstance(since, str):
            raise TypedError(
                "Invalid since: send the id of the last message received, as a string",
                type=ErrorType.CHANNEL_VALIDATION,
            )
        if self._session.buffered is None:
            self._session.buffered = {}
        # An existing subscription continues to deliver broadcasts.
        if channel not in (self._session.connection.subscriptions or ()):
            self._session.buffered[channel] = []

    def _stop_buffering(self, channel: str) -> list[Delivery]:
        """Return the buffered broadcasts of a channel, and stop buffering."""
        by_channel = self._session.buffered
        deliveries = by_channel.pop(channel, []) if by_channel is not None else []
        if not by_channel:
            self._session.buffered = None
        return deliveries

    async def _unsubscribe(self, request: _Request) -> None:
        channel = request.channel
        try:
            await self._registry.channels.unsubscribe(self._session, channel)
        except BaseException as error:
            if ends_task(error):
                raise
            self._send_failure(request, f"unsubscribing from channel {channel!r}", error)
            return
        self._session.send_text(messages.unsubscribed(request.id, channel))

    async def _load_session(self) -> Session:
        """Return the session, whose revocation from now on reaches the subscriptions."""
        registry = self._registry
        while True:
            revocations = registry.revocations
            session = await registry.load_session(self._session.connection)
            # Else one may be of this session, read before it and handled before its id is added.
            if revocations == registry.revocations:
                break
        if session.id is not None:
            self.session_ids.add(session.id)
        return session

    async def _reauthorize(self) -> None:
        registry, session = self._registry, self._session
        try:
            async with self._reauthorizing:
                user_session = await self._load_session()
                ended = await registry.channels.reauthorize(session, user_session)
        except BaseException as error:
            if ends_task(error):
                raise
            registry.pipeline.error_outcome("authorizing subscriptions again", error)
            # Without an authorization, all subscriptions end.
            await registry.channels.unsubscribe_all(session)
            session.close_when_idle(frames.TRY_AGAIN_LATER, "Channels are not available")
            return
        for channel in ended:
            session.send_text(messages.unsubscribed(messages.NO_ID, channel))

    # -- errors --------------------------------------------------------------------------------

    def _send_failure(self, request: _Request, operation: str, error: BaseException) -> None:
        outcome = self._registry.pipeline.error_outcome(operation, error)
        if outcome.error is not None:
            self._send_error(request, outcome.error, outcome.stack)

    def _send_error(self, request: _Request, error: TypedError, stack: str | None = None) -> None:
        document = self._registry.error_document(error, stack=stack)
        if request.is_of_list:
            document = {"channel": request.channel, **document}
        self._session.send_text(messages.error(request.id, document))
