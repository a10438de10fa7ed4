"""The first stage: `Dispatcher` finds the action, endpoint, native route or file of a request."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from actionhero import RequestTooLarge, ServiceUnavailable, TypedError
from actionhero_web.cross_origin import SAFE_METHODS
from actionhero_web.files.file_response import correct_file_response
from actionhero_web.request_context import CallContext
from actionhero_web.request_handler import SHUTTING_DOWN, is_closing, own_cancellation
from actionhero_web.routes.request_target import is_server_wide, path_below_mount, split_target
from actionhero_web.routes.route import METHODS
from actionhero_web.routes.route_tree import Match

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero.transport import RegisteredAction
    from actionhero_web.endpoint_handler import EndpointHandler
    from actionhero_web.endpoints import Endpoint
    from actionhero_web.request_handler import RequestHandler, Response
    from actionhero_web.routes.router import Router
    from actionhero_web.upgrade_handler import UpgradeHandler

#: The errors of aiohttp that get our error document. Others are a plugin's own response.
_TYPED_ERRORS: dict[int, Callable[[RequestHandler, web.BaseRequest], TypedError]] = {
    404: lambda handler, request: handler.not_found(request),
    413: lambda handler, request: RequestTooLarge("Payload Too Large"),
}


class Dispatcher:
    """Dispatches requests: to actions and endpoints directly, and the rest by aiohttp's router.

    Args:
        application: The aiohttp application.
        router: The routes of the actions.
        prefix: The prefix of their paths.
        handler: The handler of requests for actions.
        upgrades: The handler of requests for upgrades.
        endpoints: The handler of requests for endpoints.
    """

    def __init__(
        self,
        application: web.Application,
        router: Router[RegisteredAction],
        prefix: str,
        handler: RequestHandler,
        upgrades: UpgradeHandler,
        endpoints: EndpointHandler,
    ) -> None:
        self._application = application
        self._match = router.match
        self._prefix = prefix
        self._prefix_length = len(prefix)
        self._path_start = prefix + "/"
        self._handler = handler
        self._connect = handler.clients.connect
        self._upgrades = upgrades
        self._handle_endpoint = endpoints.handle
        self._endpoint_limit_at = endpoints.limit_at
        self._handle_native = application._handle
        #: The endpoints by path, unless native middlewares need aiohttp's router.
        self.endpoints: dict[str, Endpoint] = {}
        #: Whether requests for actions bypass aiohttp's router; native middlewares need it.
        self.bypasses_aiohttp = False

    def dispatch(self, request: web.Request) -> Awaitable[Response]:
        """Return the response to a request that the server has received."""
        # Not a coroutine itself, as `_dispatch_action`.
        path, query = split_target(request)
        if path in self._upgrades.by_path and (upgrade := self._upgrades.find(request, path)):
            return self._upgrades.handle(request, upgrade, path, query)
        if self.bypasses_aiohttp and (path.startswith(self._path_start) or path == self._prefix):
            return self._dispatch_action(request, path, query)
        return self._dispatch_native(request, self.endpoints.get(path))

    async def dispatch_routed(self, request: web.Request) -> Response:
        """Return the response to a request that aiohttp has routed to the actions.

        That is so with native middlewares, and for an application mounted in another one.
        """
        path, query = split_target(request)
        if self._is_mounted(request):
            # The middlewares of the outer application may read our responses.
            self._handler.writer.use_aiohttp_responses = True
            path = self._prefix + path_below_mount(request, path)
            upgrade = self._upgrades.find(request, path)
            if upgrade is not None:
                return await self._upgrades.handle(request, upgrade, path, query)
        return await self._dispatch_action(request, path, query)

    async def dispatch_endpoint(self, endpoint: Endpoint, request: web.Request) -> Response:
        """Return the response to a request that aiohttp has routed to an endpoint."""
        if self._is_mounted(request):
            # The middlewares of the outer application may read our responses.
            self._handler.writer.use_aiohttp_responses = True
        return await self._handle_endpoint(endpoint, request)

    def _dispatch_action(
        self, request: web.BaseRequest, path: str, query: str
    ) -> Awaitable[Response]:
        # Not a coroutine itself, as one more takes time in every request.
        request_id, connection = self._connect(request)
        match = self._match(request.method, path[self._prefix_length :])
        if isinstance(match, Match):
            connection.match = match
            context = CallContext(request, request_id, connection, match, query)
            return self._handler.handle(context)
        return self._handler.refuse(request, request_id, connection, match)

    def match(
        self, request: web.Request, *, is_routed: bool
    ) -> tuple[Match[RegisteredAction] | None, str]:
        """Return the route of a request for an action, and the undecoded query.

        Args:
            request: The request.
            is_routed: Whether aiohttp has routed the request.
        """
        path, query = split_target(request)
        if is_routed and self._is_mounted(request):
            path = self._prefix + path_below_mount(request, path)
        match = self._match(request.method, path[self._prefix_length :])
        return match if isinstance(match, Match) else None, query

    def _is_mounted(self, request: web.Request) -> bool:
        """Whether another aiohttp application has routed the request to ours."""
        return request.match_info.apps[0] is not self._application

    def _is_for_action(self, request: web.Request) -> bool:
        """Return whether aiohttp will route a request to an action, which is checked there."""
        path, _ = split_target(request)
        if not path.startswith(self._path_start):
            return path == self._prefix
        return isinstance(self._match(request.method, path[self._prefix_length :]), Match)

    def _guard_body(self, request: web.Request) -> None:
        """Apply the limits of bodies to all that a native handler or middleware reads."""
        path, _ = split_target(request)
        match = None
        if path.startswith(self._path_start):
            match = self._match(request.method, path[self._prefix_length :])
        route = match.route if isinstance(match, Match) else None
        self._handler.body.guard(request, route, self._endpoint_limit_at(request.path))

    async def _dispatch_native(self, request: web.Request, endpoint: Endpoint | None) -> Response:
        """Return the response of an endpoint or a native route, or that of a file."""
        handler = self._handler
        if endpoint is None and is_server_wide(request):
            return await handler.native.options_response(request, ", ".join((*METHODS, "OPTIONS")))
        try:
            if endpoint is not None:
                return await self._handle_endpoint(endpoint, request)
            if request.method not in SAFE_METHODS and not self._is_for_action(request):
                handler.cross_origin.check_native(request)
            if request.body_exists:
                self._guard_body(request)
            response: Any = await self._handle_native(request)
            if type(response) is web.FileResponse:
                await correct_file_response(request, response)
        except web.HTTPException as error:
            if isinstance(error, web.HTTPMethodNotAllowed) and _has_default_text(error):
                methods = ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))
                if request.method == "OPTIONS":
                    return await handler.native.options_response(request, methods)
                return await handler.native.method_not_allowed_response(request, methods)
            if error.status in _TYPED_ERRORS and _has_default_text(error):
                return await handler.native.error_response(
                    request, _TYPED_ERRORS[error.status](handler, request)
                )
            response = error
        except TypedError as error:
            return await handler.native.error_response(request, error)
        except Exception as error:
            # The response may be sent in part already.
            sent_bytes = request.writer.output_size
            response = None
            if not sent_bytes:
                response = await handler.native.translated_response(request, error)
            if response is None:
                raise
            return response
        except BaseException as error:
            task = asyncio.current_task(request.task.get_loop())
            if (
                isinstance(error, asyncio.CancelledError)
                and handler.closing
                and not (is_closing(request) or request.writer.output_size)
            ):
                # The client is still connected, and has received nothing.
                return await handler.native.error_response(
                    request, ServiceUnavailable(SHUTTING_DOWN)
                )
            if task is None or (task.cancelling() and (handler.closing or is_closing(request))):
                # The coroutine is being closed or cancelled.
                raise
            if isinstance(error, asyncio.CancelledError) and task.cancelling():
                error = own_cancellation()
            # aiohttp would close the connection, and log nothing.
            response = await handler.native.internal_error_response(request, error)
            if request.writer.output_size > 0:
                raise ConnectionResetError("the response is truncated") from error
            return response
        return await handler.native.checked_response(request, response)


def _has_default_text(error: web.HTTPException) -> bool:
    """Return whether the text of an error is that of aiohttp, and not of the handler.

    Who raised it does not matter: a page that is hidden from a client must look like no page.
    """
    body = error.body
    if not isinstance(body, bytes):
        return body is None
    default = f"{error.status}: {HTTPStatus(error.status).phrase}".encode()
    return body == default or (error.status == 413 and body.startswith(b"Maximum "))
