"""The liveness probe `/livez` and the readiness probe `/readyz`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from actionhero.transport import Health, dumps

if TYPE_CHECKING:
    from actionhero import Application

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def health_routes(app: Application) -> list[web.RouteDef]:
    """Return the native routes of both probes."""
    return [web.get("/livez", livez(app)), web.get("/readyz", readyz(app))]


def livez(app: Application) -> Handler:
    """Return the handler of the liveness probe: always 200, regardless of dependencies."""

    async def handle(_: web.Request) -> web.Response:
        return _json_response(200, {"alive": True})

    return handle


def readyz(app: Application) -> Handler:
    """Return the handler of the readiness probe: 503 while starting or stopping, or unhealthy."""

    async def handle(_: web.Request) -> web.Response:
        checks = {check.name: check.healthy for check in await app.get(Health).check()}
        ready = app.ready and all(checks.values())
        return _json_response(200 if ready else 503, {"ready": ready, "checks": checks})

    return handle


def _json_response(status: int, value: Any) -> web.Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = "1"
    return web.Response(status=status, body=dumps(value), headers=headers)
