"""The aiohttp application: made once, run by our own server, gunicorn, or inside of another."""

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
from actionhero.transport import INTERNAL_ERROR, dumps, dumps_pretty, new_identifier
from actionhero_web import health_endpoints
from actionhero_web.action_routes import router_for
from actionhero_web.error_mapping import error_document, status_for
from actionhero_web.header_templates import REQUEST_ID, HeaderTemplates
from actionhero_web.protocol import HttpServer
from actionhero_web.request_handler import RequestHandler
from actionhero_web.response import decorate
from actionhero_web.settings import WebSettings
from actionhero_web.static import StaticFiles
from actionhero_web.upgrades import Upgrades

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

logger = logging.getLogger("actionhero.web")

APP: web.AppKey[Application] = web.AppKey("actionhero", Application)
REQUEST_HANDLER: web.AppKey[RequestHandler] = web.AppKey("actionhero_exchanges", RequestHandler)
UPGRADES: web.AppKey[Upgrades] = web.AppKey("actionhero_upgrades", Upgrades)

with warnings.catch_warnings():
    # aiohttp discourages subclasses because applications need none. A server does: this is the
    # only way by which every runner, gunicorn's and the test client's too, gets our protocol.
    warnings.simplefilter("ignore", DeprecationWarning)

    class HttpApplication(web.Application):
        """An aiohttp application whose connections have deadlines, and tell errors as we do."""

        def _make_handler(
            self, *, loop: asyncio.AbstractEventLoop | None = None, **arguments: Any
        ) -> HttpServer:
            self._set_loop(loop)
            self.freeze()
            settings = self[APP].get(WebSettings)
            arguments.pop("access_log_class", None)
            # Not aiohttp's access log, which costs more than all the rest of an answer: the
            # corridor writes a line for each call.
            arguments |= {
                "access_log": None,
                "handler_cancellation": settings.cancel_on_disconnect,
                "keepalive_timeout": settings.keepalive_timeout.total_seconds(),
                # How long what a client still sends is thrown away, so that it can read why.
                "lingering_time": min(10.0, settings.body_idle_timeout.total_seconds()),
            }
            return HttpServer(
                _dispatcher(self),
                request_factory=self._make_request,
                loop=self._loop,
                settings=settings,
                tell_error=_error_teller(self),
                **arguments,
            )


def build_application(app: Application) -> web.Application:
    """Return the aiohttp application of a loaded application.

    It does not start or stop `app`; see `create` for one that does.

    Raises:
        PluginError: A route is malformed, or two match the same requests; or two plugins take
            over the same connections.
    """
    settings = app.get(WebSettings)
    heads = HeaderTemplates(settings, app.get(AppSettings).name)
    exchanges = RequestHandler(app, settings, router_for(app), heads)
    application = HttpApplication(client_max_size=0)
    application[APP] = app
    application[REQUEST_HANDLER] = exchanges
    upgrades = application[UPGRADES] = Upgrades(app, exchanges, settings.trusted_proxies)

    async def answer(request: web.Request) -> web.StreamResponse:
        path, query = _target(request)
        if request.match_info.apps[0] is not application:
            # Mounted in somebody else's application, whose middlewares look at our answers.
            exchanges.only_plain = True
            path = settings.prefix + _below_mount(request, path)
            upgrade = upgrades.find(request, path)
            if upgrade is not None:
                return await upgrades.answer(request, upgrade, path, query)
        response: web.StreamResponse = await exchanges.answer(request, path, query)
        return response

    application.router.add_routes(
        [
            web.get("/livez", health_endpoints.livez(app)),
            web.get("/readyz", health_endpoints.readyz(app)),
        ]
    )
    for _, route in app.plugins.collect("actionhero_web_routes", web.AbstractRouteDef, app=app):
        application.router.add_routes([route])
    application.router.add_route("*", settings.prefix + "/{tail:.*}", answer)
    if settings.prefix:
        application.router.add_route("*", settings.prefix, answer)
    folders = _static_folders(app, settings)
    if folders:
        application.router.add_route("*", "/{tail:.*}", _static_answer(folders))
    app.plugins.call("actionhero_web_application", application=application, app=app)
    app.refuse_problems()
    # Whoever looks at responses must find responses of the kind that they know.
    exchanges.only_plain = bool(application.middlewares) or bool(application.on_response_prepare)

    async def put_headers(request: web.Request, response: web.StreamResponse) -> None:
        if response.headers.get("Server") == SERVER_SOFTWARE:
            # It is there by now, and tells its version and Python's to everybody.
            del response.headers["Server"]
        request_id = response.headers.get(REQUEST_ID) or exchanges.request_id(request)
        decorate(response, heads, request_id, ())
        if exchanges.is_last(request):
            response.force_close()
            response.headers["Connection"] = "close"

    async def end_streams(_: web.Application) -> None:
        # Servers that are not ours wait for open answers after this.
        exchanges.streams.stop_events()

    application.on_response_prepare.append(put_headers)
    application.on_shutdown.append(end_streams)
    return application


async def create(*, location: Any = None, logs: bool = True) -> web.Application:
    """Load the application from settings, and return it as an aiohttp application.

    For servers that are not ours, such as
    `gunicorn actionhero_web.application:create --worker-class aiohttp.GunicornUVLoopWebWorker`,
    and for `existing.add_subapp("/backend", await create(logs=False))`, which puts `/backend`
    before `web.prefix`. It starts and stops with the aiohttp application.

    Args:
        location: The settings file, or its folder; the current folder where left out.
        logs: Whether to set up the logs of the process as the settings say. Not where it has
            some of its own.

    Raises:
        BootError: Settings or plugins are wrong.
    """
    app = App.load(read_sources(location), RunMode.SERVER)
    app.refuse_problems()
    if logs:
        configure_logs(app)
    # Whoever runs this opens the door.
    app.lifecycle.without_servers()
    application = build_application(app)

    async def live(_: web.Application) -> Any:
        await app.start()
        yield
        application[REQUEST_HANDLER].draining = True
        await app.stop()

    application.cleanup_ctx.append(live)
    return application


def _target(request: web.BaseRequest) -> tuple[str, str]:
    """Return path and query as they were sent, undecoded."""
    target = request.raw_path
    if target.startswith("/"):
        path, _, query = target.partition("?")
        return path, query
    # `GET http://host/path`, as proxies are asked, or `OPTIONS *`.
    url = request.rel_url
    return url.raw_path, url.raw_query_string


def _below_mount(request: web.Request, path: str) -> str:
    """Return what of an undecoded path comes after mount and prefix: what a route describes."""
    resource = request.match_info.route.resource
    above = resource.canonical.removesuffix("/{tail}") if resource is not None else ""
    # Counted, not measured: the same segment may be encoded in more than one way.
    return "".join(f"/{segment}" for segment in path.split("/")[above.count("/") + 1 :])


def _dispatcher(application: web.Application) -> Callable[[Any], Awaitable[Any]]:
    """Return what answers requests: actions at once, all else by aiohttp's own router."""
    exchanges = application[REQUEST_HANDLER]
    prefix = application[APP].get(WebSettings).prefix
    below = prefix + "/"
    # Native middlewares and signals are run by aiohttp, so then it sees every request.
    shortcut = bool(prefix) and not exchanges.only_plain
    answer, handle, tell = exchanges.answer, application._handle, exchanges.tell
    upgrades = application[UPGRADES]
    upgraded = upgrades.by_path

    async def dispatch(request: web.Request) -> Any:
        path, query = _target(request)
        if path in upgraded and (upgrade := upgrades.find(request, path)):
            return await upgrades.answer(request, upgrade, path, query)
        if request._message.compression:
            # aiohttp throws away what was not read of a body, but expands it before: a bomb that
            # was refused would hold up everybody else for seconds. So the connection just ends.
            request.protocol._lingering_time = 0.0
        if shortcut and (path.startswith(below) or path == prefix):
            return await answer(request, path, query)
        if request.headers.get("Expect", "100-continue").lower() != "100-continue":
            # aiohttp would repeat it in its answer, and break over some of them.
            odd = MalformedRequest("the Expect header asks for something else than 100-continue")
            return await tell(request, odd)
        try:
            return await handle(request)
        except web.HTTPException as error:
            if isinstance(error, web.HTTPMethodNotAllowed):
                wrong, allow = exchanges.wrong_method(request.method, error.headers["Allow"])
                return await tell(request, wrong, (allow,))
            if error.status not in _TOLD_BY_US:
                raise
            return await tell(request, _TOLD_BY_US[error.status]())

    return dispatch


#: What aiohttp's router says, in our envelope. Anything else is a plugin's own answer.
_TOLD_BY_US: dict[int, Callable[[], TypedError]] = {
    404: lambda: ActionNotFound("Action not found"),
    413: lambda: RequestTooLarge("Payload Too Large"),
}


def _error_teller(application: web.Application) -> Callable[..., web.StreamResponse]:
    app, exchanges = application[APP], application[REQUEST_HANDLER]
    settings = app.get(WebSettings)

    def tell(
        request: web.BaseRequest, status: int, exc: BaseException | None, message: str | None
    ) -> web.StreamResponse:
        # What could not be parsed has no headers that could tell one.
        request_id = new_identifier() if status == 400 else exchanges.request_id(request)
        error: TypedError
        if status == 400:
            error = MalformedRequest(f"the request cannot be parsed: {_first_line(exc, message)}")
            logger.debug("refused from %s: %s", request.remote, error.message)
        else:
            error = TypedError(INTERNAL_ERROR)
            logger.error(
                "answering %s failed: %s", request.remote, exc, exc_info=exc,
                extra={"request_id": request_id},
            )  # fmt: skip
        status, _ = status_for(error.type, settings.error_format)
        document = error_document(
            error,
            timestamp_ms=exchanges.now_ms(),
            request_id=request_id,
            profile=settings.error_format,
        )
        body = dumps_pretty(document) if settings.error_format == "actionhero" else dumps(document)
        response = web.Response(
            status=status, body=body, headers={"Content-Type": "application/json"}
        )
        response.headers[REQUEST_ID] = request_id
        decorate(response, exchanges.heads, request_id, ())
        return response

    return tell


def _first_line(exc: BaseException | None, message: str | None) -> str:
    """Return what is wrong, without the client's own bytes, which follow on further lines."""
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


def _static_answer(folders: list[StaticFiles]) -> Callable[[web.Request], Awaitable[Any]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        path, _ = _target(request)
        is_reading = request.method in {"GET", "HEAD"}
        # A native route of another method comes before files, but this one takes every method.
        allowed = set() if is_reading else await _other_methods(request)
        for folder in folders:
            found = await folder.find(path)
            if found is not None and is_reading:
                return await folder.respond(request, found)
            if found is not None:
                allowed |= {"GET", "HEAD"}
        if allowed:
            raise web.HTTPMethodNotAllowed(request.method, sorted(allowed))
        raise web.HTTPNotFound

    return answer


async def _other_methods(request: web.Request) -> set[str]:
    """Return the methods to which native routes answer at the path of `request`."""
    methods: set[str] = set()
    for resource in request.app.router.resources():
        _, allowed = await resource.resolve(request)
        methods |= allowed
    return methods - {"*"}
