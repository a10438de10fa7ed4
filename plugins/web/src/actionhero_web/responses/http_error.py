"""`HttpError`: an error with an HTTP status of its own."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from actionhero import ErrorType, MalformedRequest

if TYPE_CHECKING:
    from actionhero_web.responses.encoded_response import Headers


class HttpError(MalformedRequest):
    """An error of HTTP itself, with the same status in every format.

    Args:
        status: The HTTP status (RFC 9110 §15): 414, 417, 431, 501, 505, 507, …
        message: The message for the client.
        type: The type of the error in the document.
        headers: Headers of the response.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: ErrorType = ErrorType.REQUEST_MALFORMED,
        headers: Headers = (),
    ) -> None:
        super().__init__(message, type=type)
        self.status = status
        self.headers = headers

    @property
    def title(self) -> str:
        """The title in problem details."""
        return HTTPStatus(self.status).phrase
