"""`Admitted`: a request that has passed the first checks, and `Refused`: one that has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import TypedError
from actionhero_mcp.input_requests import caller_of
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.revisions import INVALID_REQUEST, PARSE_ERROR
from actionhero_web import ERROR_MAPPINGS, HttpError

if TYPE_CHECKING:
    from actionhero import Principal
    from actionhero_mcp.limits import CallerLimits
    from actionhero_web import EndpointRequest


class Refused(Exception):
    """Raised for a request that is refused before its message is read.

    Args:
        error: The response.
    """

    def __init__(self, error: RpcError) -> None:
        super().__init__(error.message)
        self.error = error


class Admitted:
    """A request that has passed the first checks, until `end` is called.

    Args:
        request: The request.
        limits: Counts the requests of its caller.
    """

    __slots__ = ("_limits", "counted_as", "is_kept", "principal", "request")

    def __init__(self, request: EndpointRequest, limits: CallerLimits) -> None:
        self.request = request
        self._limits = limits
        #: The key of the caller in the limits; `None` before the request is counted.
        self.counted_as: str | None = None
        #: The caller; `None` without credentials.
        self.principal: Principal | None = None
        #: Whether the call goes on without its client, and ends the request itself.
        self.is_kept = False

    async def read(self) -> bytes:
        """Return the body.

        Raises:
            Refused: It is not within the limits, or cannot be decompressed.
        """
        try:
            return await self.request.read()
        except TypedError as error:
            status = ERROR_MAPPINGS[error.type].status
            code = PARSE_ERROR if status == 400 else INVALID_REQUEST
            headers = error.headers if isinstance(error, HttpError) else ()
            raise Refused(RpcError(code, error.message, status=status, headers=headers)) from error

    def end(self) -> None:
        """Count the end of the request, or of its call if that goes on without its client."""
        if self.counted_as is not None:
            self._limits.leave(self.counted_as)

    @property
    def caller(self) -> str:
        """The caller that signed values are bound to."""
        return caller_of(self.principal)
