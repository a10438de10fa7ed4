"""The bodies of responses, of limited size; server-sent events (HTML standard, § 9.2.6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from actionhero import UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator

#: The line ends; a single `\r` at the end of the buffer may be half of one.
_LINE_END: Final = re.compile(b"\r\n|\n|\r(?!$)", re.DOTALL)


#: The largest value of a call, or item of a stream: more would fill the memory.
MAX_BYTES: Final = 256 * 1024 * 1024


class ReceivedEvent(NamedTuple):
    """An event: its type, which is often empty, and its data."""

    event: str
    data: str


async def parse_events(
    chunks: AsyncIterable[bytes], max_bytes: int = MAX_BYTES
) -> AsyncGenerator[ReceivedEvent, None]:
    """Yield the events of a response as soon as they are complete.

    Args:
        chunks: The body.
        max_bytes: The largest event.

    Raises:
        UnavailableError: An event is larger.
    """
    event, data, size = "", list[str](), 0
    async for line in _lines(chunks, max_bytes):
        size += len(line)
        if size > max_bytes:
            raise too_large(max_bytes)
        if not line:
            if data:
                yield ReceivedEvent(event, "\n".join(data))
            event, data, size = "", [], 0
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event = value


async def _lines(chunks: AsyncIterable[bytes], max_bytes: int) -> AsyncIterator[str]:
    # Parts of a line are joined once, so that a long one takes linear time.
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        if parts and parts[-1].endswith(b"\r"):
            chunk = parts.pop() + chunk
        *lines, rest = _LINE_END.split(chunk)
        for line in lines:
            yield b"".join([*parts, line]).decode(errors="replace")
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > max_bytes:
            raise too_large(max_bytes)


async def read_body(chunks: AsyncIterable[bytes], max_bytes: int = MAX_BYTES) -> bytes:
    """Return the body of a response, after its decompression.

    Raises:
        UnavailableError: It is larger than `max_bytes`.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > max_bytes:
            raise too_large(max_bytes)
    return bytes(body)


def too_large(max_bytes: int) -> UnavailableError:
    """Return the error of a response that would fill the memory."""
    return UnavailableError(
        f"the response of the server is larger than {max_bytes / 2**20:g} MiB, and is not read"
    )
