"""`OpenApiDocument`: the OpenAPI document of an application."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Final

from apispec import APISpec

from actionhero import Application, Connection, __version__
from actionhero.settings import AppSettings
from actionhero_openapi.error_responses import error_responses, error_schemas
from actionhero_openapi.operation import operation_of
from actionhero_openapi.operations import SESSION_SCHEME, OperationBuilder
from actionhero_openapi.settings import OpenApiSettings
from actionhero_web import WebSettings, routes_of

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero.transport import RegisteredAction

OPENAPI_VERSION: Final = "3.1.0"
#: The name of the session cookie if the session store does not define one.
COOKIE_NAME: Final = "__session"


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
        cookie = self._cookie_name(connection)
        document = self._documents.get(cookie)
        if document is None:
            document = self._documents[cookie] = self._build(cookie)
        return document

    def _build(self, cookie: str) -> dict[str, Any]:
        settings = self._app.get(OpenApiSettings)
        web_settings = self._app.get(WebSettings)
        builder = OperationBuilder(web_settings.response_format)
        paths: dict[str, dict[str, Any]] = {}
        uses_session = False
        for action in self._app.actions:
            if operation_of(action).hidden:
                continue
            needs_session = self._needs_session(action)
            for number, route in enumerate(routes_of(action), start=1):
                identifier = action.name if number == 1 else f"{action.name}_{number}"
                uses_session = uses_session or needs_session
                paths.setdefault(route.path, {})[route.method.lower()] = builder.build(
                    action, route, identifier, needs_session=needs_session
                )
        spec = APISpec(
            api_title(self._app),
            settings.version or self._app.get(AppSettings).version or __version__,
            OPENAPI_VERSION,
            info={"description": settings.description} if settings.description else {},
            servers=[{"url": url} for url in settings.servers or [web_settings.prefix or "/"]],
        )
        for path, methods in paths.items():
            spec.path(path=path, operations=methods)
        schemas = error_schemas(web_settings.response_format) | builder.components.schemas
        for name, schema in sorted(schemas.items()):
            spec.components.schema(name, schema)
        responses = error_responses(builder.error_statuses, web_settings.response_format)
        for name, response in responses.items():
            spec.components.response(name, response)
        if uses_session:
            spec.components.security_scheme(SESSION_SCHEME, _session_scheme(cookie))
        document: dict[str, Any] = spec.to_dict()
        if importlib.util.find_spec("aiohttp_apispec") is not None:
            from actionhero_openapi import aiohttp_handlers

            aiohttp_handlers.add_handlers(document, self._aiohttp_application())
        return document

    def _needs_session(self, action: RegisteredAction) -> bool:
        middleware = (*self._app.pipeline.middleware, *action.middleware)
        return any(getattr(item, "requires_session", False) for item in middleware)

    def _cookie_name(self, connection: Connection | None) -> str:
        # A session store need not use cookies.
        cookie_name = getattr(self._app.pipeline.session_store, "cookie_name", None)
        if cookie_name is None:
            return COOKIE_NAME
        return str(cookie_name(connection or Connection("cli")))

    def _aiohttp_application(self) -> web.Application:
        if self.application is None:
            from actionhero_web import build_application

            self.application = build_application(self._app)
        return self.application


def openapi_document(app: Application) -> OpenApiDocument:
    """Return the document of an application, always the same object."""
    if not app.has(OpenApiDocument):
        app.provide(OpenApiDocument, OpenApiDocument(app))
    return app.get(OpenApiDocument)


def api_title(app: Application) -> str:
    """Return the title of the API."""
    return app.get(OpenApiSettings).title or app.get(AppSettings).name


def _session_scheme(cookie: str) -> dict[str, Any]:
    return {
        "type": "apiKey",
        "in": "cookie",
        "name": cookie,
        "description": "The session cookie, set by a sign-in. Browsers send it automatically.",
    }
