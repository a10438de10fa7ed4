"""Answers in pieces: a `StreamedAnswer` writes each item of an action as it comes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from aiohttp import HttpVersion11, web

from actionhero import Stream
from actionhero.transport import Chunk, dumps
from actionhero_web import server_sent_events as events
from actionhero_web.error_mapping import error_document
from actionhero_web.header_templates import REQUEST_ID

if TYPE_CHECKING:
    from actionhero import Connection, Outcome, TypedError
    from actionhero.transport import RegisteredAction
    from actionhero_web.request_handler import RequestHandler
    from actionhero_web.settings import WebSettings

#: What makes an answer one of events.
_EVENT_HEADERS = (
    ("Cache-Control", "no-cache"),
    # nginx would keep events until it has some kilobytes of them.
    ("X-Accel-Buffering", "no"),
)


class Streams:
    """The streams of one server that are open, and what they have in common.

    Args:
        exchanges: Who knows the headers.
        settings: The knobs.
    """

    def __init__(self, exchanges: RequestHandler, settings: WebSettings) -> None:
        self.exchanges = exchanges
        self.profile = settings.error_format
        self.heartbeat_seconds = settings.stream_heartbeat.total_seconds()
        self.cancels_on_disconnect = settings.cancel_on_disconnect
        #: Those that are open.
        self.open: set[StreamedAnswer] = set()

    def begin(
        self,
        request: web.BaseRequest,
        connection: Connection,
        request_id: str,
        action: RegisteredAction,
    ) -> StreamedAnswer:
        """Return the answer to a request for an action that streams."""
        return StreamedAnswer(self, request, connection, request_id, action)

    def stop_events(self) -> None:
        """End all streams of events, which may have no end of their own; their clients come back.

        Chunks are something whole, and may go on as long as any other answer.
        """
        for answer in list(self.open):
            if answer.is_of_events:
                answer.stop()


class StreamedAnswer:
    """The answer to one request for an action that streams; the corridor calls it with each item.

    The head goes out with the first item, or with the first heartbeat. What fails before that is
    told like any other failure.

    Args:
        streams: All that are open.
        request: The request.
        connection: Who asked.
        request_id: Of the call.
        action: What is called.
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
        self._exchanges = streams.exchanges
        self._request = request
        self._connection = connection
        self._request_id = request_id
        self._action = action
        self._response: web.StreamResponse | None = None
        self._beginning = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._beating: asyncio.Task[None] | None = None
        #: When something was written last.
        self._written = self._loop.time()
        #: Whether it was ended because the server goes down.
        self.stopped = False
        if streams.heartbeat_seconds and self.is_of_events and request.method != "HEAD":
            self._beating = self._loop.create_task(self._beat())
        streams.open.add(self)

    def takes(self, outcome: Outcome) -> bool:
        """Whether `outcome` is told by `end`, and not like that of any other action."""
        if self._response is not None:
            return True
        value = outcome.value
        return outcome.ok and (isinstance(value, Stream) or (value is None and self._action.yields))

    @property
    def is_of_events(self) -> bool:
        """Whether the action yields events; else it answers chunks."""
        return self._action.yields

    async def __call__(self, item: Any) -> bool:
        """Write an item, and wait where the client takes them slowly.

        `False`: there is nobody any more who wants the next.
        """
        if isinstance(item, Chunk):
            content = item.content
            media_type = item.media_type
            body = content if isinstance(content, bytes) else content.encode(errors="replace")
        else:
            media_type = events.MEDIA_TYPE
            body = events.frame(item).encode(errors="replace")
        try:
            response = await self._begin(media_type)
            if self._request.method == "HEAD":
                return False
            self._written = self._loop.time()
            if body:
                await response.write(body)
        except ConnectionError:
            return await self._lost()
        return True

    async def end(self, outcome: Outcome) -> web.StreamResponse:
        """Write what comes after the last item, and return the answer, which is complete.

        Raises:
            ConnectionResetError: Chunks failed: only a body that breaks off can tell that.
        """
        self.close()
        value = outcome.value
        media_type = value.media_type if isinstance(value, Stream) else events.MEDIA_TYPE
        response = await self._begin(media_type)
        if outcome.error is not None and self._request.method != "HEAD":
            if not self._action.yields:
                # Not `abort`, which would throw away what is on its way to the client.
                self._request.protocol.force_close()
                raise ConnectionResetError("the stream has failed, and its answer breaks off")
            await response.write(self._failure(outcome.error, outcome.stack))
        await response.write_eof()
        return response

    def stop(self) -> None:
        """End the stream: the server goes down, and the client is told to come back."""
        if self._task is not None and not self.stopped:
            self.stopped = True
            self._task.cancel()

    def close(self) -> None:
        """Forget the stream."""
        self._streams.open.discard(self)
        if self._beating is not None:
            self._beating.cancel()

    def _failure(self, error: TypedError, stack: str | None) -> bytes:
        exchanges = self._exchanges
        document = error_document(
            error,
            timestamp_ms=exchanges.now_ms(),
            request_id=self._request_id,
            stack=stack,
            profile=self._streams.profile,
        )
        return b"event: error\ndata: %b\n\n" % dumps(document)

    async def _begin(self, media_type: str) -> web.StreamResponse:
        """Return the answer, whose head aiohttp sends together with what is written first."""
        # Items and heartbeats may both be the first.
        async with self._beginning:
            if self._response is None:
                response = self._head(media_type)
                await response.prepare(self._request)
                self._response = response
            return self._response

    def _head(self, media_type: str) -> web.StreamResponse:
        request, exchanges = self._request, self._exchanges
        response = web.StreamResponse()
        for name, value in (
            *exchanges.heads.always,
            (REQUEST_ID, self._request_id),
            *exchanges.cors_headers(request),
            *(self._connection.answer_headers or ()),
        ):
            response.headers.add(name, value)
        response.headers["Content-Type"] = media_type
        if self._action.yields:
            response.headers.update(_EVENT_HEADERS)
        # A body that was not read to its end must not be taken for the next request.
        if exchanges.is_last(request) or not request.content.is_eof():
            response.force_close()
        elif self._action.yields and request.keep_alive and request.version == HttpVersion11:
            response.headers["Connection"] = "keep-alive"
        return response

    async def _lost(self) -> bool:
        """The client is gone: have the call cancelled, unless somebody asked for the contrary."""
        if self._streams.cancels_on_disconnect and self._task is not None:
            # aiohttp does so too, as soon as it hears of it.
            self._task.cancel()
            await asyncio.sleep(0)
        return False

    async def _beat(self) -> None:
        """Write a comment whenever nothing was written for a while."""
        interval = self._streams.heartbeat_seconds
        with contextlib.suppress(ConnectionError):
            while True:
                left = self._written + interval - self._loop.time()
                if left > 0:
                    await asyncio.sleep(left)
                    continue
                response = await self._begin(events.MEDIA_TYPE)
                self._written = self._loop.time()
                await response.write(events.HEARTBEAT)
