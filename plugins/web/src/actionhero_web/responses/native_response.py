"""Functions for responses of aiohttp's own classes: their check, and changes of them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from aiohttp import HttpVersion11, web

from actionhero.transport import HEADER_VALUE, check_header
from actionhero_web.responses.compression import compress_async

if TYPE_CHECKING:
    from actionhero import Outcome
    from actionhero_web.responses.compression import Encoding

logger = logging.getLogger("actionhero.web")

_INVALID: Final = "a control character, or a half of a surrogate pair"

#: The fault of an action that has written a response, and returned another value.
WRITTEN_RESPONSE: Final = "run has written a response itself, and returned another value; return it"

#: Statuses without a body (RFC 9112 §6.3, and RFC 9110 §15.3.6 for 205).
BODILESS_STATUSES: Final = frozenset({204, 205, 304})

#: The request that a response was returned for, stored in the response.
_REQUEST: Final = web.ResponseKey("actionhero_request", web.BaseRequest)


def check_native_response(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Check a response before it is sent: aiohttp would close the connection, or wait for ever.

    Args:
        request: The request that it was returned for.
        response: The response.

    Raises:
        ValueError: It was returned for another request, or its status, a header or a cookie cannot
            be written. The message contains the reason.
    """
    owner = response.get(_REQUEST)
    if owner is request:
        return
    is_of_request = not response.prepared or (
        # The handler has begun to send it, or has sent all of it.
        response.task is request.task or request.writer.output_size > 0
    )
    if owner is not None or not is_of_request:
        raise ValueError(
            "the response was returned for another request already; "
            "create a new one for each request"
        )
    response[_REQUEST] = request
    if "Content-Length" in response.headers and request.method != "HEAD":
        _check_written_length(request, response)
    if response.prepared:
        return
    if not 200 <= response.status <= 599:
        raise ValueError(f"the response has the invalid status {response.status}")
    if not HEADER_VALUE.fullmatch(response.reason or ""):
        raise ValueError(f"the reason of the response contains {_INVALID}")
    for name, value in response.headers.items():
        check_header(name, value)
    _check_length(response)
    if response.compression and isinstance(response, web.Response) and response.body is None:
        # aiohttp cannot compress without a body.
        response.enable_compression(web.ContentCoding.identity)
    if response.chunked and request.version < HttpVersion11:
        # aiohttp refuses to send it (RFC 9112 §7).
        response._chunked = False
    if "Transfer-Encoding" in response.headers:
        raise ValueError(
            "the response has the header 'Transfer-Encoding', which the server sets; remove it"
        )
    for name, cookie in response.cookies.items():
        if not HEADER_VALUE.fullmatch(cookie.OutputString()):
            raise ValueError(f"the cookie {name!r} of the response contains {_INVALID}")


def _check_length(response: web.StreamResponse) -> None:
    lengths = response.headers.getall("Content-Length", ())
    if len(lengths) > 1:
        raise ValueError("the response has several headers 'Content-Length'; remove them")
    body = response.body if isinstance(response, web.Response) else None
    for length in lengths:
        if not (length.isascii() and length.isdigit()):
            raise ValueError(f"the header 'Content-Length' of the response is {length!r}")
        if isinstance(body, bytes | bytearray) and body and int(length) != len(body):
            raise ValueError(
                f"the header 'Content-Length' of the response is {length}, but its body has "
                f"{len(body)} bytes; remove the header"
            )


def _check_written_length(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Close the connection if a response ends early: the client would wait for the rest."""
    finish = response.write_eof

    async def write_eof(data: bytes = b"") -> None:
        await finish(data)
        missing_bytes = request.writer.length
        if missing_bytes and response.status not in BODILESS_STATUSES:
            logger.error(
                "the response to %s %s has %d bytes less than its Content-Length",
                request.method, request.path, missing_bytes,
            )  # fmt: skip
            request.protocol.force_close()
            raise ConnectionResetError("the response is shorter than its Content-Length")

    response.write_eof = write_eof  # type: ignore[method-assign]


def is_written(outcome: Outcome) -> bool:
    """Return whether an action has returned a response of aiohttp that it has begun to write."""
    value = outcome.value if outcome.error is None else None
    return isinstance(value, web.StreamResponse) and value.prepared


def close_after(response: web.StreamResponse) -> None:
    """Close the connection after this response."""
    response.force_close()
    if response.headers.get("Connection", "").lower() != "upgrade":
        # aiohttp may have decided on the header already.
        response.headers["Connection"] = "close"


def discard_body(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Discard the body that is written: the client would take it for the next response.

    Args:
        request: The request.
        response: The response, whose headers are not sent yet.
    """
    finish = response.write_eof
    writer: Any = request.writer

    async def write(_: bytes | bytearray | memoryview) -> None:
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("the client has disconnected")
        # Otherwise the author of an endless response would stop the server.
        await asyncio.sleep(0)

    async def write_eof(_: bytes = b"") -> None:
        # First, as a compressed body ends with some bytes even if it is empty.
        writer.set_eof()
        await finish()

    response.write = write  # type: ignore[method-assign, assignment]
    response.write_eof = write_eof  # type: ignore[method-assign, assignment]


def remove_content(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Remove the content of a response 205, whose headers delimit a body, unlike those of 204.

    Args:
        request: The request.
        response: The response, whose headers are not sent yet.
    """
    writer: Any = request.writer
    if "Transfer-Encoding" not in response.headers:
        response.headers["Content-Length"] = "0"
        writer.length = 0
    if isinstance(response, web.Response):
        # A body of an iterator is written by itself.
        response.body = None


async def compress_body(response: web.Response, encoding: Encoding) -> None:
    """Compress the body of a response."""
    assert isinstance(response.body, bytes)  # noqa: S101 - checked by the caller
    response.body = await compress_async(response.body, encoding)
    response.headers.popall("Content-Length", None)
    response.headers["Content-Encoding"] = encoding
