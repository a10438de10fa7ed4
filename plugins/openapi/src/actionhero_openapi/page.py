"""The page that shows the document, with the Swagger UI in the wheel."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from actionhero import Link
from actionhero_openapi.document import api_title
from actionhero_openapi.settings import OpenApiSettings
from actionhero_web import StaticFiles, WebSettings

if TYPE_CHECKING:
    from actionhero import Application

ASSETS: Final = Path(__file__).parent / "assets"

# Without inline scripts, as the Content-Security-Policy of the server forbids them.
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
    """Return the routes of the page and its assets."""
    settings = app.get(OpenApiSettings)
    if not settings.serve or not settings.page_path:
        return []
    page = settings.page_path
    text = page_text(page, app.get(WebSettings).prefix, api_title(app))
    assets = StaticFiles(ASSETS, page)

    async def get_page(_: web.Request) -> web.StreamResponse:
        return web.Response(
            text=text, content_type="text/html", headers={"Cache-Control": "no-cache"}
        )

    async def get_asset(request: web.Request) -> web.StreamResponse:
        file = await assets.find(page + "/" + request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return await assets.respond(request, file)

    async def redirect(_: web.Request) -> web.StreamResponse:
        # The links of the page are relative to a path without a trailing slash.
        return web.Response(status=308, headers={"Location": f"../{page.rpartition('/')[2]}"})

    return [
        web.get(page, get_page),
        web.get(page + "/", redirect),
        web.get(page + "/{name}", get_asset),
    ]


def links_for(app: Application, origin: str) -> list[Link]:
    """Return the URL of the page, unless the settings disable it."""
    settings = app.get(OpenApiSettings)
    has_page = settings.serve and settings.page_path
    return [Link("Docs", origin + settings.page_path)] if has_page else []


def page_text(path: str, prefix: str, title: str) -> str:
    """Return the page. Its links are relative, so a proxy may serve it under another path.

    Args:
        path: The path of the page.
        prefix: The prefix of the paths of the actions.
        title: The title of the page.
    """
    parent, _, name = path.rpartition("/")
    root = "../" * parent.count("/")
    return _PAGE.format(
        title=html.escape(title),
        assets=html.escape(name),
        document=html.escape(f"{root}{prefix[1:] + '/' if prefix else ''}swagger"),
    )
