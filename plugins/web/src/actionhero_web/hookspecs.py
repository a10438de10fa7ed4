"""The hooks for plugins that extend the HTTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from actionhero import Application, Link
    from actionhero_web.bodies.decoder import BodyDecoder
    from actionhero_web.connections.client_resolver import ClientResolver
    from actionhero_web.connections.upgrades import Upgrade
    from actionhero_web.endpoints import Endpoint
    from actionhero_web.files.static import StaticFiles
    from actionhero_web.observation import WebObserver
    from actionhero_web.responses.encoder import BodyEncoder
    from actionhero_web.routes.route import Route


@hookspec
def actionhero_web_routes(app: Application) -> Sequence[web.AbstractRouteDef] | None:
    """Native aiohttp routes in addition to the actions: pages, sockets, webhooks.

    Called once, when the aiohttp application is built.

    Args:
        app: The application; handlers get its resources with `app.get`.

    Returns:
        Route definitions, such as `aiohttp.web.get(path, handler)`. Paths are absolute: the prefix
        of the actions is not prepended, and all paths below it belong to the actions.

    Order:
        Plugins in the order of their registration. The first matching route handles a request.

    Example:
        ```python
        @hookimpl
        def actionhero_web_routes(app):
            return [web.get("/feed.xml", Feed(app).respond)]
        ```
    """


@hookspec
def actionhero_web_application(application: web.Application, app: Application) -> None:
    """The aiohttp application itself, to add native middlewares, signals and sub-applications.

    Called once, when the aiohttp application is built, and before it is frozen. A middleware or
    an `on_response_prepare` signal added here also runs around actions, and disables the fast path
    of their responses.

    Args:
        application: The aiohttp application.
        app: The ActionHero application.

    Order:
        Plugins in the order of their registration.

    Example:
        ```python
        @hookimpl
        def actionhero_web_application(application):
            application.middlewares.append(tracing_middleware)
        ```
    """


@hookspec
def actionhero_web_decoders(app: Application) -> Sequence[BodyDecoder] | None:
    """Decoders of request bodies of other media types than JSON and forms.

    Called when the aiohttp application is built, and for the OpenAPI document.

    Args:
        app: The application.

    Returns:
        Decoders, each with its media types.

    Order:
        Plugins in the order of their registration. Two decoders of one media type are an error
        that names both plugins.

    Example:
        ```python
        @hookimpl
        def actionhero_web_decoders():
            return [MessagePackDecoder()]
        ```
    """


@hookspec
def actionhero_web_encoders(app: Application) -> Sequence[BodyEncoder] | None:
    """Encoders of results and errors in other media types than JSON.

    Called when the aiohttp application is built, and for the OpenAPI document.

    Args:
        app: The application.

    Returns:
        Encoders, each with its media type. A client selects one with the header `Accept`.

    Order:
        Plugins in the order of their registration. Two encoders of one media type are an error
        that names both plugins.

    Example:
        ```python
        @hookimpl
        def actionhero_web_encoders():
            return [MessagePackEncoder()]
        ```
    """


@hookspec
def actionhero_web_endpoints(app: Application) -> Sequence[Endpoint] | None:
    """Handlers of all requests for one path each, as fast as actions.

    For protocols that have one path and many requests. Pages, webhooks and all that needs a
    request of aiohttp's own, such as its path parameters, are native routes:
    `actionhero_web_routes`.

    Called once, when the aiohttp application is built.

    Args:
        app: The application.

    Returns:
        Objects with their `path`, and the method `respond`, which is called for each request. The
        checks of all other requests precede it: of hosts, of pages of other sites, and, when it
        reads the body, of its size, which is `body_limit_bytes` of the object, and of its pace.

    Order:
        Plugins in the order of their registration. Two endpoints for the same path are an error
        that names both plugins.

    Example:
        ```python
        @hookimpl
        def actionhero_web_endpoints(app):
            return [JsonRpcEndpoint(app)]
        ```
    """


@hookspec
def actionhero_web_static(app: Application) -> Sequence[StaticFiles] | None:
    """Folders of static files.

    Called once, when the aiohttp application is built.

    Args:
        app: The application.

    Returns:
        Folders, each with its URL path. Actions and native routes take precedence over a file of
        the same path.

    Order:
        The folder of `web.static_folder` first, so that an application can replace the files of a
        plugin; then plugins in the order of their registration.

    Example:
        ```python
        @hookimpl
        def actionhero_web_static():
            return [StaticFiles(Path(__file__).parent / "assets", "/admin")]
        ```
    """


@hookspec
def actionhero_web_upgrades(app: Application) -> Sequence[Upgrade] | None:
    """Upgrades of HTTP connections to WebSocket.

    Called once, when the aiohttp application is built.

    Args:
        app: The application.

    Returns:
        Objects with their paths, and the method `accept`, which is called for each request with
        `Upgrade: websocket`. Other requests at these paths are handled as usual. Native
        middlewares of aiohttp do not run for upgrades. `actionhero-websocket` implements this
        hook, and has its own hook for plugins that need only a socket.

    Order:
        Plugins in the order of their registration. Two upgrades for the same path are an error
        that names both plugins.

    Example:
        ```python
        @hookimpl
        def actionhero_web_upgrades(app):
            return [GameUpgrade(app)]
        ```
    """


@hookspec
def actionhero_web_observers(
    app: Application, clients: ClientResolver, routes: Sequence[Route]
) -> Sequence[WebObserver] | None:
    """Observers of every request, such as for metrics: actions, pages, files, upgrades.

    Called once, when the aiohttp application is built. Without any, a request costs nothing more;
    with some, the fast path of responses is still used.

    Args:
        app: The application.
        clients: `clients.client(request)` is the client of a request, also behind trusted proxies.
        routes: The routes of all actions, without the prefix of the server.

    Returns:
        Observers.

    Order:
        Plugins in the order of their registration; at the end of a request the reverse.

    Example:
        ```python
        @hookimpl
        def actionhero_web_observers(app):
            return [RequestTimes(app.get(MetricSettings))]
        ```
    """


@hookspec
def actionhero_web_links(app: Application, origin: str) -> Sequence[Link] | None:
    """The URLs of pages and sockets, which are printed after a start in development.

    Called once, when the server listens on a TCP port.

    Args:
        app: The application.
        origin: The origin of the server: `http://127.0.0.1:8080`.

    Returns:
        Links with absolute URLs. Each URL is printed once.

    Order:
        The page of the application first; then plugins in the order of their registration.

    Example:
        ```python
        @hookimpl
        def actionhero_web_links(origin):
            return [Link("Feed", f"{origin}/feed.xml")]
        ```
    """
