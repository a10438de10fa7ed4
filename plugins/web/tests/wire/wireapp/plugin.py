"""Native routes of the application."""

from __future__ import annotations

from aiohttp import web

from actionhero import hookimpl


async def page(_: web.Request) -> web.Response:
    return web.Response(text="a page")


async def broken(_: web.Request) -> web.Response:
    raise RuntimeError("SELECT everything")


@hookimpl
def actionhero_web_routes() -> list[web.AbstractRouteDef]:
    return [web.get("/page", page), web.get("/broken", broken)]
