"""Streamed responses: a `StreamedResponse` writes each item of an action as it is produced."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import HttpVersion11, web

from actionhero import Stream
from actionhero.transport import Chunk, dumps
from actionhero_web.responses.server_sent_events import HEARTBEAT, MEDIA_TYPE, format_event

if TYPE_CHECKING:
    from actionhero import Outcome, TypedError
    from actionhero.transport import RegisteredAction
    from actionhero_web.request_context import CallContext
    from actionhero_web.responses.encoded_response import Headers
    from actionhero_web.settings import WebSettings

logger = logging.getLogger("actionhero.web")

#: The headers of an event stream.
_EVENT_HEADERS = (
    ("Cache-Control", "no-cache"),
    # Otherwise nginx buffers some kilobytes of events.
    ("X-Accel-Buffering", "no"),
)


class StreamWriter(Protocol):
    """The part of the write stage that streams need."""

    def open_stream(
        self, context: CallContext, media_type: str, headers: Headers
    ) -> web.StreamResponse:
        """Return the response of a stream, without its content."""


class Streams:
    """The open streamed responses of one server, and their settings.

    Args:
        writer: Creates the responses.
        settings: The settings of the HTTP server.
    """

    def __init__(self, writer: StreamWriter, settings: WebSettings) -> None:
        self.writer = writer
        self.format = settings.response_format
        self.heartbeat_seconds = settings.stream_heartbeat.total_seconds()
        self.cancels_on_disconnect = settings.cancel_on_disconnect
        self.responses: set[StreamedResponse] = set()
        #: Whether the grace period of event streams is over.
        self.events_stopped = False

    def open(self, context: CallContext) -> StreamedResponse:
        """Return the response to a request for an action that streams."""
        return StreamedResponse(self, context)

    def refuses(self, action: RegisteredAction) -> bool:
        """Whether a stream of events must not be opened, because it would be stopped at once."""
        return self.events_stopped and action.is_generator

    def stop_events(self) -> None:
        """Stop all event streams, which may be infinite; their clients reconnect.

        Further ones are refused: a proxy sends requests on connections that it has kept open, and
        repeats them on another server. Streams of chunks are finite, and may
        continue as long as any other response.
        """
        self.events_stopped = True
        streams = [response for response in self.responses if response.is_event_stream]
        if streams:
            logger.info("stopping %d event streams", len(streams))
        for stream in streams:
            stream.stop()


class StreamedResponse:
    """The response to one request for an action that streams; the pipeline calls it for each item.

    The headers are sent with the first item, or with the first heartbeat. An error before that
    gets an ordinary error response.

    Args:
        streams: All open streams.
        context: The request.
    """

    def __init__(self, streams: Streams, context: CallContext) -> None:
        self._streams = streams
        self._context = context
        self._request = request = context.request
        self._action = context.match.target
        self._response: web.StreamResponse | None = None
        self._prepare_lock = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._heartbeat_task: asyncio.Task[None] | None = None
        #: The time of the last write.
        self._written_at = self._loop.time()
        #: Whether the shutdown of the server stopped the stream.
        self.stopped = False
        if streams.heartbeat_seconds and self.is_event_stream and request.method != "HEAD":
            self._heartbeat_task = self._loop.create_task(self._send_heartbeats())
        streams.responses.add(self)

    def handles(self, outcome: Outcome) -> bool:
        """Whether `finish` sends `outcome`, instead of an ordinary response."""
        if self._response is not None:
            return True
        value = outcome.value
        return outcome.ok and (
            isinstance(value, Stream) or (value is None and self._action.is_generator)
        )

    @property
    def is_event_stream(self) -> bool:
        """Whether the action yields events; otherwise it returns chunks."""
        return self._action.is_generator

    async def __call__(self, item: Any) -> bool:
        """Write an item, and wait for a slow client.

        Returns:
            Whether the client wants further items.
        """
        if isinstance(item, Chunk):
            content = item.content
            media_type = item.media_type
            body = content if isinstance(content, bytes) else content.encode(errors="replace")
        else:
            media_type = MEDIA_TYPE
            body = format_event(item).encode(errors="replace")
        try:
            response = await self._prepare(media_type)
            if self._request.method == "HEAD":
                return False
            self._written_at = self._loop.time()
            if body:
                await response.write(body)
        except ConnectionError:
            return await self._handle_disconnect()
        return True

    async def finish(self, outcome: Outcome) -> web.StreamResponse:
        """Write the end of the stream, and return the complete response.

        Raises:
            ConnectionResetError: A stream of chunks failed: only a truncated body signals that.
        """
        self.close()
        value = outcome.value
        media_type = value.media_type if isinstance(value, Stream) else MEDIA_TYPE
        response = await self._prepare(media_type)
        if outcome.error is not None and self._request.method != "HEAD":
            if not self._action.is_generator:
                # Not `abort`, which would discard the data already written.
                self._request.protocol.force_close()
                raise ConnectionResetError("the stream has failed; its response is truncated")
            await response.write(self._error_event(outcome.error, outcome.stack))
        await response.write_eof()
        return response

    def stop(self) -> None:
        """Stop the stream on shutdown; the client gets an error event, and reconnects."""
        if self._task is not None and not self.stopped:
            self.stopped = True
            self._task.cancel()

    def close(self) -> None:
        """Remove the response from the open streams, and stop its heartbeats."""
        self._streams.responses.discard(self)
        if self._heartbeat_task is not None:
            self._heartbeat_task.cancel()

    def _error_event(self, error: TypedError, stack: str | None) -> bytes:
        document = self._streams.format.error_document(
            error, request_id=self._context.request_id, stack=stack
        )
        return b"event: error\ndata: %b\n\n" % dumps(document)

    async def _prepare(self, media_type: str) -> web.StreamResponse:
        """Return the response; aiohttp sends its headers together with the first write."""
        # Both the first item and the first heartbeat may prepare it.
        async with self._prepare_lock:
            if self._response is None:
                response = self._create_response(media_type)
                await response.prepare(self._request)
                self._response = response
            return self._response

    def _create_response(self, media_type: str) -> web.StreamResponse:
        request, is_events = self._request, self._action.is_generator
        headers = _EVENT_HEADERS if is_events else ()
        response = self._streams.writer.open_stream(self._context, media_type, headers)
        is_kept_alive = request.keep_alive and response.keep_alive is None
        if is_events and is_kept_alive and request.version == HttpVersion11:
            response.headers["Connection"] = "keep-alive"
        return response

    async def _handle_disconnect(self) -> bool:
        """Cancel the call of a disconnected client, unless the settings keep it running."""
        if self._streams.cancels_on_disconnect and self._task is not None:
            # aiohttp does so too, once it detects the disconnect.
            self._task.cancel()
            await asyncio.sleep(0)
        return False

    async def _send_heartbeats(self) -> None:
        """Write a comment after each interval without a write."""
        interval_seconds = self._streams.heartbeat_seconds
        with contextlib.suppress(ConnectionError):
            while True:
                wait_seconds = self._written_at + interval_seconds - self._loop.time()
                if wait_seconds > 0:
                    await asyncio.sleep(wait_seconds)
                    continue
                response = await self._prepare(MEDIA_TYPE)
                self._written_at = self._loop.time()
                await response.write(HEARTBEAT)
