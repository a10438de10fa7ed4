"""The API of an application, as a whole: `Api`, which gives its OpenAPI document."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Final

from apispec import APISpec

from actionhero import Application, Connection, __version__
from actionhero.settings import AppSettings
from actionhero_openapi.error_responses import responses_for, schemas_for
from actionhero_openapi.operation import operation_of
from actionhero_openapi.operations import SESSION_SCHEME, Operations
from actionhero_openapi.settings import OpenApiSettings
from actionhero_web import WebSettings, routes_of

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero.transport import RegisteredAction

OPENAPI_VERSION: Final = "3.1.0"
#: What cookies of sessions are called where nobody says otherwise.
COOKIE_NAME: Final = "__session"


class Api:
    """Makes the document when it is asked for, once.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        #: Where handlers of aiohttp are looked for; `None` where nothing is served.
        self.application: web.Application | None = None
        self._documents: dict[str, dict[str, Any]] = {}

    def document(self, connection: Connection | None = None) -> dict[str, Any]:
        """Return the document: read it, never write to it.

        Args:
            connection: Who asks: the name of the session's cookie may depend on how they came.
        """
        cookie = self._cookie_name(connection)
        document = self._documents.get(cookie)
        if document is None:
            document = self._documents[cookie] = self._make(cookie)
        return document

    def _make(self, cookie: str) -> dict[str, Any]:
        settings = self._app.get(OpenApiSettings)
        web_settings = self._app.get(WebSettings)
        operations = Operations(web_settings.error_format)
        paths: dict[str, dict[str, Any]] = {}
        uses_session = False
        for action in self._app.actions:
            if operation_of(action).hidden:
                continue
            needs_session = self._needs_session(action)
            for number, route in enumerate(routes_of(action), start=1):
                identifier = action.name if number == 1 else f"{action.name}_{number}"
                uses_session = uses_session or needs_session
                paths.setdefault(route.path, {})[route.method.lower()] = operations.make(
                    action, route, identifier, needs_session=needs_session
                )
        spec = APISpec(
            title_of(self._app),
            settings.version or self._app.get(AppSettings).version or __version__,
            OPENAPI_VERSION,
            info={"description": settings.description} if settings.description else {},
            servers=[{"url": url} for url in settings.servers or [web_settings.prefix or "/"]],
        )
        for path, methods in paths.items():
            spec.path(path=path, operations=methods)
        schemas = schemas_for(web_settings.error_format) | operations.components.schemas
        for name, schema in sorted(schemas.items()):
            spec.components.schema(name, schema)
        failures = responses_for(operations.failures, web_settings.error_format)
        for name, response in failures.items():
            spec.components.response(name, response)
        if uses_session:
            spec.components.security_scheme(SESSION_SCHEME, _session_scheme(cookie))
        document: dict[str, Any] = spec.to_dict()
        if importlib.util.find_spec("aiohttp_apispec") is not None:
            from actionhero_openapi import aiohttp_handlers

            aiohttp_handlers.add_to(document, self._aiohttp_application())
        return document

    def _needs_session(self, action: RegisteredAction) -> bool:
        around = (*self._app.pipeline.around, *action.middleware)
        return any(getattr(item, "requires_session", False) for item in around)

    def _cookie_name(self, connection: Connection | None) -> str:
        # A store need not tell sessions by cookies.
        name_of = getattr(self._app.pipeline.store, "cookie_name", None)
        return COOKIE_NAME if name_of is None else str(name_of(connection or Connection("cli")))

    def _aiohttp_application(self) -> web.Application:
        if self.application is None:
            from actionhero_web import build_application

            self.application = build_application(self._app)
        return self.application


def api_of(app: Application) -> Api:
    """Return the one `Api` of an application."""
    if not app.has(Api):
        app.provide(Api, Api(app))
    return app.get(Api)


def title_of(app: Application) -> str:
    """Return what the API is called."""
    return app.get(OpenApiSettings).title or app.get(AppSettings).name


def _session_scheme(cookie: str) -> dict[str, Any]:
    return {
        "type": "apiKey",
        "in": "cookie",
        "name": cookie,
        "description": "The cookie that came with signing in. Browsers send it by themselves.",
    }
