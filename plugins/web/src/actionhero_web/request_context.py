"""The values that a stage passes to the next one: `RequestContext` and `CallContext`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Connection
    from actionhero.transport import RegisteredAction
    from actionhero_web.bodies.multipart import Form
    from actionhero_web.responses.caching import Cache
    from actionhero_web.routes.route_tree import Match


class RequestContext:
    """A request on its way to its response.

    Args:
        request: The request, as aiohttp has parsed it.
        request_id: The identifier of the request, created here or by a trusted proxy.
    """

    __slots__ = ("cache", "request", "request_id")

    def __init__(self, request: web.BaseRequest, request_id: str) -> None:
        self.request = request
        self.request_id = request_id
        #: How the response is cached; `None` for a route without `Cache`, and outside of routes.
        self.cache: Cache | None = None

    @property
    def is_signed_in(self) -> bool:
        """Whether the response is for one client, so that it is not cached by default."""
        return False


class CallContext(RequestContext):
    """A request for an action, on its way through the four stages.

    Args:
        request: The request, as aiohttp has parsed it.
        request_id: The identifier of the request, created here or by a trusted proxy.
        connection: The client.
        match: The route, its action, and the parameters of the path.
        query: The undecoded query.
    """

    __slots__ = ("connection", "form", "match", "query")

    def __init__(
        self,
        request: web.BaseRequest,
        request_id: str,
        connection: Connection,
        match: Match[RegisteredAction],
        query: str,
    ) -> None:
        # Not `super().__init__`, whose call takes as long as all of these assignments.
        self.request = request
        self.request_id = request_id
        self.connection = connection
        self.match = match
        self.query = query
        self.cache = match.route.cache
        #: The multipart form to close after the call, once the decode stage has read one.
        self.form: Form | None = None

    @property
    def is_signed_in(self) -> bool:
        """Whether the client has a session or sends credentials, as far as the server knows."""
        return bool(
            self.connection.session_id
            or self.match.target.requires
            or self.connection.credentials is not None
            or hdrs.AUTHORIZATION in self.request.headers
        )
