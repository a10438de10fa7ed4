"""What is said over a socket, as JSON: the messages of clients read, and ours written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero import MalformedRequest, TypedError
from actionhero.errors import ErrorType
from actionhero.json import dumps, loads
from actionhero.outputs import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where there is no `messageId`, so that there is none in the answer.
NO_ID: Final = b"{"


def beginning(message: Mapping[str, Any]) -> bytes:
    """Return how the answer to a message begins: with the same `messageId`, if it has one."""
    if "messageId" not in message:
        return NO_ID
    id = message["messageId"]
    # What most clients do is number their messages.
    return b'{"messageId":%d,' % id if type(id) is int else b'{"messageId":%b,' % dumps(id)


def response(beginning: bytes, value: Any) -> bytes:
    """Return the answer with what an action returned: an object, whose keys are told.

    Raises:
        TypeError: The value cannot be written as JSON.
    """
    if type(value) is dict:
        return beginning + b'"response":' + dumps(value) + b"}"
    body = encode(value)
    if body[:1] == b"[":
        # A list is told as clients of the original expect it: by its indexes.
        body = dumps({str(index): item for index, item in enumerate(loads(body))})
    return b'%b"response":%b}' % (beginning, body)


def failure(beginning: bytes, document: Mapping[str, Any]) -> bytes:
    """Return the answer with why there is no value.

    Args:
        beginning: See `beginning`.
        document: The document of the failure: `{"error": {...}}`.
    """
    return beginning + dumps(document)[1:]


def chunk(beginning: bytes, text: str) -> bytes:
    """Return a part of a stream."""
    return b'%b"streaming":true,"chunk":%b}' % (beginning, dumps(text))


def stream_end(beginning: bytes) -> bytes:
    """Return what comes after the last part of a stream."""
    return beginning + b'"streaming":false}'


def subscribed(beginning: bytes, facts: Mapping[str, Any]) -> bytes:
    """Return the answer to who has joined a channel."""
    return b'%b"subscribed":%b}' % (beginning, dumps(facts))


def unsubscribed(beginning: bytes, channel: str) -> bytes:
    """Return the answer to who has left a channel; without a beginning, it had to."""
    return b'%b"unsubscribed":%b}' % (beginning, dumps({"channel": channel}))


def gap(channel: str) -> bytes:
    """Return how it is told that messages of a channel may have been missed."""
    return dumps({"gap": {"channel": channel}})


def not_json(error: MalformedRequest) -> TypedError:
    """Return how it is told that a message could not be read."""
    return TypedError(f"SyntaxError: {error.message}", type=ErrorType.ACTION_RUN)


def unknown_type() -> TypedError:
    """Return how it is told that a message says nothing that we know."""
    return TypedError("Error: messageType either missing or unknown", type=ErrorType.ACTION_RUN)
