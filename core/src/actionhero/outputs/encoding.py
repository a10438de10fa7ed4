"""The JSON of outcomes, for transports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from actionhero import json
from actionhero.errors import ConnectionTypeNotFound

if TYPE_CHECKING:
    from actionhero.call import Outcome


def encode_outcome(outcome: Outcome) -> bytes:
    """Return the result of a call as compact JSON, by the return annotation of the action.

    `None` becomes `{}`.

    Raises:
        ConnectionTypeNotFound: The value is a response of a transport, such as a file.
        TypeError: The action has no return annotation, and returns a value that is not JSON.
    """
    if outcome.is_response:
        # It may be a mapping, which would be written as an empty object.
        raise ConnectionTypeNotFound("This transport does not support the type of the result")
    return json.encode(outcome.value) if outcome.body is None else outcome.body


def outcome_value(outcome: Outcome) -> Any:
    """Return the result of a call in JSON types, as `encode_outcome` writes them.

    Raises:
        ConnectionTypeNotFound: See `encode_outcome`.
        TypeError: See `encode_outcome`.
    """
    return decode(encode_outcome(outcome))


def decode(body: bytes) -> Any:
    """Return the JSON value of a body that was encoded here."""
    return from_json(body)
