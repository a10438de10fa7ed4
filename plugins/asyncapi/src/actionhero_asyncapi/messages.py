"""The messages of the protocol over WebSocket, and the parts of a document they consist of."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, Final

from actionhero_channels import CHANNEL_NAME
from actionhero_openapi import reference

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

Schema = dict[str, Any]

#: The placeholder in the name of a channel.
PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
#: Any JSON value is possible; these two types have an equal in every language.
MESSAGE_ID: Final[Schema] = {
    "type": ["string", "integer"],
    "description": "Chosen by the client; the reply has the same.",
}
_CHANNEL: Final[Schema] = {"type": "string", "pattern": f"^{CHANNEL_NAME.pattern}$"}
#: The correlation of request and reply.
CORRELATION: Final = {"messageId": {"location": "$message.payload#/messageId"}}

#: The requests of the protocol, besides calls, with the names of their replies.
REQUESTS: Final = {
    "subscribe": ("subscribed", "error"),
    "unsubscribe": ("unsubscribed", "error"),
    "cancel": ("stream_end", "error"),
}


def object_schema(required: str = "", **properties: Schema) -> Schema:
    """Return the schema of an object.

    Args:
        required: The names of the required properties, separated by spaces.
        properties: The properties by name.
    """
    schema: Schema = {"type": "object", "properties": properties}
    return schema | ({"required": required.split()} if required else {})


def message(
    name: str, summary: str, payload: Schema, *, correlated: bool = False
) -> dict[str, Any]:
    """Return a message.

    Args:
        name: Its name.
        summary: What it is, as a sentence.
        payload: The schema of its content.
        correlated: Whether it has the `messageId` of a request.
    """
    parts = {"name": name, "title": name, "summary": summary, "payload": payload}
    if correlated:
        parts["correlationId"] = {"$ref": "#/components/correlationIds/messageId"}
    return parts


def identifier(name: str) -> str:
    """Return a name as a key of the document: `room:{id}` is `room_id`; see `free_key`."""
    return re.sub(r"[^A-Za-z0-9-]+", "_", name.replace("@", "_v")).strip("_") or "_"


def free_key(key: str, used: Container[str]) -> str:
    """Return a key, with a number if it is in use: `room:{id}` and `room:id` are one identifier."""
    numbered = (f"{key}_{number}" for number in itertools.count(2))
    return next(each for each in itertools.chain([key], numbered) if each not in used)


def value_of_message_type(kind: str) -> Schema:
    """Return the schema of the type of a request."""
    return {"type": "string", "const": kind}


def protocol_messages() -> dict[str, dict[str, Any]]:
    """Return the messages that do not depend on the application, by name."""
    channels = {"type": "array", "items": _CHANNEL, "minItems": 1}
    only_channel = object_schema("channel", channel=_CHANNEL)
    subscribed = object_schema(
        "channel",
        channel=_CHANNEL,
        gap={"type": "boolean", "description": "Whether broadcasts after `since` are lost."},
        id={"type": ["string", "null"], "description": "The id from which to resume."},
    )
    presence_event = object_schema(
        "event presenceKey",
        event={"type": "string", "enum": ["join", "leave"]},
        presenceKey={"type": "string"},
    )
    encoded_event = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": presence_event,
    }
    presence = object_schema(
        "channel message sender",
        channel=_CHANNEL,
        message=encoded_event,
        sender={"type": "string", "const": "presence"},
    )
    since = {
        "type": ["string", "null"],
        "description": "The id of the last broadcast received, to resume a subscription.",
    }
    direct = {"description": "Any JSON value that the application sends."}
    return {
        "subscribe": message(
            "subscribe",
            "Subscribe to one channel, or to several.",
            object_schema(
                "messageType", messageType=value_of_message_type("subscribe"),
                messageId=MESSAGE_ID, channel=_CHANNEL, channels=channels, since=since,
            ),
            correlated=True,
        ),
        "unsubscribe": message(
            "unsubscribe",
            "Unsubscribe from one channel, or from several.",
            object_schema(
                "messageType", messageType=value_of_message_type("unsubscribe"),
                messageId=MESSAGE_ID, channel=_CHANNEL, channels=channels,
            ),
            correlated=True,
        ),
        "subscribed": message(
            "subscribed",
            "Confirms a subscription.",
            object_schema("subscribed", messageId=MESSAGE_ID, subscribed=subscribed),
            correlated=True,
        ),
        "unsubscribed": message(
            "unsubscribed",
            "Confirms the end of a subscription; without `messageId`, the server has ended it.",
            object_schema("unsubscribed", messageId=MESSAGE_ID, unsubscribed=only_channel),
            correlated=True,
        ),
        "direct": message(
            "direct",
            "A message to this client, without a channel.",
            object_schema("direct", direct=object_schema("message", message=direct)),
        ),
        "gap": message(
            "gap",
            "Broadcasts of a channel may have been lost.",
            object_schema("gap", gap=only_channel),
        ),
        "presence": message(
            "presence",
            "A member has joined or left.",
            object_schema("message", message=presence),
        ),
        "error": message(
            "error",
            "The request has failed.",
            {"allOf": [reference("Error"), object_schema(messageId=MESSAGE_ID)]},
            correlated=True,
        ),
        "cancel": message(
            "cancel",
            "End a stream before its last chunk.",
            object_schema(
                "messageType messageId",
                messageType=value_of_message_type("cancel"),
                messageId=MESSAGE_ID | {"description": "That of the call."},
            ),
            correlated=True,
        ),
        "stream_end": message(
            "stream_end",
            "The end of a stream.",
            object_schema(
                "streaming", messageId=MESSAGE_ID, streaming={"type": "boolean", "const": False}
            ),
            correlated=True,
        ),
    }  # fmt: skip


def broadcast_data(content: Schema) -> Schema:
    """Return the schema of a broadcast with a message of that schema."""
    return object_schema(
        "channel message sender id",
        channel=_CHANNEL,
        message=content,
        sender={"type": "string"},
        id={"type": "string", "description": "The id from which to resume."},
    )


def event_messages() -> dict[str, dict[str, Any]]:
    """Return the server-sent events that all channels have, by name."""
    channel = object_schema("channel", channel=_CHANNEL)
    member = object_schema(
        "channel message sender",
        channel=_CHANNEL, message={"type": "string"}, sender={"type": "string"},
    )  # fmt: skip
    gap = {"type": "boolean", "description": "Whether broadcasts are lost."}
    schemas = {
        "subscribed": ("Confirms the subscription; the first event.",
                       object_schema("channel gap", channel=_CHANNEL, gap=gap)),
        "presence": ("A member has joined or left.", member),
        "gap": ("Broadcasts may have been lost.", channel),
        "unsubscribed": ("The session has ended; the last event.", channel),
        "end": ("The server stops; the last event.", channel),
        "error": ("The stream has failed; the last event.", reference("Error")),
    }  # fmt: skip
    return {
        f"event_{name}": message(f"event_{name}", f"`event: {name}`: {summary}", payload)
        for name, (summary, payload) in schemas.items()
    }


def to_draft_7(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with the keywords of AsyncAPI, which are those of draft 7 and some more."""
    discriminator = schema.get("discriminator")
    if isinstance(discriminator, dict):
        return {**schema, "discriminator": discriminator["propertyName"]}
    return dict(schema)
