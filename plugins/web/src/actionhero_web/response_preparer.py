"""`ResponsePreparer`: completes responses of aiohttp's own classes before they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import HttpVersion11

from actionhero import Call
from actionhero.transport import request_id as current_request_id
from actionhero_web.files.file_response import restore_tag
from actionhero_web.request_context import CallContext
from actionhero_web.responses.cookies import remove_cookies
from actionhero_web.responses.header_templates import REQUEST_ID
from actionhero_web.responses.native_response import (
    BODILESS_STATUSES,
    close_after,
    discard_body,
    remove_content,
)

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero_web.dispatch import Dispatcher
    from actionhero_web.request_handler import RequestHandler


class ResponsePreparer:
    """Adds the headers of every response to those of native routes, and to those of actions.

    Most responses of actions have them already; one that the action itself begins to send has not.

    Args:
        dispatcher: Finds the action of a request.
        handler: The handler of requests for actions.
    """

    def __init__(self, dispatcher: Dispatcher, handler: RequestHandler) -> None:
        self._dispatcher = dispatcher
        self._clients = handler.clients
        self._writer = handler.writer

    async def on_response_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Complete a response to a request that aiohttp has routed; aiohttp's signal."""
        self.prepare(request, response, is_routed=True)

    def prepare(
        self, request: web.Request, response: web.StreamResponse, *, is_routed: bool = False
    ) -> None:
        """Complete a response.

        Args:
            request: The request.
            response: The response.
            is_routed: Whether aiohttp has routed the request.
        """
        context = self._context(request, is_routed=is_routed)
        if context is None:
            request_id = response.headers.get(REQUEST_ID) or self._clients.request_id(request)
        else:
            request_id = context.request_id
            for name, value in context.connection.response_headers or ():
                if value not in response.headers.getall(name, ()):
                    response.headers.add(name, value)
            if context.connection.is_cross_site:
                remove_cookies(response)
        restore_tag(response)
        self._writer.add_headers(request, response, request_id, context)
        if response.status == 205:
            remove_content(request, response)
        if request.method == "HEAD" or response.status in BODILESS_STATUSES:
            discard_body(request, response)
        elif request.version < HttpVersion11 and request.writer.length is None:
            # Only the end of the connection ends such a body (RFC 9112 §6.3); aiohttp keeps it.
            close_after(response)

    def _context(self, request: web.Request, *, is_routed: bool) -> CallContext | None:
        """Return the context of the action that is being called; `None` outside of actions.

        It is found by the call in progress, as a reference in each request takes time.
        """
        call = current_request_id.source()
        if not isinstance(call, Call) or call.connection.raw is not request:
            return None
        match, query = self._dispatcher.match(request, is_routed=is_routed)
        if match is None:
            return None
        return CallContext(request, call.request_id, call.connection, match, query)
