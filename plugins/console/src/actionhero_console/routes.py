"""The routes of the console, and their handler `ConsoleHandler`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actionhero import (
    Connection,
    Link,
    MalformedRequest,
    NotFound,
    SignInRequired,
    TypedError,
)
from actionhero.transport import dumps, loads, request_id
from actionhero_console.access import session_middleware
from actionhero_console.console import console_for
from actionhero_console.dispatch import Dispatcher
from actionhero_console.sign_in import SignInPages, accepts_html
from actionhero_web import (
    REQUEST_HANDLER,
    BodyReader,
    StaticFiles,
    WebSettings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero import Application
    from actionhero_console.console import Console
    from actionhero_console.operators import Operator
    from actionhero_web.request_handler import RequestHandler

ASSETS: Final = Path(__file__).parent / "assets"
#: The largest body: the inputs of an action.
BODY_LIMIT_BYTES: Final = 1024 * 1024
_READ_METHODS: Final = ("GET", "HEAD")
#: The paths to which the forms of the pages are sent.
_FORMS: Final = ("sign-in", "sign-out")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

#: The other headers of errors are those of all responses.
_ERROR_HEADERS: Final = (("Cache-Control", "no-store"), ("X-Robots-Tag", "noindex"))


def routes_for(app: Application) -> list[web.AbstractRouteDef]:
    """Return the routes of the console; none if no client could see it."""
    console = console_for(app)
    if console is None:
        return []
    handler, middleware = ConsoleHandler(app, console), session_middleware(console.access)

    async def handle(request: web.Request) -> Any:
        web_handler = request.config_dict[REQUEST_HANDLER]
        # For the log and the audit log.
        token = request_id.set(web_handler.clients.request_id(request))
        try:
            response = await respond(request, web_handler)
        finally:
            request_id.reset(token)
        return response

    async def respond(request: web.Request, web_handler: RequestHandler) -> Any:
        try:
            response = await middleware(request, handler.handle)
        except TypedError as error:
            # Not in the middleware, which cannot save a session in a response that is written.
            failure = await web_handler.error_response(request, error, _ERROR_HEADERS)
            if not is_sign_in(request):
                return failure
            response = handler.pages.error_page(error.message, failure.status)
        # Static files may be revalidated.
        for name, value in (*_HEADERS.items(), ("X-Request-Id", request_id.get())):
            response.headers.setdefault(name, value)
        return response

    path = console.settings.path
    # All methods and all paths, so that clients without access cannot discover the console.
    return [web.route("*", path, handle), web.route("*", path + "/{path:.*}", handle)]


def links_for(app: Application, origin: str) -> list[Link]:
    """Return the URL of the console; none if no client could see it."""
    console = console_for(app)
    return [] if console is None else [Link("Console", origin + console.settings.path)]


class ConsoleHandler:
    """Handles the requests for the console, and the requests that its page sends.

    Args:
        app: The application.
        console: The console.
    """

    def __init__(self, app: Application, console: Console) -> None:
        self._app = app
        self._console = console
        self._access = console.access
        #: The sign-in form.
        self.pages = SignInPages(app, console)
        self._folder = console.settings.path.rpartition("/")[2]
        self._body_reader = BodyReader(app.get(WebSettings))
        self._dispatcher = Dispatcher(app, console)
        self._assets = StaticFiles(ASSETS, max_age_seconds=0)
        self._panel_assets = {
            name: StaticFiles(panel.panel.assets, max_age_seconds=0)
            for name, panel in console.panels.items()
            if panel.panel.assets is not None
        }

    async def handle(self, request: web.Request) -> Any:
        """Return the response to a request.

        Raises:
            HTTPException: The path does not exist, or the console is hidden from this client.
            TypedError: The request is refused or invalid.
        """
        operator = await self._access.operator_of(request)
        if operator is None and not self._access.has_accounts:
            raise web.HTTPNotFound
        path: str | None = request.match_info.get("path")
        if path is None:
            _check_method(request, *_READ_METHODS)
            return web.Response(text=self.pages.render(operator), content_type="text/html")
        if path == "":
            # The links of the page are relative to a path without a trailing slash.
            return web.Response(status=308, headers={"Location": f"../{self._folder}"})
        if path.startswith("api/"):
            return await self._api(request, path.removeprefix("api/"), operator)
        if path in _FORMS and self._access.has_accounts:
            if request.method in _READ_METHODS:
                # The address of the form after a failed attempt, loaded again.
                return self.pages.redirect()
            _check_method(request, "POST")
            return await self._refusable(request, operator, path)
        return await self._file(request, path, operator)

    async def _file(
        self, request: web.Request, path: str, operator: Operator | None
    ) -> web.StreamResponse:
        files: StaticFiles | None = self._assets
        if path.startswith("panels/"):
            name, _, path = path.removeprefix("panels/").partition("/")
            panel = self._console.panels.get(name)
            if panel is None or operator is None or not operator.role.includes(panel.role):
                raise web.HTTPNotFound
            files = self._panel_assets.get(name)
        file = await files.find(f"/{path}") if files is not None and path else None
        if files is None or file is None:
            raise web.HTTPNotFound
        _check_method(request, *_READ_METHODS)
        return await files.respond(request, file)

    async def _api(
        self, request: web.Request, path: str, operator: Operator | None
    ) -> web.StreamResponse:
        kind, _, rest = path.partition("/")
        if kind in ("read", "console") and not rest:
            _check_method(request, *_READ_METHODS, *(["POST"] if kind == "read" else []))
            self._access.requests.check_read(request)
            context = self._context(request, _signed_in(operator))
            if kind == "console":
                return _json(dumps(self._dispatcher.describe(context)))
            return _json(await self._dispatcher.read(await self._queries(request), context))
        if kind != "change":
            raise NotFound("There is no such part of the console")
        _check_method(request, "POST")
        return await self._refusable(request, operator, path)

    async def _refusable(
        self, request: web.Request, operator: Operator | None, path: str
    ) -> web.StreamResponse:
        """Handle a request that changes something; a refusal is recorded in the audit log."""
        try:
            self._access.requests.check_change(request)
            if path == "sign-in":
                return await self.pages.sign_in(request, self._connection(request))
            if path == "sign-out":
                return await self.pages.sign_out(request, operator, self._connection(request))
            context = self._context(request, _signed_in(operator))
            body = await self._body(request)
            result = await self._dispatcher.change(path.removeprefix("change/"), body, context)
            return _json(dumps(result))
        except TypedError as error:
            await self._dispatcher.record_refusal(error, operator, self._connection(request), path)
            raise

    async def _queries(self, request: web.Request) -> Mapping[str, str]:
        """Return the inputs of each query as JSON: in the body, as those of a log may be long."""
        if request.method != "POST":
            return request.query
        body = await self._body(request)
        return {name: dumps(inputs).decode() for name, inputs in body.items()}

    async def _body(self, request: web.Request) -> dict[str, Any]:
        self._access.requests.check_json(request)
        body = loads(await self._body_reader.read(request, BODY_LIMIT_BYTES))
        if not isinstance(body, dict):
            raise MalformedRequest("the body must be a JSON object")
        return body

    def _context(self, request: web.Request, operator: Operator) -> Callable[[str], Any]:
        connection = self._connection(request)
        return lambda panel: self._dispatcher.context(panel, operator, connection)

    def _connection(self, request: web.Request) -> Connection:
        return Connection("web", self._access.requests.client(request).address, raw=request)


def is_sign_in(request: web.Request) -> bool:
    """Return whether a browser has sent the sign-in form, and shows the response."""
    return request.match_info.get("path") == "sign-in" and accepts_html(request)


def _signed_in(operator: Operator | None) -> Operator:
    if operator is None:
        raise SignInRequired("Sign in as an operator first")
    return operator


def _check_method(request: web.Request, *methods: str) -> None:
    if request.method not in methods:
        raise web.HTTPMethodNotAllowed(request.method, methods)


def _json(body: bytes) -> web.Response:
    response = web.Response(body=body, content_type="application/json")
    response.enable_compression()
    return response
