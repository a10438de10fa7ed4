"""The channels of an application in the document, with their parameters and broadcasts."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from actionhero_asyncapi.messages import PLACEHOLDER, broadcast_data, message, object_schema

if TYPE_CHECKING:
    from actionhero_asyncapi.messages import Schema
    from actionhero_channels import Channel

#: The messages of every channel over WebSocket, besides its broadcasts.
SHARED_MESSAGES: Final = ("presence", "gap", "unsubscribed")


def channel_definition(channel: Channel, address: str) -> dict[str, Any]:
    """Return a channel without its messages and servers."""
    # Not `inspect.getdoc`, which returns the docstring of `Channel` for a class without one.
    description = inspect.cleandoc(type(channel).__doc__ or "")
    definition: dict[str, Any] = {"address": address, "title": channel.name}
    if description:
        definition["description"] = description
    parameters = {
        name: {"description": f"The value of `{name}` in the name of the channel."}
        for name in PLACEHOLDER.findall(address)
    }
    return definition | ({"parameters": parameters} if parameters else {})


def broadcast_message(name: str, content: Schema) -> dict[str, Any]:
    """Return the broadcast of a channel over WebSocket."""
    payload = object_schema("message", message=broadcast_data(content))
    return message(name, "A broadcast.", payload)


def broadcast_event(name: str, content: Schema) -> dict[str, Any]:
    """Return the broadcast of a channel as a server-sent event."""
    return message(name, "A broadcast: an event without a name.", broadcast_data(content))
