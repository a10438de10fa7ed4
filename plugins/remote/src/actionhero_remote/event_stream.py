"""Server-sent events as a client parses them (HTML standard, § 9.2.6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator

#: The line ends; a single `\r` at the end of the buffer may be half of one.
_LINE_END: Final = re.compile(b"\r\n|\n|\r(?!$)", re.DOTALL)


class ReceivedEvent(NamedTuple):
    """An event: its type, which is often empty, and its data."""

    event: str
    data: str


async def parse_events(chunks: AsyncIterable[bytes]) -> AsyncGenerator[ReceivedEvent, None]:
    """Yield the events of a response as soon as they are complete."""
    event, data = "", list[str]()
    async for line in _lines(chunks):
        if not line:
            if data:
                yield ReceivedEvent(event, "\n".join(data))
            event, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event = value


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[str]:
    # Parts of a line are joined once, so that a long one takes linear time.
    parts: list[bytes] = []
    async for chunk in chunks:
        if parts and parts[-1].endswith(b"\r"):
            chunk = parts.pop() + chunk
        *lines, rest = _LINE_END.split(chunk)
        for line in lines:
            yield b"".join([*parts, line]).decode(errors="replace")
            parts = []
        parts.append(rest)
