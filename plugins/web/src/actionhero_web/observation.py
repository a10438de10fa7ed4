"""`WebObserver`: sees every request that is dispatched, for metrics and traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from aiohttp import web

from actionhero.transport import ObserverFailures
from actionhero_web.connections.web_connection import match_of_other_method
from actionhero_web.dispatch import Dispatcher
from actionhero_web.request_context import CallContext
from actionhero_web.responses.json_response import JsonResponse
from actionhero_web.routes.request_target import split_target
from actionhero_web.routes.route_tree import Match

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from actionhero.transport import RegisteredAction
    from actionhero_web.request_handler import Response
    from actionhero_web.routes.router import NoMatch

#: The route of a request for an action; empty if there is none.
ROUTE: Final = web.RequestKey("actionhero_route", str)


@runtime_checkable
class WebObserver(Protocol):
    """Observes the requests of a server, added by the hook `actionhero_web_observers`.

    Any object with these methods is one, so a plugin does not have to import this package. They are
    called on the event loop, in the context of the request, and must not block.
    Their exceptions are logged once for each class, and change nothing. Requests that cannot be
    parsed are not observed.
    """

    def began(self, request: web.BaseRequest) -> Any:
        """Handle the beginning of a request: its headers have been received.

        Returns:
            Anything; passed to `ended`.
        """

    def ended(self, request: web.BaseRequest, status: int | None, route: str, mark: Any) -> None:
        """Handle the end of a request. Always called, and once; in the reverse order of `began`.

        A response is complete, but perhaps not sent yet. An upgraded connection has ended with
        status 101.

        Args:
            request: The request.
            status: The status of the response; `None` if there is none, as the client is gone.
            route: The route, as `/api/user/{id}`; empty if no route matches the path.
            mark: The result of `began`; `None` if it raised.
        """


class JoinedObservers:
    """Several observers as one.

    Args:
        observers: The observers.
    """

    def __init__(self, observers: Sequence[WebObserver]) -> None:
        self._observers = tuple(observers)
        self._reversed = self._observers[::-1]
        self._failures = ObserverFailures()

    def began(self, request: web.BaseRequest) -> list[Any]:
        """Call `began` of all observers, and return their marks."""
        marks = []
        for observer in self._observers:
            mark = None
            try:
                mark = observer.began(request)
            except Exception as error:  # noqa: BLE001 - of a plugin
                self._failures.report(observer, error)
            marks.append(mark)
        return marks

    def ended(
        self, request: web.BaseRequest, status: int | None, route: str, marks: list[Any]
    ) -> None:
        """Call `ended` of all observers, in reverse order, with the result of `began`."""
        for observer in self._reversed:
            try:
                observer.ended(request, status, route, marks.pop())
            except Exception as error:  # noqa: BLE001 - of a plugin
                self._failures.report(observer, error)


class ObservedDispatcher(Dispatcher):
    """A dispatcher whose requests are observed.

    Args:
        observer: The observer, or all of them as a `JoinedObservers`.
        arguments: The arguments of the dispatcher.
    """

    def __init__(self, observer: WebObserver, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._observer = observer
        self._failures = ObserverFailures()

    async def dispatch(self, request: web.Request) -> Response:
        """Return the response to a request that the server has received."""
        # One coroutine for the usual case, as each further one takes time in every request.
        is_open = True
        mark = status = route = None
        try:
            mark = self._observer.began(request)
        except Exception as error:  # noqa: BLE001 - of a plugin
            self._failures.report(self._observer, error)
        try:
            path, query = split_target(request)
            if (
                self.bypasses_aiohttp
                and path.startswith(self._path_start)
                and path not in self._upgrades.by_path
            ):
                request_id, connection = self._connect(request)
                match = self._match(request.method, path[self._prefix_length :])
                if isinstance(match, Match):
                    connection.match = match
                    route = self._prefix + match.route.path
                    context = CallContext(request, request_id, connection, match, query)
                    response = await self._handler.handle(context)
                else:
                    route = self._route_of(match)
                    response = await self._handler.refuse(request, request_id, connection, match)
            else:
                response = await Dispatcher.dispatch(self, request)
            if type(response) is JsonResponse:
                status = response.status
            elif isinstance(response, web.FileResponse) and not response.prepared:
                # Only then is it known whether the client has the file already, in part or whole.
                _call_after_prepare(response, self._ended, request, mark, route)
                is_open = False
            else:
                status = response.status
        except ConnectionError:
            raise
        except Exception:
            # The protocol responds.
            status = 500
            raise
        finally:
            if is_open:
                self._ended(request, mark, route, status)
        return response

    def _dispatch_action(
        self, request: web.BaseRequest, path: str, query: str
    ) -> Awaitable[Response]:
        # Of a request that aiohttp has routed.
        match = self._match(request.method, path[self._prefix_length :])
        request[ROUTE] = self._route_of(match)
        return Dispatcher._dispatch_action(self, request, path, query)

    def _route_of(self, match: Match[RegisteredAction] | NoMatch) -> str:
        route_match = match if isinstance(match, Match) else match_of_other_method(match)
        return "" if route_match is None else self._prefix + route_match.route.path

    def _ended(
        self, request: web.Request, mark: Any, route: str | None, status: int | None
    ) -> None:
        if route is None:
            route = request.get(ROUTE)
            if route is None:
                route = self._native_route(request)
        try:
            self._observer.ended(request, status, route, mark)
        except Exception as error:  # noqa: BLE001 - of a plugin
            self._failures.report(self._observer, error)

    def _native_route(self, request: web.Request) -> str:
        # `match_info` asserts that aiohttp has routed the request.
        match = request._match_info
        if match is None:
            path, _ = split_target(request)
            is_known = path in self._upgrades.by_path or path in self.endpoints
            return path if is_known else ""
        resource = match.route.resource
        return "" if resource is None else resource.canonical


def _call_after_prepare(response: web.FileResponse, function: Any, *arguments: Any) -> None:
    """Call a function with the status of a response, once aiohttp has prepared it."""
    prepare = response.prepare

    async def observed(request: web.BaseRequest) -> Any:
        status = None
        try:
            writer = await prepare(request)
            status = response.status
        finally:
            function(*arguments, status)
        return writer

    response.prepare = observed  # type: ignore[method-assign]
