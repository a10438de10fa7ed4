"""The page that shows the document: Swagger UI, from the wheel."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from actionhero_openapi.document import title_of
from actionhero_openapi.settings import OpenApiSettings
from actionhero_web import StaticFiles, WebSettings

if TYPE_CHECKING:
    from actionhero import Application

ASSETS: Final = Path(__file__).parent / "assets"

# No script stands in it: the Content-Security-Policy of all our answers allows none.
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{assets}/swagger-ui.css">
</head>
<body>
<div id="page" data-document="{document}"></div>
<script src="{assets}/swagger-ui-bundle.js"></script>
<script src="{assets}/page.js"></script>
</body>
</html>
"""


def routes_for(app: Application) -> list[web.AbstractRouteDef]:
    """Return the routes of the page, and of what it is made of."""
    settings = app.get(OpenApiSettings)
    if not settings.serve or not settings.page_path:
        return []
    page = settings.page_path
    text = page_text(page, app.get(WebSettings).prefix, title_of(app))
    assets = StaticFiles(ASSETS, page)

    async def show(_: web.Request) -> web.StreamResponse:
        return web.Response(
            text=text, content_type="text/html", headers={"Cache-Control": "no-cache"}
        )

    async def show_asset(request: web.Request) -> web.StreamResponse:
        file = await assets.find(page + "/" + request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return await assets.respond(request, file)

    async def lead(_: web.Request) -> web.StreamResponse:
        # What the page links to is relative to a path without a slash at its end.
        return web.Response(status=308, headers={"Location": f"../{page.rpartition('/')[2]}"})

    return [
        web.get(page, show),
        web.get(page + "/", lead),
        web.get(page + "/{name}", show_asset),
    ]


def page_text(path: str, prefix: str, title: str) -> str:
    """Return the page, whose links are relative: it may be mounted below another path.

    Args:
        path: Where it is served.
        prefix: The path below which the actions are.
        title: What browsers call it.
    """
    above, _, name = path.rpartition("/")
    root = "../" * above.count("/")
    return _PAGE.format(
        title=html.escape(title),
        assets=html.escape(name),
        document=html.escape(f"{root}{prefix[1:] + '/' if prefix else ''}swagger"),
    )
