"""`Delivery`: one broadcast on its way to those who listen, encoded once for all of them."""

from __future__ import annotations

import re
from typing import Any, Final

from actionhero.transport import dumps, loads

#: Before the first entry of a stream.
START: Final = "0-0"
#: What Redis takes, and what its counters hold.
_ID: Final = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
_BEYOND: Final = 2**64


class Delivery:
    """One broadcast.

    Args:
        channel: Where.
        body: Its JSON, up to where the identifier goes: see `body_of`.
        id: Its identifier. That of a channel with history can be resumed from; a presence event
            has none.
    """

    __slots__ = ("_body", "_json", "_parsed", "cache", "channel", "id")

    def __init__(self, channel: str, body: bytes, id: str | None) -> None:
        self.channel = channel
        self.id = id
        #: For doors: what was made of this broadcast once for all, such as a frame.
        self.cache: dict[Any, Any] = {}
        self._body = body
        self._json: bytes | None = None
        self._parsed: dict[str, Any] | None = None

    @property
    def json(self) -> bytes:
        """`{"message":{"channel":…,"message":…,"sender":…,"id":…}}`, without spaces."""
        if self._json is None:
            end = b'"}}' if self.id is not None else b"}}"
            id = b',"id":"' + self.id.encode() if self.id is not None else b""
            self._json = self._body + id + end
        return self._json

    @property
    def message(self) -> Any:
        """What was broadcast."""
        return self._told["message"]

    @property
    def sender(self) -> str:
        """Who has broadcast it."""
        return str(self._told["sender"])

    @property
    def _told(self) -> dict[str, Any]:
        if self._parsed is None:
            self._parsed = loads(self.json)["message"]
        return self._parsed


def body_of(channel: str, message: Any, sender: str) -> bytes:
    """Return a broadcast as it is sent to Redis: its JSON, without identifier and last braces.

    Raises:
        TypeError: The message cannot be written as JSON.
    """
    whole = dumps({"channel": channel, "message": message, "sender": sender})
    return b'{"message":' + whole[:-1]


def position(id: str) -> tuple[int, int]:
    """Return an identifier of a stream as numbers, which are in order.

    Raises:
        ValueError: It is none.
    """
    match = _ID.fullmatch(id)
    parts = (int(match[1]), int(match[2])) if match else (_BEYOND, 0)
    if max(parts) >= _BEYOND:
        raise ValueError(f"{id!r} is no identifier of a broadcast")
    return parts
