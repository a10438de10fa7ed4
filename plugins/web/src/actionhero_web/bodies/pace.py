"""`Pace`: reads from a client, and checks that it sends fast enough."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from actionhero import MalformedRequest, Timeout
from actionhero_web.connections.refusals import SLOW_BODY, count_refusal

if TYPE_CHECKING:
    from aiohttp import StreamReader


class Pace:
    """Reads from a client, and checks that it sends fast enough.

    The time in which this server does not read does not count.

    Args:
        idle_seconds: How long the client may pause.
        minimum_rate: The bytes per second that it must send on average; 0 for any.
        grace_seconds: The time that it has in addition.
    """

    def __init__(self, idle_seconds: float, minimum_rate: int, grace_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._minimum_rate = minimum_rate
        self._grace_seconds = self._left_seconds = grace_seconds

    async def read(self, content: StreamReader) -> bytes:
        """Return the next data; empty at the end.

        Raises:
            Timeout: The client paused for too long, or sends too slowly.
            MalformedRequest: The framing of the body is invalid.
        """
        try:
            if content.is_eof():
                data: bytes = await content.readany()
                return data
            return await self._wait(content)
        except (RequestPayloadError, ClientPayloadError, HttpProcessingError) as error:
            raise MalformedRequest(f"the body cannot be read: {_reason(error)}") from error

    async def _wait(self, content: StreamReader) -> bytes:
        loop = asyncio.get_running_loop()
        start = loop.time()
        limited = bool(self._minimum_rate) and self._left_seconds < self._idle_seconds
        seconds = self._left_seconds if limited else self._idle_seconds
        data = b""
        try:
            async with asyncio.timeout(seconds):
                data = await content.readany()
        except TimeoutError:
            count_refusal(SLOW_BODY)
            if limited:
                message = f"The body arrives at less than {self._minimum_rate} bytes per second"
                raise Timeout(message) from None
            raise Timeout(f"The body paused for more than {self._idle_seconds:g} s") from None
        finally:
            # Also after a cancellation, as the read may be repeated.
            if self._minimum_rate:
                # At most the grace, so that a fast beginning does not allow a slow rest.
                credit_seconds = len(data) / self._minimum_rate - (loop.time() - start)
                self._left_seconds = min(self._left_seconds + credit_seconds, self._grace_seconds)
        return data


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    return str(getattr(cause, "message", "") or cause).splitlines()[0] if str(cause) else "invalid"
