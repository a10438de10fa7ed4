"""`OpenApiDocument`: the OpenAPI document of an application."""

from __future__ import annotations

import importlib.util
import logging
from typing import TYPE_CHECKING, Any, Final

from apispec import APISpec

from actionhero import Application, Connection, __version__
from actionhero.settings import AppSettings
from actionhero_openapi.error_responses import error_responses, error_schemas
from actionhero_openapi.media_types import add_media_types
from actionhero_openapi.operation import operation_of
from actionhero_openapi.operations import OperationBuilder
from actionhero_openapi.security import ApiSecurity, session_cookie
from actionhero_openapi.settings import OpenApiSettings
from actionhero_web import WebSettings, routes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from actionhero.transport import RegisteredAction
    from actionhero_web import Route

logger = logging.getLogger("actionhero.openapi")

OPENAPI_VERSION: Final = "3.1.0"


class OpenApiDocument:
    """Builds the document on first use, and caches it.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        #: The served application, with the aiohttp handlers; `None` without a server.
        self.application: web.Application | None = None
        self._documents: dict[str, dict[str, Any]] = {}

    def to_dict(self, connection: Connection | None = None) -> dict[str, Any]:
        """Return the document, which must not be changed.

        Args:
            connection: The client; the name of its session cookie may depend on the request.
        """
        cookie = session_cookie(self._app, connection)
        document = self._documents.get(cookie)
        if document is None:
            document = self._documents[cookie] = self._build(cookie)
        return document

    def _build(self, cookie: str) -> dict[str, Any]:
        settings = self._app.get(OpenApiSettings)
        web_settings = self._app.get(WebSettings)
        actions = [action for action in self._app.actions if not operation_of(action).hidden]
        security = ApiSecurity(self._app)
        builder = OperationBuilder(web_settings.response_format, actions, security)
        paths = _Paths()
        used_schemes: set[str] = set()
        for action in actions:
            alternatives = security.of(action)
            used_schemes.update(*alternatives)
            for identifier, route in _identified_routes(action):
                path_names = paths.names(route)
                paths.add(
                    route,
                    builder.build(action, route, identifier, path_names, alternatives),
                )
        info = api_info(self._app)
        spec = APISpec(
            info["title"],
            info["version"],
            OPENAPI_VERSION,
            info=info,
            servers=[{"url": url} for url in settings.servers or [web_settings.prefix or "/"]],
        )
        for path, methods in paths.items.items():
            spec.path(path=path, operations=methods)
        for tag in sorted(paths.tags):
            spec.tag({"name": tag, "description": f"The actions of the group `{tag}`."})
        schemas = error_schemas(web_settings.response_format) | builder.components.schemas
        for name, schema in sorted(schemas.items()):
            spec.components.schema(name, schema)
        responses = error_responses(builder.error_statuses, web_settings.response_format)
        for name, response in responses.items():
            spec.components.response(name, response)
        for name, scheme in security.schemes(cookie).items():
            if name in used_schemes:
                spec.components.security_scheme(name, dict(scheme))
        document: dict[str, Any] = spec.to_dict()
        add_media_types(document, self._app)
        if importlib.util.find_spec("aiohttp_apispec") is not None:
            from actionhero_openapi import aiohttp_handlers

            aiohttp_handlers.add_handlers(document, self._aiohttp_application())
        return document

    def _aiohttp_application(self) -> web.Application:
        if self.application is None:
            from actionhero_web import build_application

            self.application = build_application(self._app)
        return self.application


class _Paths:
    """The operations by path and method.

    Paths that differ only in the names of parameters are the same path in OpenAPI: operations at
    them have the names of the first one.
    """

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.tags: set[str] = set()
        self._templates: dict[tuple[str | None, ...], Route] = {}

    def names(self, route: Route) -> tuple[str, ...]:
        """Return the names of the path parameters of a route in the document."""
        return self._first(route).parameters

    def add(self, route: Route, operation: dict[str, Any]) -> None:
        """Add the operation of a route."""
        self.tags.update(operation["tags"])
        methods = self.items.setdefault(self._first(route).template, {})
        if methods.setdefault(route.method.lower(), operation) is not operation:
            # `/files/{name}` and `/files/{rest:path}`: only their values differ.
            logger.warning("no operation for '%s': OpenAPI cannot distinguish its path", route)

    def _first(self, route: Route) -> Route:
        shape = tuple(None if each.is_parameter else each.text for each in route.segments)
        return self._templates.setdefault(shape, route)


def _identified_routes(action: RegisteredAction) -> Iterator[tuple[str, Route]]:
    """Yield the routes of an action with the unique name of each operation."""
    routes = routes_of(action)
    # A declared version 1 has each route without and with the version.
    count = len(routes) // 2 if action.has_version and action.version == 1 else len(routes)
    for number, route in enumerate(routes):
        name = action.name if number < count else f"{action.name}@1"
        yield (name if number % count == 0 else f"{name}_{number % count + 1}"), route


def openapi_document(app: Application) -> OpenApiDocument:
    """Return the document of an application, always the same object."""
    if not app.has(OpenApiDocument):
        app.provide(OpenApiDocument, OpenApiDocument(app))
    return app.get(OpenApiDocument)


def api_info(app: Application) -> dict[str, str]:
    """Return the title and the version of the API, and its description if there is one."""
    settings = app.get(OpenApiSettings)
    info = {
        "title": api_title(app),
        "version": settings.version or app.get(AppSettings).version or __version__,
    }
    return info | ({"description": settings.description} if settings.description else {})


def api_title(app: Application) -> str:
    """Return the title of the API."""
    return app.get(OpenApiSettings).title or app.get(AppSettings).name
