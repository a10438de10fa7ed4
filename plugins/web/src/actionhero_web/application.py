"""The aiohttp application, for our own server, for gunicorn, or as a sub-application."""

from __future__ import annotations

import logging
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy

from actionhero import App, Application, MalformedRequest, RunMode, TypedError
from actionhero.cli import configure_logs
from actionhero.settings import ErrorsSettings, read_sources
from actionhero.transport import INTERNAL_ERROR, new_identifier
from actionhero_web.bodies.native_request import NativeRequest
from actionhero_web.connections.http_server import HttpServer
from actionhero_web.connections.refusals import TOO_LARGE, UNPARSABLE, count_refusal
from actionhero_web.connections.request_head import HEADER_LIMIT, RejectedRequest
from actionhero_web.cross_origin import CROSS_ORIGIN
from actionhero_web.dispatch import Dispatcher
from actionhero_web.endpoint_handler import EndpointHandler
from actionhero_web.files.static_routes import static_routes
from actionhero_web.observation import JoinedObservers, ObservedDispatcher, WebObserver
from actionhero_web.request_handler import RequestHandler
from actionhero_web.response_preparer import ResponsePreparer
from actionhero_web.routes.action_routes import route_warnings, router_for
from actionhero_web.routes.health_endpoints import health_routes
from actionhero_web.routes.nearest_route import NearestRoute
from actionhero_web.settings import WebSettings
from actionhero_web.upgrade_handler import UpgradeHandler

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

logger = logging.getLogger("actionhero.web")

#: The statuses of heads and bodies that exceed a limit.
_TOO_LARGE: Final = frozenset({413, 414, 431})

APP: web.AppKey[Application] = web.AppKey("actionhero", Application)
DISPATCHER: web.AppKey[Dispatcher] = web.AppKey("actionhero_dispatcher", Dispatcher)
REQUEST_HANDLER: web.AppKey[RequestHandler] = web.AppKey(
    "actionhero_request_handler", RequestHandler
)
RESPONSE_PREPARER: web.AppKey[ResponsePreparer] = web.AppKey(
    "actionhero_response_preparer", ResponsePreparer
)

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
            app = self[APP]
            settings = app.get(WebSettings)
            arguments.pop("access_log_class", None)
            # aiohttp's access log costs more than all the rest of a response, and the pipeline
            # logs each call.
            arguments |= {
                "access_log": None,
                # The reader of bodies decompresses them, within their limits.
                "auto_decompress": False,
                "handler_cancellation": settings.cancel_on_disconnect,
                # aiohttp's parser in Python counts the first and the last line, too.
                "max_headers": HEADER_LIMIT + 2,
                "keepalive_timeout": settings.keepalive_timeout.total_seconds(),
                # After an early response, the rest of the request is read and discarded, so that
                # the client can read the response.
                "lingering_time": min(5.0, settings.body_idle_timeout.total_seconds()),
            }
            return HttpServer(
                self[DISPATCHER].dispatch,
                request_factory=partial(self._make_request, _cls=NativeRequest),
                loop=self._loop,
                settings=settings,
                hosts=settings.hosts(app.environment),
                error_response=_create_error_response(self[REQUEST_HANDLER]),
                prepare_response=self[RESPONSE_PREPARER].prepare,
                **arguments,
            )


def build_application(app: Application) -> web.Application:
    """Return the aiohttp application of a loaded application.

    It does not start or stop `app`; the application that `create` returns does.

    Raises:
        PluginError: A route is invalid, two routes match the same requests, or two plugins upgrade
            connections, or have an endpoint, at the same path.
    """
    settings = app.get(WebSettings)
    handler = RequestHandler(app, settings)
    upgrades = UpgradeHandler(app, handler)
    application = HttpApplication(client_max_size=0)
    endpoints = EndpointHandler(app, handler)
    routes = router_for(app)
    observers = app.plugins.collect(
        "actionhero_web_observers",
        WebObserver,
        app=app,
        clients=handler.clients,
        routes=tuple(routes.routes),
    )
    for warning in route_warnings(app, settings.prefix):
        logger.warning("%s", warning)
    # Clients of the original ActionHero know one message.
    if app.environment == "development" and settings.error_format == "standard":
        handler.nearest_route = NearestRoute(routes.routes, settings.prefix)
    parts = (application, routes, settings.prefix, handler, upgrades, endpoints)
    # The dispatcher without observers has no code for them, and that with one has no loops.
    dispatcher: Dispatcher
    match [item for _, item in observers]:
        case []:
            dispatcher = Dispatcher(*parts)
        case [observer]:
            dispatcher = ObservedDispatcher(observer, *parts)
        case several:
            dispatcher = ObservedDispatcher(JoinedObservers(several), *parts)
    application[APP] = app
    application[DISPATCHER] = dispatcher
    application[REQUEST_HANDLER] = handler
    application[CROSS_ORIGIN] = handler.cross_origin
    application[RESPONSE_PREPARER] = preparer = ResponsePreparer(dispatcher, handler)

    router = application.router
    router.add_routes(health_routes(app))
    for path, endpoint in endpoints.by_path.items():
        # For other spellings of the path, for native middlewares, and for an outer application.
        respond = partial(dispatcher.dispatch_endpoint, endpoint)
        router.add_route("*", path, respond)
        if not path.endswith("/") and path + "/" not in endpoints.by_path:
            # The same route, as for actions.
            router.add_route("*", path + "/", respond)
    for _, route in app.plugins.collect("actionhero_web_routes", web.AbstractRouteDef, app=app):
        router.add_routes([route])
    # Without a prefix, files have the same paths as actions, which take precedence.
    files = list(static_routes(app, settings, None if settings.prefix else dispatcher))
    if settings.prefix or not files:
        router.add_route("*", settings.prefix + "/{tail:.*}", dispatcher.dispatch_routed)
    if settings.prefix:
        router.add_route("*", settings.prefix, dispatcher.dispatch_routed)
    router.add_routes(files)
    app.plugins.call("actionhero_web_application", application=application, app=app)
    app.raise_for_problems()
    # Native middlewares and signals expect aiohttp's own response classes, and are run by aiohttp.
    is_extended = bool(application.middlewares) or bool(application.on_response_prepare)
    handler.writer.use_aiohttp_responses = is_extended
    dispatcher.bypasses_aiohttp = bool(settings.prefix) and not is_extended
    dispatcher.endpoints = {} if is_extended else endpoints.by_path

    async def stop_streams(_: web.Application) -> None:
        # Other servers wait for open responses after this.
        handler.streams.stop_events()

    application.on_response_prepare.append(preparer.on_response_prepare)
    application.on_shutdown.append(stop_streams)
    return application


async def create(*, location: Any = None, logs: bool = True) -> web.Application:
    """Load the application from settings, and return it as an aiohttp application.

    For other servers, such as
    `gunicorn actionhero_web.application:create --worker-class aiohttp.GunicornUVLoopWebWorker`,
    and for `existing.add_subapp("/backend", await create(logs=False))`, where `/backend` precedes
    `web.prefix`. It starts and stops with the aiohttp application. Clients see no tracebacks unless
    `errors.show_tracebacks` is set: the address of the other server is not known.

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
    if not app.settings.was_set(ErrorsSettings, "show_tracebacks"):
        # Its address is not known, and may be one that others can reach.
        app.pipeline.show_tracebacks = False
    application = build_application(app)

    async def run_app(_: web.Application) -> Any:
        await app.start()
        yield
        application[REQUEST_HANDLER].writer.draining = True
        await app.stop()

    application.cleanup_ctx.append(run_app)
    return application


def _create_error_response(handler: RequestHandler) -> Callable[..., Any]:
    """Return the function that builds responses to unparsable requests and unexpected errors."""

    def error_response(
        request: web.BaseRequest, status: int, exc: BaseException | None, message: str | None
    ) -> Any:
        error: TypedError
        if isinstance(exc, RejectedRequest) and exc.origin is not None:
            # An unparsable request has no headers.
            request._headers = CIMultiDictProxy(CIMultiDict({"Origin": exc.origin}))
        if status in _TOO_LARGE:
            count_refusal(TOO_LARGE)
        elif status < 500:
            count_refusal(UNPARSABLE)
        if isinstance(exc, TypedError):
            request_id, error = new_identifier(), exc
            logger.debug("rejected a request from %s: %s", request.remote, error.message)
        elif status == 400:
            # An unparsable request has no headers with a request id.
            request_id = new_identifier()
            error = MalformedRequest(f"the request cannot be parsed: {_first_line(exc, message)}")
            logger.debug("rejected a request from %s: %s", request.remote, error.message)
        else:
            request_id = handler.clients.request_id(request)
            error = TypedError(INTERNAL_ERROR)
            logger.error(
                "the response to %s failed: %s", request.remote, exc, exc_info=exc,
                extra={"request_id": request_id},
            )  # fmt: skip
            if exc is not None:
                handler.native.report_exception(exc, request_id)
        return handler.native.failure_response(request, request_id, error)

    return error_response


def _first_line(exc: BaseException | None, message: str | None) -> str:
    """Return the error without the bytes of the client, which follow on further lines."""
    if isinstance(exc, HttpProcessingError) or message:
        text = (message or str(exc)).strip().splitlines()
        if text:
            return text[0].rstrip(":").split(": b'")[0]
    return "it is not HTTP"
