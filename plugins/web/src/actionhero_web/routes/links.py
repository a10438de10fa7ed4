"""The URLs of the pages of an application, which are printed after the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Link
from actionhero_web.files.static_routes import static_folders
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application


def page_links(app: Application, application: web.Application, origin: str) -> list[Link]:
    """Return the URL of the page of the application, and those of plugins.

    Args:
        app: The application.
        application: The aiohttp application.
        origin: The origin of the server: `http://127.0.0.1:8080`.
    """
    links = [Link("Page", origin + path) for path in _page_paths(app, application)]
    collected = app.plugins.collect("actionhero_web_links", Link, app=app, origin=origin)
    return links + [link for _, link in collected]


def _page_paths(app: Application, application: web.Application) -> list[str]:
    """Return the path of the first page of the application: a native route at `/`, or a file."""
    for route in application.router.routes():
        if route.resource is not None and route.resource.canonical == "/" and route.method == "GET":
            return ["/"]
    for folder in static_folders(app, app.get(WebSettings)):
        if (folder.folder / "index.html").is_file():
            return [folder.route.rstrip("/") + "/"]
    return []
