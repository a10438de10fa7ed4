"""`Endpoint`: a handler of all requests for one path, as fast as an action."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from actionhero_web.request_context import RequestContext
from actionhero_web.responses.cache_headers import SIGNED_IN

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero_web.bodies.body import BodyReader
    from actionhero_web.responses.encoded_response import EncodedResponse


class EndpointRequest(RequestContext):
    """A request for an endpoint.

    Args:
        request: The request, as aiohttp has parsed it.
        request_id: The identifier of the request, created here or by a trusted proxy.
        remote: The address of the client; `None` on a Unix socket.
        body: Reads bodies.
        limit_bytes: The largest body, after decompression; 0 for no limit.
    """

    __slots__ = ("_body", "_limit_bytes", "remote")

    def __init__(
        self,
        request: web.Request,
        request_id: str,
        remote: str | None,
        body: BodyReader,
        limit_bytes: int,
    ) -> None:
        # Not `super().__init__`, whose call takes as long as all of these assignments.
        self.request: web.Request = request
        self.request_id = request_id
        self.cache = None
        #: The address of the client; `None` on a Unix socket.
        self.remote = remote
        self._body = body
        self._limit_bytes = limit_bytes

    def read_buffered(self) -> bytes:
        """Return the body if it has arrived with the headers, as most do; otherwise no bytes."""
        return self._body.read_buffered(self.request, self._limit_bytes)

    async def read(self) -> bytes:
        """Return the body, decompressed, within the limit of the endpoint.

        Raises:
            RequestTooLarge: The body is larger than the limit.
            MalformedRequest: Its framing or its compression is invalid.
            HttpError: It has a `Content-Encoding` that is not supported.
            Timeout: The client paused for too long, or sends too slowly.
        """
        return await self._body.read(self.request, self._limit_bytes)

    @property
    def is_signed_in(self) -> bool:
        """Whether the response is for one client, so that it is not cached by default."""
        request = self.request
        # The length first: without a key, `in` raises an exception and catches it.
        return "Authorization" in request.headers or (len(request) > 0 and SIGNED_IN in request)


class Endpoint(ABC):
    """Responds to the requests for one path, of all methods.

    aiohttp's router and its classes of responses take as long as a whole call of an action. A
    request for an endpoint passes neither, unless there are native middlewares or signals.
    """

    #: The absolute path: the prefix of the actions is not prepended.
    path: str
    #: The largest body, after decompression; `None`: the setting `web.parsed_body_limit_bytes`.
    body_limit_bytes: int | None = None

    @abstractmethod
    async def respond(self, request: EndpointRequest) -> EncodedResponse | web.StreamResponse:
        """Return the response to a request.

        Raises:
            TypedError: The response is its error document.
        """
