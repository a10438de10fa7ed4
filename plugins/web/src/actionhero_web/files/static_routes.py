"""The native route of all folders of static files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from actionhero_web.files.static import StaticFiles
from actionhero_web.routes.request_target import split_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero import Application
    from actionhero_web.settings import WebSettings


class ActionDispatcher(Protocol):
    """Dispatches requests that aiohttp has routed to actions, as `Dispatcher` in a layer above."""

    def match(self, request: web.Request, *, is_routed: bool) -> tuple[object | None, str]:
        """Return the route of a request for an action, and the undecoded query."""

    async def dispatch_routed(self, request: web.Request) -> Any:
        """Return the response to a request."""


def static_routes(
    app: Application, settings: WebSettings, dispatcher: ActionDispatcher | None
) -> Iterator[web.RouteDef]:
    """Yield the route of all folders of static files, if there are any.

    Args:
        app: The application.
        settings: The settings of the HTTP server.
        dispatcher: The dispatcher of requests for paths that belong to actions as well as to files.
    """
    folders = static_folders(app, settings)
    if not folders:
        return

    async def handle(request: web.Request) -> Any:
        if dispatcher is not None and dispatcher.match(request, is_routed=True)[0] is not None:
            return await dispatcher.dispatch_routed(request)
        path, _ = split_target(request)
        is_read = request.method in {"GET", "HEAD"}
        # A native route for another method precedes files, but this route accepts every method.
        allowed = set() if is_read else await _native_methods(request)
        for folder in folders:
            file = await folder.find(path)
            if file is not None and is_read:
                return await folder.respond(request, file)
            if file is not None:
                allowed |= {"GET", "HEAD"}
        if allowed:
            raise web.HTTPMethodNotAllowed(request.method, sorted(allowed))
        if dispatcher is not None:
            return await dispatcher.dispatch_routed(request)
        raise web.HTTPNotFound

    yield web.route("*", "/{tail:.*}", handle)


def static_folders(app: Application, settings: WebSettings) -> list[StaticFiles]:
    """Return the folders of static files: that of the settings, then those of plugins."""
    folders = []
    if settings.static_folder is not None:
        folders.append(StaticFiles(settings.static_folder, settings.static_route))
    plugins = app.plugins.collect("actionhero_web_static", StaticFiles, app=app)
    return folders + [item for _, item in plugins]


async def _native_methods(request: web.Request) -> set[str]:
    """Return the methods of native routes at the path of `request`."""
    methods: set[str] = set()
    for resource in request.app.router.resources():
        _, allowed = await resource.resolve(request)
        methods |= allowed
    return methods - {"*"}
