"""Streamed responses: a `StreamedResponse` writes each item of an action as it is produced."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import HttpVersion11, web

from actionhero import Stream
from actionhero.transport import Chunk, dumps
from actionhero_web.error_mapping import error_document
from actionhero_web.header_templates import REQUEST_ID
from actionhero_web.server_sent_events import HEARTBEAT, MEDIA_TYPE, format_event

if TYPE_CHECKING:
    from actionhero import Connection, Outcome, TypedError
    from actionhero.transport import RegisteredAction
    from actionhero_web.cors import Headers
    from actionhero_web.header_templates import HeaderTemplates
    from actionhero_web.settings import WebSettings

#: The headers of an event stream.
_EVENT_HEADERS = (
    ("Cache-Control", "no-cache"),
    # Otherwise nginx buffers some kilobytes of events.
    ("X-Accel-Buffering", "no"),
)


class ResponsePolicy(Protocol):
    """The part of the request handler that streamed responses need."""

    @property
    def header_templates(self) -> HeaderTemplates:
        """The headers of every response."""

    def cors_headers(self, request: web.BaseRequest) -> Headers:
        """Return the CORS headers of the response to a request."""

    def closes_connection(self, request: web.BaseRequest) -> bool:
        """Whether the response closes its connection."""


class Streams:
    """The open streamed responses of one server, and their settings.

    Args:
        policy: The headers of responses.
        settings: The settings of the HTTP server.
    """

    def __init__(self, policy: ResponsePolicy, settings: WebSettings) -> None:
        self.policy = policy
        self.error_format = settings.error_format
        self.heartbeat_seconds = settings.stream_heartbeat.total_seconds()
        self.cancels_on_disconnect = settings.cancel_on_disconnect
        self.responses: set[StreamedResponse] = set()

    def open(
        self,
        request: web.BaseRequest,
        connection: Connection,
        request_id: str,
        action: RegisteredAction,
    ) -> StreamedResponse:
        """Return the response to a request for an action that streams."""
        return StreamedResponse(self, request, connection, request_id, action)

    def stop_events(self) -> None:
        """Stop all event streams, which may be infinite; their clients reconnect.

        Streams of chunks are finite, and may continue as long as any other response.
        """
        for response in list(self.responses):
            if response.is_event_stream:
                response.stop()


class StreamedResponse:
    """The response to one request for an action that streams; the pipeline calls it for each item.

    The headers are sent with the first item, or with the first heartbeat. An error before that
    gets an ordinary error response.

    Args:
        streams: All open streams.
        request: The request.
        connection: The client.
        request_id: The identifier of the request.
        action: The action.
    """

    def __init__(
        self,
        streams: Streams,
        request: web.BaseRequest,
        connection: Connection,
        request_id: str,
        action: RegisteredAction,
    ) -> None:
        self._streams = streams
        self._policy = streams.policy
        self._request = request
        self._connection = connection
        self._request_id = request_id
        self._action = action
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
        document = error_document(
            error,
            timestamp_ms=time.time_ns() // 1_000_000,
            request_id=self._request_id,
            stack=stack,
            error_format=self._streams.error_format,
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
        request, policy = self._request, self._policy
        response = web.StreamResponse()
        for name, value in (
            *policy.header_templates.always,
            (REQUEST_ID, self._request_id),
            *policy.cors_headers(request),
            *(self._connection.response_headers or ()),
        ):
            response.headers.add(name, value)
        response.headers["Content-Type"] = media_type
        if self._action.is_generator:
            response.headers.update(_EVENT_HEADERS)
        # The unread rest of a body must not be parsed as the next request.
        if policy.closes_connection(request) or not request.content.is_eof():
            response.force_close()
        elif self._action.is_generator and request.keep_alive and request.version == HttpVersion11:
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
