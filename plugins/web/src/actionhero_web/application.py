"""The aiohttp application, for our own server, for gunicorn, or as a sub-application."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.http_exceptions import HttpProcessingError

from actionhero import (
    ActionNotFound,
    App,
    Application,
    MalformedRequest,
    RequestTooLarge,
    RunMode,
    TypedError,
)
from actionhero.cli import configure_logs
from actionhero.settings import AppSettings, read_sources
from actionhero.transport import INTERNAL_ERROR, new_identifier
from actionhero_web import health_endpoints
from actionhero_web.action_routes import router_for
from actionhero_web.error_mapping import encode_error
from actionhero_web.header_templates import REQUEST_ID, HeaderTemplates
from actionhero_web.protocol import HttpServer
from actionhero_web.request_handler import RequestHandler
from actionhero_web.response import add_default_headers
from actionhero_web.settings import WebSettings
from actionhero_web.static import StaticFiles
from actionhero_web.upgrades import Upgrades

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

logger = logging.getLogger("actionhero.web")

APP: web.AppKey[Application] = web.AppKey("actionhero", Application)
REQUEST_HANDLER: web.AppKey[RequestHandler] = web.AppKey(
    "actionhero_request_handler", RequestHandler
)
UPGRADES: web.AppKey[Upgrades] = web.AppKey("actionhero_upgrades", Upgrades)

with warnings.catch_warnings():
    # aiohttp discourages subclasses because applications need none. A server does: only a subclass
    # makes every runner, also those of gunicorn and the test client, use our protocol.
    warnings.simplefilter("ignore", DeprecationWarning)

    class HttpApplication(web.Application):
        """An aiohttp application with timeouts for slow clients and our error responses."""

        def _make_handler(
            self, *, loop: asyncio.AbstractEventLoop | None = None, **arguments: Any
        ) -> HttpServer:
            self._set_loop(loop)
            self.freeze()
            settings = self[APP].get(WebSettings)
            arguments.pop("access_log_class", None)
            # aiohttp's access log costs more than all the rest of a response, and the pipeline
            # logs each call.
            arguments |= {
                "access_log": None,
                "handler_cancellation": settings.cancel_on_disconnect,
                "keepalive_timeout": settings.keepalive_timeout.total_seconds(),
                # After an early response, the rest of the request is read and discarded, so that
                # the client can read the response.
                "lingering_time": min(10.0, settings.body_idle_timeout.total_seconds()),
            }
            return HttpServer(
                _create_dispatcher(self),
                request_factory=self._make_request,
                loop=self._loop,
                settings=settings,
                error_response=_create_error_response(self),
                **arguments,
            )


def build_application(app: Application) -> web.Application:
    """Return the aiohttp application of a loaded application.

    It does not start or stop `app`; the application that `create` returns does.

    Raises:
        PluginError: A route is invalid, two routes match the same requests, or two plugins upgrade
            connections at the same path.
    """
    settings = app.get(WebSettings)
    header_templates = HeaderTemplates(settings, app.get(AppSettings).name)
    request_handler = RequestHandler(app, settings, router_for(app), header_templates)
    application = HttpApplication(client_max_size=0)
    application[APP] = app
    application[REQUEST_HANDLER] = request_handler
    upgrades = application[UPGRADES] = Upgrades(app, request_handler, settings.trusted_proxies)

    async def handle(request: web.Request) -> web.StreamResponse:
        path, query = _split_target(request)
        if request.match_info.apps[0] is not application:
            # Mounted in another application, whose middlewares may read our responses.
            request_handler.use_aiohttp_responses = True
            path = settings.prefix + _path_below_mount(request, path)
            upgrade = upgrades.find(request, path)
            if upgrade is not None:
                return await upgrades.handle(request, upgrade, path, query)
        response: web.StreamResponse = await request_handler.handle(request, path, query)
        return response

    application.router.add_routes(
        [
            web.get("/livez", health_endpoints.livez(app)),
            web.get("/readyz", health_endpoints.readyz(app)),
        ]
    )
    for _, route in app.plugins.collect("actionhero_web_routes", web.AbstractRouteDef, app=app):
        application.router.add_routes([route])
    application.router.add_route("*", settings.prefix + "/{tail:.*}", handle)
    if settings.prefix:
        application.router.add_route("*", settings.prefix, handle)
    folders = _static_folders(app, settings)
    if folders:
        application.router.add_route("*", "/{tail:.*}", _create_static_handler(folders))
    app.plugins.call("actionhero_web_application", application=application, app=app)
    app.raise_for_problems()
    # Native middlewares and signals expect aiohttp's own response classes.
    request_handler.use_aiohttp_responses = bool(application.middlewares) or bool(
        application.on_response_prepare
    )

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        if response.headers.get("Server") == SERVER_SOFTWARE:
            # aiohttp has set it already; it exposes the versions of aiohttp and Python.
            del response.headers["Server"]
        request_id = response.headers.get(REQUEST_ID) or request_handler.request_id(request)
        add_default_headers(response, header_templates, request_id, ())
        if request_handler.closes_connection(request):
            response.force_close()
            response.headers["Connection"] = "close"

    async def stop_streams(_: web.Application) -> None:
        # Other servers wait for open responses after this.
        request_handler.streams.stop_events()

    application.on_response_prepare.append(add_headers)
    application.on_shutdown.append(stop_streams)
    return application


async def create(*, location: Any = None, logs: bool = True) -> web.Application:
    """Load the application from settings, and return it as an aiohttp application.

    For other servers, such as
    `gunicorn actionhero_web.application:create --worker-class aiohttp.GunicornUVLoopWebWorker`,
    and for `existing.add_subapp("/backend", await create(logs=False))`, where `/backend` precedes
    `web.prefix`. It starts and stops with the aiohttp application.

    Args:
        location: The settings file, or its folder; by default the current folder.
        logs: Whether to configure the logging of the process by the settings. Use `False` in a
            process with its own logging configuration.

    Raises:
        BootError: Settings or plugins are invalid.
    """
    app = App.load(read_sources(location), RunMode.SERVER)
    app.raise_for_problems()
    if logs:
        configure_logs(app)
    # The server that runs this application listens.
    app.lifecycle.disable_servers()
    application = build_application(app)

    async def run_app(_: web.Application) -> Any:
        await app.start()
        yield
        application[REQUEST_HANDLER].draining = True
        await app.stop()

    application.cleanup_ctx.append(run_app)
    return application


def _split_target(request: web.BaseRequest) -> tuple[str, str]:
    """Return path and query of the request target, undecoded."""
    target = request.raw_path
    if target.startswith("/"):
        path, _, query = target.partition("?")
        return path, query
    # The absolute form (`GET http://host/path`) or `OPTIONS *`.
    url = request.rel_url
    return url.raw_path, url.raw_query_string


def _path_below_mount(request: web.Request, path: str) -> str:
    """Return the part of an undecoded path after mount and prefix, which routes match."""
    resource = request.match_info.route.resource
    mount = resource.canonical.removesuffix("/{tail}") if resource is not None else ""
    # By the number of segments, not by length: a segment may be encoded in more than one way.
    return "".join(f"/{segment}" for segment in path.split("/")[mount.count("/") + 1 :])


def _create_dispatcher(application: web.Application) -> Callable[[Any], Awaitable[Any]]:
    """Return the handler of all requests: actions directly, the rest by aiohttp's router."""
    request_handler = application[REQUEST_HANDLER]
    prefix = application[APP].get(WebSettings).prefix
    path_start = prefix + "/"
    # Native middlewares and signals are run by aiohttp, so then it handles every request.
    bypasses_aiohttp = bool(prefix) and not request_handler.use_aiohttp_responses
    handle_action, handle_native = request_handler.handle, application._handle
    error_response = request_handler.error_response
    upgrades = application[UPGRADES]
    upgrades_by_path = upgrades.by_path

    async def dispatch(request: web.Request) -> Any:
        path, query = _split_target(request)
        if path in upgrades_by_path and (upgrade := upgrades.find(request, path)):
            return await upgrades.handle(request, upgrade, path, query)
        if request._message.compression:
            # aiohttp decompresses the unread rest of a body before it discards it, so a rejected
            # decompression bomb would block all clients for seconds. Close the connection instead.
            request.protocol._lingering_time = 0.0
        if bypasses_aiohttp and (path.startswith(path_start) or path == prefix):
            return await handle_action(request, path, query)
        if request.headers.get("Expect", "100-continue").lower() != "100-continue":
            # aiohttp repeats the value in its response, and fails on some values.
            return await error_response(
                request, MalformedRequest("the Expect header must be '100-continue'")
            )
        try:
            return await handle_native(request)
        except web.HTTPException as error:
            if isinstance(error, web.HTTPMethodNotAllowed):
                not_allowed, allow = request_handler.method_not_allowed(
                    request.method, error.headers["Allow"]
                )
                return await error_response(request, not_allowed, (allow,))
            if error.status not in _TYPED_ERRORS:
                raise
            return await error_response(request, _TYPED_ERRORS[error.status]())

    return dispatch


#: The errors of aiohttp's router that get our error document. Others are a plugin's own response.
_TYPED_ERRORS: dict[int, Callable[[], TypedError]] = {
    404: lambda: ActionNotFound("Action not found"),
    413: lambda: RequestTooLarge("Payload Too Large"),
}


def _create_error_response(application: web.Application) -> Callable[..., web.StreamResponse]:
    """Return the function that builds responses to unparsable requests and unexpected errors."""
    app, request_handler = application[APP], application[REQUEST_HANDLER]
    settings = app.get(WebSettings)

    def error_response(
        request: web.BaseRequest, status: int, exc: BaseException | None, message: str | None
    ) -> web.StreamResponse:
        # An unparsable request has no headers with a request id.
        request_id = new_identifier() if status == 400 else request_handler.request_id(request)
        error: TypedError
        if status == 400:
            error = MalformedRequest(f"the request cannot be parsed: {_first_line(exc, message)}")
            logger.debug("rejected a request from %s: %s", request.remote, error.message)
        else:
            error = TypedError(INTERNAL_ERROR)
            logger.error(
                "the response to %s failed: %s", request.remote, exc, exc_info=exc,
                extra={"request_id": request_id},
            )  # fmt: skip
        encoded = encode_error(
            error, accept="", error_format=settings.error_format, request_id=request_id
        )
        response = web.Response(
            status=encoded.status,
            body=encoded.body,
            headers={"Content-Type": encoded.content_type},
        )
        response.headers[REQUEST_ID] = request_id
        add_default_headers(response, request_handler.header_templates, request_id, ())
        return response

    return error_response


def _first_line(exc: BaseException | None, message: str | None) -> str:
    """Return the error without the bytes of the client, which follow on further lines."""
    if isinstance(exc, HttpProcessingError) or message:
        text = (message or str(exc)).strip().splitlines()
        if text:
            return text[0].rstrip(":").split(": b'")[0]
    return "it is not HTTP"


def _static_folders(app: Application, settings: WebSettings) -> list[StaticFiles]:
    folders = []
    if settings.static_folder is not None:
        folders.append(StaticFiles(settings.static_folder, settings.static_route))
    folders += [
        item for _, item in app.plugins.collect("actionhero_web_static", StaticFiles, app=app)
    ]
    return folders


def _create_static_handler(folders: list[StaticFiles]) -> Callable[[web.Request], Awaitable[Any]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        path, _ = _split_target(request)
        is_read = request.method in {"GET", "HEAD"}
        # A native route for another method precedes files, but this route accepts every method.
        allowed = set() if is_read else await _native_methods(request)
        for folder in folders:
            file = await folder.find(path)
            if file is not None and is_read:
                return await folder.respond(request, file)
            if file is not None:
                allowed |= {"GET", "HEAD"}
        if allowed:
            raise web.HTTPMethodNotAllowed(request.method, sorted(allowed))
        raise web.HTTPNotFound

    return handle


async def _native_methods(request: web.Request) -> set[str]:
    """Return the methods of native routes at the path of `request`."""
    methods: set[str] = set()
    for resource in request.app.router.resources():
        _, allowed = await resource.resolve(request)
        methods |= allowed
    return methods - {"*"}
