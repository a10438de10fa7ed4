"""The native routes of the application, and an optional native middleware."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aiohttp import web

from actionhero import hookimpl

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler


async def page(_: web.Request) -> web.Response:
    return web.Response(text="a page")


async def failing_page(_: web.Request) -> web.Response:
    raise RuntimeError("SELECT everything")


@hookimpl
def actionhero_web_routes() -> list[web.AbstractRouteDef]:
    return [web.get("/page", page), web.get("/failing-page", failing_page)]


@web.middleware
async def add_status_header(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    response.headers["X-Middleware"] = str(response.status)
    return response


@hookimpl
def actionhero_web_application(application: web.Application) -> None:
    if os.environ.get("WIRE_MIDDLEWARE"):
        application.middlewares.append(add_status_header)
