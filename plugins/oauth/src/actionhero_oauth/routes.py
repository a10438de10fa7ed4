"""The routes of the authorization server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actionhero.settings import AppSettings
from actionhero.transport import dumps
from actionhero_oauth.authorization_server import BASE_PATH, AuthorizationServer
from actionhero_oauth.authorize import Authorize
from actionhero_oauth.connections_page import ConnectionsPage
from actionhero_oauth.consent import Consent
from actionhero_oauth.failures import failure_document, with_failures
from actionhero_oauth.metadata import (
    RESOURCE_PATH,
    SERVER_PATH,
    resource_metadata,
    server_metadata,
)
from actionhero_oauth.pages import ASSETS, Pages, PageTemplate
from actionhero_oauth.registration import Registration
from actionhero_oauth.token_endpoint import TokenEndpoint
from actionhero_sessions import Sessions, with_session
from actionhero_web import StaticFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Application
    from actionhero_oauth.failures import Handler

_PUBLIC: Final = {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300"}


def routes_for(app: Application) -> list[web.AbstractRouteDef]:
    """Return the routes."""
    server = app.get(AuthorizationServer)
    user_key = app.get(Sessions).user_key
    own = app.plugins.collect("actionhero_oauth_pages", PageTemplate, app=app)
    templates = [template for _, template in own]
    pages = Pages(app.get(AppSettings).name, server.base_path, templates)
    authorize = Authorize(server, pages)
    # The session first, as its store may be away too.
    consent = with_session(app, Consent(app, server, pages, authorize, user_key).handle)
    connections = with_session(app, ConnectionsPage(server, pages, user_key).handle)
    endpoint = TokenEndpoint(server)

    def page(handler: Handler) -> Handler:
        return with_failures(app, handler, pages.error)

    def program(handler: Handler) -> Handler:
        return with_failures(app, handler, failure_document)

    routes: list[web.AbstractRouteDef] = [
        web.get(BASE_PATH + "/authorize", page(authorize.handle)),
        web.get(BASE_PATH + "/consent/{id}", page(consent)),
        web.post(BASE_PATH + "/consent/{id}", page(consent)),
        web.get(BASE_PATH + "/connections", page(connections)),
        web.post(BASE_PATH + "/connections", page(connections)),
        web.post(BASE_PATH + "/token", program(endpoint.token)),
        web.options(BASE_PATH + "/token", _preflight),
        web.post(BASE_PATH + "/revoke", program(endpoint.revoke)),
        web.options(BASE_PATH + "/revoke", _preflight),
        *_metadata_routes(server),
    ]
    if server.settings.registration:
        routes.append(web.post(BASE_PATH + "/register", program(Registration(server).handle)))
        routes.append(web.options(BASE_PATH + "/register", _preflight))
    if server.settings.introspection:
        routes.append(web.post(BASE_PATH + "/introspect", program(endpoint.introspect)))
    return routes


def static_files() -> StaticFiles:
    """Return the folder of the style sheet."""
    return StaticFiles(ASSETS, BASE_PATH + "/assets")


def _metadata_routes(server: AuthorizationServer) -> list[web.AbstractRouteDef]:
    document = _document(server_metadata(server))

    async def server_document(_: web.Request) -> web.Response:
        return document()

    async def resource_document(request: web.Request) -> web.Response:
        path = request.match_info.get("path")
        resource = server.resources.default if path is None else server.resources.at(f"/{path}")
        if resource is None:
            raise web.HTTPNotFound
        return _document(resource_metadata(server, resource))()

    return [
        route
        for path, handler in (
            (SERVER_PATH, server_document),
            # With the path of the issuer (RFC 8414 §3.1).
            (SERVER_PATH + "/{path:.+}", server_document),
            (RESOURCE_PATH, resource_document),
            (RESOURCE_PATH + "/{path:.+}", resource_document),
        )
        for route in (web.get(path, handler), web.options(path, _preflight))
    ]


async def _preflight(_: web.Request) -> web.Response:
    """Allow clients in browsers, on any page, to call an endpoint that reads no cookie."""
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, MCP-Protocol-Version",
        "Access-Control-Max-Age": "7200",
    }
    return web.Response(status=204, headers=headers)


def _document(values: dict[str, Any]) -> Callable[[], web.Response]:
    body = dumps(values)
    return lambda: web.Response(body=body, content_type="application/json", headers=_PUBLIC)
