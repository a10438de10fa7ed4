"""What a client is told: messages of channels, events of streams, failures."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero import Event

if TYPE_CHECKING:
    from collections.abc import Mapping


class Message(NamedTuple):
    """One message of a channel."""

    channel: str
    message: Any
    sender: str
    #: From which a subscription can go on; `None`: it cannot, as with who comes and goes.
    id: str | None = None
    #: Whether messages before this one may have been missed.
    after_gap: bool = False


class CallFailed(Exception):
    """The server says why there is no value.

    Args:
        message: What went wrong.
        type: Its name on the wire, such as `CONNECTION_ACTION_NOT_FOUND`.
        key: The input that it is about.
        value: What was given for that input.
        document: All that was told.
    """

    def __init__(
        self,
        message: str,
        type: str = "",
        key: str | None = None,
        value: Any = None,
        document: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.type = type
        self.key = key
        self.value = value
        self.document = dict(document or {})

    @property
    def request_id(self) -> str | None:
        """What ties the failure to the log of the server."""
        return self.document.get("request_id")


class ConnectionLost(ConnectionError):
    """There is no connection, or none any more.

    Args:
        message: Why.
        is_final: Whether another attempt would end in the same way.
    """

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


def failure_in(document: Mapping[str, Any]) -> CallFailed:
    """Return the failure that the server tells in `document`."""
    return CallFailed(
        document.get("message", ""),
        document.get("type", ""),
        document.get("key"),
        document.get("value"),
        document,
    )


def event_in(frame: str) -> Event[Any]:
    """Return the event that is told by the text of a server-sent event."""
    fields: dict[str, str] = {}
    lines: list[str] = []
    for line in frame.split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            lines.append(value)
        elif name:
            fields[name] = value
    text = "\n".join(lines)
    try:
        content = json.loads(text)
    except ValueError:
        content = text
    retry = fields.get("retry")
    return Event(
        content,
        fields.get("event"),
        fields.get("id"),
        timedelta(milliseconds=int(retry)) if retry is not None else None,
    )
