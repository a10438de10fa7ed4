"""The text format of server-sent events, for every transport that streams them."""

from __future__ import annotations

import re
from typing import Any, Final

from actionhero import Event
from actionhero.transport import Chunk, Item, encode

MEDIA_TYPE: Final = "text/event-stream"
#: A comment, which clients ignore; it keeps a connection from looking idle.
HEARTBEAT: Final = b":\n\n"

#: The line ends of the event stream format.
_LINE_END: Final = re.compile("\r\n|\r|\n")


def format_event(item: Any) -> str:
    """Return an item of a stream as an event, with the empty line at its end.

    Args:
        item: An `Item` of an action, or an event or value of the server.

    Raises:
        TypeError: The data cannot be encoded as JSON.
    """
    text = None
    if isinstance(item, Item):
        item, text = item.value, item.text
    if not isinstance(item, Event):
        return _data_lines(item, text) + "\n"
    fields = ""
    if item.event is not None:
        fields += f"event: {item.event}\n"
    if item.id is not None:
        fields += f"id: {item.id}\n"
    if item.retry is not None:
        fields += f"retry: {item.retry.total_seconds() * 1000:.0f}\n"
    return f"{fields}{_data_lines(item.data, text)}\n"


def encode_event(item: Any) -> str:
    """Return an item of any stream as text, for transports with text messages."""
    if not isinstance(item, Chunk):
        return format_event(item)
    content = item.content
    return content if isinstance(content, str) else content.decode(errors="replace")


def _data_lines(data: Any, text: str | None) -> str:
    if text is None:
        text = data if isinstance(data, str) else encode(data).decode()
    # JSON contains no line ends: they are escaped in strings.
    return "".join(f"data: {line}\n" for line in _LINE_END.split(text))
