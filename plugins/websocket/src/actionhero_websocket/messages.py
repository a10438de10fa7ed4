"""The messages of the server, encoded as JSON, and the errors of undecodable messages."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from actionhero import ErrorType, MalformedRequest, TypedError
from actionhero.transport import ABSENT, dumps, encode_outcome, loads, outcome_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Outcome, Principal

#: Stands for an absent `messageId`, which the response does not have either.
NO_ID: Final = ABSENT
#: The number of strings and brackets of a malformed message that are searched for its id.
MAX_TOKENS: Final = 100_000
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)


def response(id: Any, outcome: Outcome) -> bytes:
    """Return the response of an action that has succeeded.

    Args:
        id: The `messageId` of the request, or `NO_ID`.
        outcome: The outcome.

    Raises:
        TypeError: The value is not JSON serializable.
    """
    body = encode_outcome(outcome)
    if body.startswith(b"["):
        # Clients of the original ActionHero expect a list as an object with its indexes as keys.
        items = enumerate(outcome_value(outcome))
        return _message(id, response={str(index): item for index, item in items})
    if id is NO_ID:
        return b'{"response":%b}' % body
    number = b"%d" % id if type(id) is int else dumps(id)
    return b'{"messageId":%b,"response":%b}' % (number, body)


def error(id: Any, document: Mapping[str, Any]) -> bytes:
    """Return an error response.

    Args:
        id: The `messageId` of the request, or `NO_ID`.
        document: The error document: `{"error": {...}}`.
    """
    return _message(id, **document)


def chunk(id: Any, text: str) -> bytes:
    """Return a chunk of a stream."""
    return _message(id, streaming=True, chunk=text)


def stream_end(id: Any) -> bytes:
    """Return the end of a stream."""
    return _message(id, streaming=False)


def subscribed(id: Any, facts: Mapping[str, Any]) -> bytes:
    """Return the confirmation of a subscription."""
    return _message(id, subscribed=facts)


def unsubscribed(id: Any, channel: str) -> bytes:
    """Return the confirmation of an unsubscribe; without an id, the server has initiated it."""
    return _message(id, unsubscribed={"channel": channel})


def authenticated(id: Any, principal: Principal) -> bytes:
    """Return the confirmation of an authentication."""
    scopes = None if principal.scopes is None else sorted(principal.scopes)
    return _message(id, authenticated={"user": principal.user, "scopes": scopes})


def direct(message: Any) -> bytes:
    """Return a message to one client, without a channel.

    Raises:
        TypeError: The message is not JSON serializable.
    """
    return dumps({"direct": {"message": message}})


def gap(channel: str) -> bytes:
    """Return the notice that messages of a channel may have been lost."""
    return dumps({"gap": {"channel": channel}})


def read_id(data: bytes | bytearray) -> Any:
    """Return the `messageId` of a message that is nested too deep, or `NO_ID`.

    The rest of the message is parsed like any other, with the index of each object and array
    inside the message in place of it.
    """
    pieces: list[bytes | bytearray] = []
    nested: list[bytes | bytearray] = []
    depth = start = 0
    tokens = _TOKEN.finditer(data)
    for match in islice(tokens, MAX_TOKENS):
        token = match[0]
        if token in b"[{":
            depth += 1
            if depth == 2:
                pieces.append(data[start : match.start()] + b"[%d]" % len(nested))
                start = match.start()
        elif token in b"]}":
            depth -= 1
            if depth == 1:
                nested.append(data[start : match.end()])
                start = match.end()
    try:
        message = loads(b"".join(pieces) + data[start:])
        if not isinstance(message, dict):
            return NO_ID
        id = message.get("messageId", NO_ID)
        if not isinstance(id, list):
            return id
        # After `MAX_TOKENS`, an array is an id itself.
        return NO_ID if next(tokens, None) else loads(nested[id[0]])
    except (MalformedRequest, IndexError):
        return NO_ID


def malformed(cause: MalformedRequest) -> TypedError:
    """Return the error of a message that is not JSON, or is nested too deep."""
    text = cause.message
    if text.startswith("Invalid JSON"):
        text = f"SyntaxError: {text}"
    return TypedError(text, type=ErrorType.ACTION_RUN)


def unknown_type() -> TypedError:
    """Return the error of a message with an unknown `messageType`."""
    return TypedError("Error: messageType either missing or unknown", type=ErrorType.ACTION_RUN)


def _message(id: Any, **parts: Any) -> bytes:
    return dumps(parts if id is NO_ID else {"messageId": id, **parts})
