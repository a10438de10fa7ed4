"""`/livez` and `/readyz`: what a platform asks to know whether to restart us, or send us work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from actionhero.transport import Health, dumps

if TYPE_CHECKING:
    from actionhero import Application

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def livez(app: Application) -> Handler:
    """Return what answers whether the process is alive: always 200, whatever it leans on."""

    async def answer(_: web.Request) -> web.Response:
        return _json(200, {"alive": True})

    return answer


def readyz(app: Application) -> Handler:
    """Return what answers whether work is welcome: 503 while stopping, or if a check fails."""

    async def answer(_: web.Request) -> web.Response:
        checks = {check.name: check.healthy for check in await app.get(Health).check()}
        ready = app.ready and all(checks.values())
        return _json(200 if ready else 503, {"ready": ready, "checks": checks})

    return answer


def _json(status: int, value: Any) -> web.Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = "1"
    return web.Response(status=status, body=dumps(value), headers=headers)
