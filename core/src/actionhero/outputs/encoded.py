"""`Encoded`: a result that is JSON already."""

from __future__ import annotations


class Encoded:
    """A result that is JSON already, such as a stored response; transports send it as it is.

    It is not checked against the return annotation. `call.run` and test callers return the value.

    Args:
        body: The JSON document, in UTF-8.
    """

    __slots__ = ("body",)

    def __init__(self, body: bytes) -> None:
        self.body = body

    def __repr__(self) -> str:
        return f"<Encoded of {len(self.body)} bytes>"
