"""The advice for a request that matches no route."""

from __future__ import annotations

import pytest

from actionhero_web.routes.nearest_route import NearestRoute
from actionhero_web.routes.route import Route

ROUTES = ["GET /get/{id}", "GET /getno", "DELETE /get/{id}/notes/{note}", "GET /files/{path:path}"]


@pytest.mark.parametrize(
    ("request_line", "nearest"),
    [
        ("GET /api/gte/1", "GET /api/get/{id}"),
        ("GET /get/1", "GET /api/get/{id}"),
        ("GET /api/get/", "GET /api/get/{id}"),
        ("GET /api/get", "GET /api/get/{id}"),
        ("GET /api/getnoo", "GET /api/getno"),
        ("GET /api/get/1/note/2", "DELETE /api/get/{id}/notes/{note}"),
        ("GET /api/fles/a", "GET /api/files/{path:path}"),
        ("GET /api/other", None),
    ],
)
def test_the_nearest_route_may_have_parameters(request_line: str, nearest: str | None) -> None:
    """Parameters match any text, so only the rest of the path is compared."""
    routes = [route for text in ROUTES for route in Route.parse(text)]

    error = NearestRoute(routes, "/api").error(*request_line.split(" "))

    hint = f"; did you mean {nearest}?" if nearest else ""
    assert error.message == f"Action not found: {request_line}{hint}"
