"""The route of the document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from actionhero.transport import dumps
from actionhero_asyncapi.document import AsyncApiDocument
from actionhero_asyncapi.settings import AsyncApiSettings

if TYPE_CHECKING:
    from actionhero import Application


def routes_for(app: Application) -> list[web.AbstractRouteDef]:
    """Return the route of the document, unless the settings disable it."""
    path = app.get(AsyncApiSettings).path
    document = AsyncApiDocument(app)

    async def get_document(_: web.Request) -> web.StreamResponse:
        return web.Response(
            body=dumps(document.to_dict()),
            content_type="application/json",
            headers={"Cache-Control": "no-cache"},
        )

    return [web.get(path, get_document)] if path else []
