"""The return annotation as a contract: the check of results, and the JSON of outcomes."""

from __future__ import annotations

from actionhero.outputs.compilation import item_type_of
from actionhero.outputs.encoded import Encoded
from actionhero.outputs.encoding import decode, encode_outcome, outcome_value
from actionhero.outputs.forgotten_await import ForgottenAwait, place_of_call
from actionhero.outputs.mismatch import OutputMismatch, ResultError, UnsupportedResult, located
from actionhero.outputs.schema import OutputSchema

__all__ = [
    "Encoded",
    "ForgottenAwait",
    "OutputMismatch",
    "OutputSchema",
    "ResultError",
    "UnsupportedResult",
    "decode",
    "encode_outcome",
    "item_type_of",
    "located",
    "outcome_value",
    "place_of_call",
]
