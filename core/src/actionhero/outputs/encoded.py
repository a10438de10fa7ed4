"""`Encoded`: a result that is JSON already."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Encoded:
    """A result that is JSON already, such as a stored response; transports send it as it is.

    It is not checked against the return annotation. `call.run` and test callers return the value.
    """

    #: The JSON document, in UTF-8.
    body: bytes
