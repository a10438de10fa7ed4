"""The distinction of clients that have closed one side of their connection from those that left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web
    from aiohttp.web_protocol import RequestHandler

#: The beginning of every response, sent ahead of it byte by byte.
_START: Final = b"HTTP/1."
#: The delay of the first byte; that of each further one is twice as long, up to a maximum.
FIRST_DELAY_SECONDS: Final = 0.05
MAXIMUM_DELAY_SECONDS: Final = 1.0


class DisconnectProbe:
    """Detects whether a client that sends nothing more still waits for its response.

    TCP reports the end of the data in both cases, and no option of a socket distinguishes them.
    Only a client that has left refuses data, so the first bytes of the response are sent ahead:
    they are the same in every response. An interim response (1xx) would be one that HTTP/1.0 does
    not have, and some clients take it for the final one. Without this, either a half-closed client
    gets no response (RFC 9112 §9.6), or the request of a client that has left is not cancelled.

    Args:
        protocol: The connection, whose client has closed its side of it.
        finish: Called between requests: ends the connection if no request is left.
    """

    def __init__(self, protocol: RequestHandler, finish: Callable[[], None]) -> None:
        self._protocol = protocol
        self._finish = finish
        self._transport: Any = protocol.transport
        #: The request whose response has begun with these bytes.
        self._request: web.BaseRequest | None = None
        self._sent = 0
        self._delay_seconds = FIRST_DELAY_SECONDS

    def start(self) -> None:
        """Probe after a delay, in which most requests are answered."""
        asyncio.get_running_loop().call_later(self._delay_seconds, self._probe)
        self._delay_seconds = min(self._delay_seconds * 2, MAXIMUM_DELAY_SECONDS)

    def _probe(self) -> None:
        protocol = self._protocol
        if protocol.transport is None or self._transport.is_closing():
            return
        request = protocol._current_request
        if request is None:
            self._finish()
        elif not request.writer.output_size and self._begins(request):
            protocol.transport = self  # type: ignore[assignment]
            self._transport.write(_START[self._sent : self._sent + 1])
            self._sent += 1
        self.start()

    def _begins(self, request: web.BaseRequest) -> bool:
        """Return whether the response to a request may begin with the next byte."""
        if self._request is None:
            self._request = request
        return request is self._request and self._sent < len(_START)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write the response without the bytes that were sent ahead."""
        self._protocol.transport = self._transport
        self._transport.write(data[self._sent :])

    def writelines(self, data: list[bytes]) -> None:
        """Write the response without the bytes that were sent ahead."""
        self.write(b"".join(data))
