"""`panel_redirects`: routes that lead from another page to a panel."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from aiohttp import web

from actionhero_console.access import session_middleware
from actionhero_console.console import console_for

if TYPE_CHECKING:
    from actionhero import Application


def panel_redirects(app: Application, path: str, panel: str) -> list[web.AbstractRouteDef] | None:
    """Return the routes that lead from a page to a panel (308), for clients that see the console.

    Args:
        app: The application.
        path: The path of the page.
        panel: The name of the panel.

    Returns:
        The routes; `None`: the process has no console.
    """
    console = console_for(app)
    if console is None:
        return None
    access, middleware = console.access, session_middleware(console.access)
    # Relative, because a proxy may add a prefix to the path.
    target = posixpath.relpath(console.settings.path, posixpath.dirname(path))

    async def redirect(request: web.Request) -> web.StreamResponse:
        if await access.operator_of(request) is None and not access.has_accounts:
            raise web.HTTPNotFound
        folder = "../" if request.path.endswith("/") else ""
        headers = {"Location": f"{folder}{target}#/{panel}", "Cache-Control": "no-store"}
        return web.Response(status=308, headers=headers)

    async def handle(request: web.Request) -> Any:
        return await middleware(request, redirect)

    return [web.get(path, handle), web.get(path + "/", handle)]
