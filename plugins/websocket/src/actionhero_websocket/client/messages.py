"""The values that a client receives: messages of channels, events of streams, and errors."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero import Event

if TYPE_CHECKING:
    from collections.abc import Mapping


class Message(NamedTuple):
    """A message of a channel."""

    channel: str
    message: Any
    sender: str
    #: The identifier from which a subscription can resume; `None` for presence events.
    id: str | None = None
    #: Whether messages before this one may have been lost.
    after_gap: bool = False


class CallFailed(Exception):
    """Raised when the server responds with an error.

    Args:
        message: The message of the error.
        type: The type of the error, such as `CONNECTION_ACTION_NOT_FOUND`.
        key: The name of the invalid input.
        value: The value of the invalid input.
        document: The whole error document.
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
        """The request id, by which the server logs the call."""
        return self.document.get("request_id")


class ConnectionLost(ConnectionError):
    """Raised when there is no connection, or it was lost.

    Args:
        message: The cause.
        is_final: Whether the server would refuse another attempt too.
    """

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


def parse_error(document: Mapping[str, Any]) -> CallFailed:
    """Return the exception of an error document."""
    return CallFailed(
        document.get("message", ""),
        document.get("type", ""),
        document.get("key"),
        document.get("value"),
        document,
    )


def parse_event(text: str) -> Event[Any]:
    """Return the event of a server-sent event's text."""
    fields: dict[str, str] = {}
    data_lines: list[str] = []
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data_lines.append(value)
        elif name:
            fields[name] = value
    data = "\n".join(data_lines)
    try:
        content = json.loads(data)
    except ValueError:
        content = data
    retry = fields.get("retry")
    return Event(
        content,
        fields.get("event"),
        fields.get("id"),
        timedelta(milliseconds=int(retry)) if retry is not None else None,
    )
