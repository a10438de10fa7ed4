"""The route of the metrics on the web server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_telemetry.endpoint import MetricsEndpoint


def metrics_routes(path: str, endpoint: Callable[[], MetricsEndpoint]) -> list[web.RouteDef]:
    """Return the routes of the metrics.

    Args:
        path: The path.
        endpoint: Returns the endpoint, once the application has started.
    """

    async def respond(request: web.Request) -> web.Response:
        response = await endpoint().respond(request.method, request.headers)
        headers = {"Content-Type": response.content_type, "Cache-Control": "no-store"}
        return web.Response(
            status=response.status,
            body=response.body,
            headers=[*headers.items(), *response.headers],
        )

    # With a route for HEAD.
    return [web.get(path, respond)]
