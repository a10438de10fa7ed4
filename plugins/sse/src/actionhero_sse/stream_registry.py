"""`StreamRegistry`: the open streams of a process, their sessions, and their end."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final

from actionhero import ChannelRefused, Event, NotFound, ServiceUnavailable, Session
from actionhero.transport import ends_task
from actionhero_channels import ChannelNotFound
from actionhero_sse.event_stream import EventStream
from actionhero_sse.settings import SseSettings

if TYPE_CHECKING:
    from actionhero import Application, Call
    from actionhero_channels import Channels, SubscribeResult
    from actionhero_sse.event_stream import EventData

#: How long slow clients may take to receive the last event.
LAST_EVENT_SECONDS: Final = 1.0


class StreamRegistry:
    """The open streams of a process.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self.settings = app.get(SseSettings)
        self._app = app
        self._streams: dict[EventStream, str] = {}
        self._all_closed: asyncio.Event | None = None
        self._watching: asyncio.Task[None] | None = None
        self._authorizing: set[asyncio.Task[None]] = set()
        #: The number of revocations of sessions until now.
        self._revocations = 0

    def open(self, call: Call, channel: str) -> EventStream:
        """Return a new stream of a channel for a client, without a subscription.

        Raises:
            ServiceUnavailable: The process serves too many streams.
        """
        limit = self.settings.max_streams
        if len(self._streams) >= limit:
            raise ServiceUnavailable(f"Too many event streams (max {limit})", retry_after_seconds=1)
        stream = EventStream(call.connection, call.session, self.settings.send_buffer_bytes)
        self._streams[stream] = channel
        return stream

    async def subscribe(
        self, stream: EventStream, session: Session, since: str | None
    ) -> SubscribeResult:
        """Subscribe a stream to its channel.

        Args:
            stream: The stream.
            session: The session of its client, as the pipeline has loaded it.
            since: The identifier of the last event that the client received.

        Raises:
            NotFound: The channel does not exist.
            TypedError: The subscription is refused.
        """
        channel = self._streams[stream]
        if session.id is not None:
            # It may have been revoked before the stream was in the registry.
            present = await self._load_session(stream)
            # Else its values may have been set by middleware, and are not stored yet.
            if present.id != session.id:
                session = present
        try:
            return await self._channels.subscribe(stream, channel, session=session, since=since)
        except ChannelNotFound as error:
            raise NotFound(error.message) from error

    async def close(self, stream: EventStream) -> None:
        """Remove a stream, and end its subscription."""
        try:
            await self._channels.unsubscribe_all(stream)
        finally:
            del self._streams[stream]
            if not self._streams and self._all_closed is not None:
                self._all_closed.set()

    # -- sessions ------------------------------------------------------------------------------

    def start(self) -> None:
        """Watch for sessions that end, on the running event loop."""
        if self._app.pipeline.has_revocations and self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch_revocations())

    async def _watch_revocations(self) -> None:
        async with aclosing(self._app.pipeline.revocations()) as revocations:
            async for session_id in revocations:
                self._revocations += 1
                for stream in tuple(self._streams):
                    if session_id is None or session_id == stream.session_id:
                        self._handle_revocation(stream)

    def _handle_revocation(self, stream: EventStream) -> None:
        task = asyncio.get_running_loop().create_task(self._authorize_again(stream))
        self._authorizing.add(task)
        task.add_done_callback(self._authorizing.discard)

    async def _load_session(self, stream: EventStream) -> Session:
        """Return the present session of a client, whose revocation from now on is handled."""
        while True:
            revocations = self._revocations
            session = await self._app.pipeline.load_session(stream.connection)
            # Else one may be of this session, read before it and handled before its id is known.
            if revocations == self._revocations:
                break
        stream.session_id = session.id
        return session

    async def _authorize_again(self, stream: EventStream) -> None:
        """Authorize a subscription with the present session of its client, or end the stream."""
        try:
            async with stream.authorizing:
                session = await self._load_session(stream)
                ended = await self._channels.reauthorize(stream, session)
        except BaseException as error:
            if ends_task(error):
                raise
            outcome = self._app.pipeline.error_outcome("authorizing an event stream again", error)
            stream.fail(outcome.error or ServiceUnavailable("Channels are not available"))
            return
        for channel in ended:
            stream.end(Event({"channel": channel}, event="unsubscribed"))

    # -- shutdown ------------------------------------------------------------------------------

    @property
    def is_stopping(self) -> bool:
        """Whether the process shuts down."""
        return self._app.is_stopping

    def end_event(self, channel: str) -> Event[EventData]:
        """Return the last event of a stream at a shutdown, with a random delay for its client."""
        delay = self.settings.retry * random.uniform(1, 2)  # noqa: S311 - no secret
        return Event({"channel": channel}, event="end", retry=delay)

    def end_all(self) -> None:
        """End all streams; their clients reconnect."""
        for stream, channel in self._streams.items():
            stream.end(self.end_event(channel))

    async def stop(self) -> None:
        """End all streams, wait for their last events, and stop watching."""
        self.end_all()
        if self._streams:
            self._all_closed = asyncio.Event()
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_EVENT_SECONDS):
                    await self._all_closed.wait()
        tasks = [*self._authorizing, *([self._watching] if self._watching else [])]
        self._watching = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _channels(self) -> Channels:
        from actionhero_channels import Channels  # noqa: PLC0415 - it loads the client of Redis

        if not self._app.has(Channels):
            raise ChannelRefused("Channel not found: channels are disabled")
        return self._app.get(Channels)


def registry_for(app: Application) -> StreamRegistry:
    """Return the registry of an application, which is created on first use."""
    if not app.has(StreamRegistry):
        app.provide(StreamRegistry, StreamRegistry(app))
    return app.get(StreamRegistry)
