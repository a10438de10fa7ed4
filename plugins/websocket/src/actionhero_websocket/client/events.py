"""The values that a client receives: messages of channels, events of streams and of the client."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from actionhero import Event

if TYPE_CHECKING:
    from actionhero_websocket.client.errors import CallFailed

#: The states of a client; `waiting` until the next attempt to connect.
State: TypeAlias = Literal["connecting", "open", "waiting", "closed"]

#: The sender of presence events, which have no id.
PRESENCE_SENDER = "presence"


class Message(NamedTuple):
    """A message of a channel."""

    channel: str
    message: Any
    sender: str
    #: The identifier, from which a subscription can resume if the channel has a history.
    id: str | None = None
    #: Whether messages before this one may have been lost.
    after_gap: bool = False


class Presence(NamedTuple):
    """A subscriber has joined or left a channel."""

    channel: str
    event: Literal["join", "leave"]
    #: The presence key, such as the id of a user.
    key: str


class StateChange(NamedTuple):
    """The state of the client has changed."""

    state: State
    #: The close code of the last connection (RFC 6455, section 7.4).
    code: int | None = None
    #: The reason in its close frame.
    reason: str = ""
    #: The delay before the next attempt, in state `waiting`.
    retry_seconds: float | None = None


class SessionEnd(NamedTuple):
    """The server has ended a subscription because its session has ended."""

    channel: str


class Gap(NamedTuple):
    """Messages of a channel may have been lost."""

    channel: str


class DirectMessage(NamedTuple):
    """The server has sent a message to this client, without a channel."""

    message: Any


class ServerError(NamedTuple):
    """The server has reported an error that belongs to no call."""

    error: CallFailed


ClientEvent: TypeAlias = StateChange | SessionEnd | Gap | DirectMessage | ServerError


def parse_presence(content: dict[str, Any]) -> Presence | None:
    """Return the presence event in the content of a broadcast; `None` if it is not one."""
    if content["sender"] != PRESENCE_SENDER or content.get("id") is not None:
        return None
    try:
        event = json.loads(content["message"])
        return Presence(content["channel"], event["event"], str(event["presenceKey"]))
    except (TypeError, ValueError, KeyError):
        return None


def parse_event(text: str) -> Event[str]:
    """Return the event of a server-sent event's text; see `decode_data` for its data."""
    fields: dict[str, str] = {}
    data_lines: list[str] = []
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data_lines.append(value)
        elif name:
            fields[name] = value
    retry = fields.get("retry")
    return Event(
        "\n".join(data_lines),
        fields.get("event"),
        fields.get("id"),
        timedelta(milliseconds=int(retry)) if retry is not None else None,
    )


def decode_data(text: str) -> Any:
    """Return the data of an event: JSON, or else the text itself."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(constant: str) -> None:
    # As in browsers: `NaN` is text.
    raise ValueError(f"{constant} is not JSON")
