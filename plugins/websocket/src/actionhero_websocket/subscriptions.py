"""What one client joins and leaves: its messages about a channel are seen to in their order."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from actionhero import ChannelRefused, ErrorType, RateLimited, ServiceUnavailable, TypedError
from actionhero_websocket import frames, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from actionhero_channels import Delivery
    from actionhero_websocket.session import WebSocketSession
    from actionhero_websocket.session_registry import SessionRegistry

#: How many messages of one client about channels may wait; unsubscribing is never refused.
WAITING_LIMIT: Final = 128

_NAME: Final = re.compile(r"[a-zA-Z0-9:._-]{1,200}", re.ASCII)


class Subscriptions:
    """The channels of one socket.

    Args:
        shared: What all sockets share.
        conversation: Whose they are.
    """

    __slots__ = ("_conversation", "_shared", "_steps", "_tasks", "_waiting", "sessions")

    def __init__(self, shared: SessionRegistry, conversation: WebSocketSession) -> None:
        self._shared = shared
        self._conversation = conversation
        #: By channel: what is to be done about it, after what is being done.
        self._steps: dict[str, deque[Callable[[], Coroutine[Any, Any, None]]]] = {}
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        #: The identifiers of the sessions that a channel was joined with.
        self.sessions: set[str] = set()

    # -- in ------------------------------------------------------------------------------------

    def take(self, id: Any, message: dict[str, Any], *, joins: bool) -> None:
        """Take a message: subscribe, or unsubscribe."""
        channel = message.get("channel")
        if "channel" not in message:
            self._refuse(id, ChannelRefused("Channel not found: undefined"))
        elif not isinstance(channel, str) or not _NAME.fullmatch(channel):
            invalid = TypedError("Invalid channel name", type=ErrorType.CHANNEL_VALIDATION)
            self._refuse(id, invalid)
        elif not joins:
            self._enqueue(channel, lambda: self._leave(id, channel))
        elif self._shared.draining:
            self._refuse(id, ServiceUnavailable("The server is shutting down"))
        elif self._waiting >= WAITING_LIMIT:
            waiting = RateLimited(f"Too many subscriptions are waiting (max {WAITING_LIMIT})")
            self._refuse(id, waiting)
        else:
            resumes, since = "since" in message, message.get("since")
            self._enqueue(channel, lambda: self._join(id, channel, since, resumes=resumes))

    def recheck(self) -> None:
        """Leave the channels that may not be stayed in: the session that let us in has ended."""
        self._start(self._recheck())

    async def leave_all(self) -> None:
        """Leave every channel: the connection is gone."""
        self._steps.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            # What a subscription began while it is cancelled must be seen by what undoes it.
            await asyncio.wait(tasks)
        await self._shared.channels.unsubscribe_all(self._conversation)

    # -- one after another, channel by channel ---------------------------------------------------

    def _enqueue(self, channel: str, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._waiting += 1
        if channel in self._steps:
            self._steps[channel].append(step)
        else:
            self._steps[channel] = deque((step,))
            self._start(self._work(channel))

    async def _work(self, channel: str) -> None:
        steps = self._steps[channel]
        try:
            while steps:
                await steps.popleft()()
                self._waiting -= 1
        finally:
            self._steps.pop(channel, None)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self, id: Any, channel: str, since: Any, *, resumes: bool) -> None:
        shared, conversation = self._shared, self._conversation
        try:
            if since is not None:
                self._hold(channel, since)
            session = await shared.session_of(conversation.connection)
            if session.id is not None:
                self.sessions.add(session.id)
            joined = await shared.channels.subscribe(
                conversation, channel, session=session, since=since
            )
        except Exception as error:  # noqa: BLE001 - what checks a channel is the author's
            self._tell_failure(id, f"joining channel {channel!r}", error)
            return
        finally:
            held = self._let_go(channel)
        facts: dict[str, Any] = {"channel": channel}
        if resumes:
            # Of `null`, too: that is how somebody says that they may come back.
            facts |= {"gap": joined.gap, "id": joined.last_id}
        # In one piece, so that the buffer's limit is not for what was asked for.
        bodies = [messages.subscribed(id, facts)]
        bodies += [delivery.json for delivery in (*joined.backlog, *held)]
        conversation.send_texts(bodies)

    def _hold(self, channel: str, since: Any) -> None:
        """Keep what is broadcast from now on until what was missed is told."""
        if not isinstance(since, str):
            raise TypedError(
                "Invalid since: send the id of the last message that was received, as text",
                type=ErrorType.CHANNEL_VALIDATION,
            )
        if self._conversation.held is None:
            self._conversation.held = {}
        # Who is in it already gets what is broadcast, as ever.
        if channel not in (self._conversation.connection.subscriptions or ()):
            self._conversation.held[channel] = []

    def _let_go(self, channel: str) -> list[Delivery]:
        """Return what was kept, and keep nothing any more."""
        held = self._conversation.held
        kept = held.pop(channel, []) if held is not None else []
        if not held:
            self._conversation.held = None
        return kept

    async def _leave(self, id: Any, channel: str) -> None:
        try:
            await self._shared.channels.unsubscribe(self._conversation, channel)
        except Exception as error:  # noqa: BLE001 - as above
            self._tell_failure(id, f"leaving channel {channel!r}", error)
            return
        self._conversation.send_text(messages.unsubscribed(id, channel))

    async def _recheck(self) -> None:
        shared, conversation = self._shared, self._conversation
        try:
            session = await shared.session_of(conversation.connection)
            left = await shared.channels.reauthorize(conversation, session)
        except Exception as error:  # noqa: BLE001 - as above
            shared.pipeline.error_outcome("looking at channels again", error)
            # Whether they may be stayed in cannot be known, so they are not.
            await shared.channels.unsubscribe_all(conversation)
            conversation.close(frames.TRY_AGAIN_LATER, "Channels are not available")
            return
        self.sessions = {session.id} if session.id is not None else set()
        for channel in left:
            conversation.send_text(messages.unsubscribed(messages.NO_ID, channel))

    # -- refusals ------------------------------------------------------------------------------

    def _refuse(self, id: Any, error: TypedError) -> None:
        self._conversation.send_text(self._shared.failure(id, error))

    def _tell_failure(self, id: Any, what: str, error: Exception) -> None:
        outcome = self._shared.pipeline.error_outcome(what, error)
        if outcome.error is not None:
            told = self._shared.failure(id, outcome.error, stack=outcome.stack)
            self._conversation.send_text(told)
