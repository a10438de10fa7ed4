"""`BodyDecoder`: decodes the bodies of a media type, for plugins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class BodyDecoder(ABC):
    """Decodes request bodies of one or more media types, see `actionhero_web_decoders`."""

    #: The media types, lowercase and without parameters: `application/msgpack`.
    media_types: Sequence[str] = ()

    @abstractmethod
    def decode(self, body: bytes) -> Mapping[str, Any]:
        """Return the object in a body, which is within the size limit and not empty.

        The values are those of JSON, and are validated as strictly: a text is not a number.

        Raises:
            ValueError: The body is malformed; the client gets status 400.
        """
