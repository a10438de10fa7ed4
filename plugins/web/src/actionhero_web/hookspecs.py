"""What a plugin may contribute to the HTTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from actionhero import Application
    from actionhero_web.static import StaticFiles
    from actionhero_web.upgrades import Upgrade

hookspec = pluggy.HookspecMarker("actionhero")


@hookspec
def actionhero_web_routes(app: Application) -> Sequence[web.AbstractRouteDef] | None:
    """Native aiohttp routes beside the actions: pages, sockets, webhooks.

    Called once, when the aiohttp application is built.

    Args:
        app: The application; handlers reach what it provides by `app.get`.

    Returns:
        `aiohttp.web.get(path, handler)` and its like. Paths are whole: the prefix of the actions
        is not put before them, and what lies below that prefix belongs to the actions.

    Order:
        Plugins in the order in which they were registered. The first that fits a request wins.

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
    an `on_response_prepare` signal here also runs around actions, which then answer without
    their fast path.

    Args:
        application: The aiohttp application.
        app: Ours.

    Order:
        Plugins in the order in which they were registered.

    Example:
        ```python
        @hookimpl
        def actionhero_web_application(application):
            application.middlewares.append(tracing_middleware)
        ```
    """


@hookspec
def actionhero_web_static(app: Application) -> Sequence[StaticFiles] | None:
    """Folders of static files that a plugin brings.

    Called once, when the aiohttp application is built.

    Args:
        app: The application.

    Returns:
        Folders, each with the path that it is served at. An action, and a native route, win over
        a file of the same path.

    Order:
        The folder of `web.static_folder` first, so that an application may replace a plugin's
        file; then plugins in the order in which they were registered.

    Example:
        ```python
        @hookimpl
        def actionhero_web_static():
            return [StaticFiles(Path(__file__).parent / "assets", "/admin")]
        ```
    """


@hookspec
def actionhero_web_upgrades(app: Application) -> Sequence[Upgrade] | None:
    """Who takes connections over that ask for WebSocket.

    Called once, when the aiohttp application is built.

    Args:
        app: The application.

    Returns:
        Objects with the paths at which they do, and `accept`, which is asked for each request
        that has `Upgrade: websocket`. All other requests at these paths are answered as if they
        were not there. Native middlewares of aiohttp do not see them. `actionhero-websocket` is
        such a plugin, and has a hook of its own for whoever wants no more than a socket.

    Order:
        Plugins in the order in which they were registered. Two for the same path are an error
        that names both plugins.

    Example:
        ```python
        @hookimpl
        def actionhero_web_upgrades(app):
            return [GameDoor(app)]
        ```
    """
