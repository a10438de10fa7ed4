"""`Delivery`: one broadcast on its way to subscribers, encoded once for all of them."""

from __future__ import annotations

import re
from typing import Any, Final

from actionhero.transport import dumps, loads

#: The identifier before the first entry of a stream.
STREAM_START: Final = "0-0"
#: An identifier that Redis accepts; its parts are unsigned 64-bit integers.
_ID: Final = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
_PART_LIMIT: Final = 2**64


class Delivery:
    """One broadcast.

    Args:
        channel: The name of the channel.
        body: Its JSON up to the identifier; see `encode_body`.
        id: Its identifier, from which a subscription can resume if the channel has history;
            `None` for presence events.
    """

    __slots__ = ("_body", "_json", "_parsed", "cache", "channel", "id")

    def __init__(self, channel: str, body: bytes, id: str | None) -> None:
        self.channel = channel
        self.id = id
        #: For transports: values derived from this broadcast once for all, such as a frame.
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
        """The message."""
        return self._content["message"]

    @property
    def sender(self) -> str:
        """The sender."""
        return str(self._content["sender"])

    @property
    def _content(self) -> dict[str, Any]:
        if self._parsed is None:
            self._parsed = loads(self.json)["message"]
        return self._parsed


def encode_body(channel: str, message: Any, sender: str) -> bytes:
    """Return the body of a broadcast: its JSON without the identifier and the last braces.

    Raises:
        TypeError: The message is not JSON serializable.
    """
    content = dumps({"channel": channel, "message": message, "sender": sender})
    return b'{"message":' + content[:-1]


def parse_id(id: str) -> tuple[int, int]:
    """Return an identifier of a stream as two integers, which compare in the order of the stream.

    Raises:
        ValueError: It is invalid.
    """
    match = _ID.fullmatch(id)
    parts = (int(match[1]), int(match[2])) if match else (_PART_LIMIT, 0)
    if max(parts) >= _PART_LIMIT:
        raise ValueError(f"invalid broadcast identifier {id!r}")
    return parts
