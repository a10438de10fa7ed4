"""What is said over a socket, as JSON: the messages of clients read, and ours written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero import ErrorType, MalformedRequest, TypedError
from actionhero.transport import ABSENT, dumps, encode, loads

if TYPE_CHECKING:
    from collections.abc import Mapping

#: In place of a `messageId` where there is none, so that there is none in the answer.
NO_ID: Final = ABSENT


def response(id: Any, value: Any) -> bytes:
    """Return the answer with what an action returned: an object, whose keys are told.

    Args:
        id: The `messageId` of what is answered, or `NO_ID`.
        value: What was returned.

    Raises:
        TypeError: The value cannot be written as JSON.
    """
    if type(value) is dict:
        # As most are: no time is lost with them.
        if id is NO_ID:
            return dumps({"response": value})
        return dumps({"messageId": id, "response": value})
    body = encode(value)
    if body[:1] == b"[":
        # A list is told as clients of the original expect it: by its indexes.
        return _message(id, response={str(index): item for index, item in enumerate(loads(body))})
    return _message(id)[:-1] + b'%b"response":%b}' % (b"" if id is NO_ID else b",", body)


def failure(id: Any, document: Mapping[str, Any]) -> bytes:
    """Return the answer with why there is no value.

    Args:
        id: The `messageId` of what is answered, or `NO_ID`.
        document: The document of the failure: `{"error": {...}}`.
    """
    return _message(id, **document)


def chunk(id: Any, text: str) -> bytes:
    """Return a part of a stream."""
    return _message(id, streaming=True, chunk=text)


def stream_end(id: Any) -> bytes:
    """Return what comes after the last part of a stream."""
    return _message(id, streaming=False)


def subscribed(id: Any, facts: Mapping[str, Any]) -> bytes:
    """Return the answer to who has joined a channel."""
    return _message(id, subscribed=facts)


def unsubscribed(id: Any, channel: str) -> bytes:
    """Return the answer to who has left a channel; without an id, it had to."""
    return _message(id, unsubscribed={"channel": channel})


def gap(channel: str) -> bytes:
    """Return how it is told that messages of a channel may have been missed."""
    return dumps({"gap": {"channel": channel}})


def not_json(error: MalformedRequest) -> TypedError:
    """Return how it is told that a message could not be read."""
    return TypedError(f"SyntaxError: {error.message}", type=ErrorType.ACTION_RUN)


def unknown_type() -> TypedError:
    """Return how it is told that a message says nothing that we know."""
    return TypedError("Error: messageType either missing or unknown", type=ErrorType.ACTION_RUN)


def _message(id: Any, **parts: Any) -> bytes:
    return dumps(parts if id is NO_ID else {"messageId": id, **parts})
