"""Native routes of the application, and if it is asked for, a native middleware."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aiohttp import web

from actionhero import hookimpl

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler


async def page(_: web.Request) -> web.Response:
    return web.Response(text="a page")


async def broken(_: web.Request) -> web.Response:
    raise RuntimeError("SELECT everything")


@hookimpl
def actionhero_web_routes() -> list[web.AbstractRouteDef]:
    return [web.get("/page", page), web.get("/broken", broken)]


@web.middleware
async def seen(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    response.headers["X-Seen"] = str(response.status)
    return response


@hookimpl
def actionhero_web_application(application: web.Application) -> None:
    if os.environ.get("WIRE_MIDDLEWARE"):
        application.middlewares.append(seen)
