"""`BodyEncoder`: encodes the bodies of responses in a media type, for plugins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class BodyEncoder(ABC):
    """Encodes the results and errors of actions in a media type, see `actionhero_web_encoders`."""

    #: The media type, lowercase and without parameters: `application/msgpack`.
    media_type: str = ""

    @abstractmethod
    def encode(self, value: Any) -> bytes:
        """Return a value encoded.

        Args:
            value: The result of an action, or the document of an error, in the types of JSON:
                `None`, `bool`, `int`, `float`, `str`, `list` and `dict`.

        Raises:
            ValueError: The value cannot be encoded; it is logged, and the client gets status 500.
        """
