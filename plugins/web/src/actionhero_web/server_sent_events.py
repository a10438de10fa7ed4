"""Server-sent events as text: pure functions, for every door that tells a stream in this way."""

from __future__ import annotations

import re
from typing import Any, Final

from actionhero import Event
from actionhero.transport import Chunk, encode

MEDIA_TYPE: Final = "text/event-stream"
#: What clients pass over; it keeps a connection from looking idle.
HEARTBEAT: Final = b":\n\n"

#: All that ends a line for a reader of events.
_LINE_END: Final = re.compile("\r\n|\r|\n")


def frame(item: Any) -> str:
    """Return what stands for one item of a stream, the empty line after it included.

    Raises:
        TypeError: Its data cannot be written as JSON.
    """
    if not isinstance(item, Event):
        return _data(item) + "\n"
    head = ""
    if item.event is not None:
        head += f"event: {item.event}\n"
    if item.id is not None:
        head += f"id: {item.id}\n"
    if item.retry is not None:
        head += f"retry: {item.retry.total_seconds() * 1000:.0f}\n"
    return f"{head}{_data(item.data)}\n"


def encode_event(item: Any) -> str:
    """Return an item of any stream as text, for doors whose messages are text."""
    if not isinstance(item, Chunk):
        return frame(item)
    content = item.content
    return content if isinstance(content, str) else content.decode(errors="replace")


def _data(data: Any) -> str:
    if not isinstance(data, str):
        # JSON has no line ends but those that are written as such.
        return f"data: {encode(data).decode()}\n"
    return "".join(f"data: {line}\n" for line in _LINE_END.split(data))
