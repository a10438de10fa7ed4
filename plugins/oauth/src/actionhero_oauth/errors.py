"""`OAuthError`: an error in the form that RFC 6749 §5.2 prescribes."""

from __future__ import annotations

import re
from typing import Final

#: The characters that a description may not have (RFC 6749 §5.2).
_FOREIGN: Final = re.compile(r"[^ !#-\[\]-~]")
#: Descriptions contain texts of clients.
_MAX_LENGTH: Final = 500


class OAuthError(Exception):
    """An error of the protocol.

    Args:
        code: The code, such as `invalid_grant`.
        description: The reason, for developers of the client; without secrets.
        status: The HTTP status of a response that is not a redirect.
    """

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.status = status

    @property
    def document(self) -> dict[str, str]:
        """The body of the response."""
        description = _FOREIGN.sub("?", self.description)[:_MAX_LENGTH]
        return {"error": self.code, "error_description": description}
