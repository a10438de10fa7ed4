"""The routes of the page, and their handler `Page`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actionhero import (
    AuditLog,
    Connection,
    InvalidInput,
    MalformedRequest,
    RateLimited,
    TypedError,
)
from actionhero.settings import AppSettings
from actionhero.transport import dumps, loads
from actionhero_tasks.operations.job_views import views_of
from actionhero_tasks.page.access import Access
from actionhero_tasks.page.templates import render_page, render_sign_in
from actionhero_tasks.settings import TasksSettings
from actionhero_web import (
    REQUEST_HANDLER,
    BodyReader,
    MediaType,
    SignInLimiter,
    StaticFiles,
    WebSettings,
    media_type_of,
    parse_form,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import Application

logger = logging.getLogger("actionhero.tasks")

ASSETS: Final = Path(__file__).parent / "assets"
#: Larger than any form or JSON body of the page.
BODY_LIMIT_BYTES: Final = 64 * 1024
_READ_METHODS: Final = ("GET", "HEAD")
_NO_STORE: Final = {"Cache-Control": "no-store"}


def routes_for(app: Application) -> list[web.AbstractRouteDef]:
    """Return the routes of the page; none if no client could have access."""
    settings = app.get(TasksSettings)
    has_access = settings.operator_password is not None or app.environment == "development"
    if not settings.page or not has_access:
        return []
    page = Page(app)
    app.provide(Page, page)
    # All methods and all paths, so that clients without access cannot discover the page.
    return [web.route("*", settings.page, page.handle),
            web.route("*", settings.page + "/{path:.*}", page.handle)]  # fmt: skip


class Page:
    """Handles the requests for the page, and the requests that the page sends.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        settings = app.get(TasksSettings)
        self._name = app.get(AppSettings).name
        self._folder = settings.page.rpartition("/")[2]
        self._assets = StaticFiles(ASSETS, max_age_seconds=0)
        self._access = Access(app)
        self._limiter = SignInLimiter()
        self._audit = app.get(AuditLog)
        self._views = views_of(app)
        self._body_reader = BodyReader(app.get(WebSettings))
        self._read_handlers: dict[str, Callable[[web.Request], Awaitable[Any]]] = {
            "api/overview": self._overview,
            "api/jobs": self._jobs,
            "api/job": self._job,
        }
        self._change_handlers: dict[str, Callable[[web.Request], Awaitable[Any]]] = {
            "api/retry": self._change_one("retry"),
            "api/discard": self._change_one("discard"),
            "api/cancel": self._change_one("cancel"),
            "api/dead/retry": self._change_dead("retry"),
            "api/dead/discard": self._change_dead("discard"),
        }

    async def handle(self, request: web.Request) -> Any:
        """Return the response to a request.

        Raises:
            HTTPException: The path does not exist, or the page is hidden from this client.
        """
        if self._access.is_hidden(request):
            raise web.HTTPNotFound
        path: str | None = request.match_info.get("path")
        try:
            return await self._dispatch(request, path)
        except TypedError as error:
            self._audit.refused(error, self._connection(request), details={"path": request.path})
            headers = tuple(_NO_STORE.items())
            return await request.config_dict[REQUEST_HANDLER].error_response(
                request, error, headers
            )

    async def _dispatch(self, request: web.Request, path: str | None) -> web.StreamResponse:
        if path is None:
            _check_method(request, *_READ_METHODS)
            return _html(self._render(request))
        if path == "":
            # The links of the page are relative to a path without a trailing slash.
            return web.Response(status=308, headers={"Location": f"../{self._folder}"})
        if path in self._read_handlers:
            _check_method(request, *_READ_METHODS)
            self._access.check_read(request)
            return _json(await self._read_handlers[path](request))
        if path in self._change_handlers:
            _check_method(request, "POST")
            self._access.check_change(request)
            return _json(await self._change_handlers[path](request))
        if path in ("sign-in", "sign-out") and self._access.has_password:
            _check_method(request, "POST")
            self._access.check_origin(request)
            if path == "sign-in":
                return await self._sign_in(request)
            return self._sign_out(request)
        file = await self._assets.find(f"/{path}")
        if file is None:
            raise web.HTTPNotFound
        _check_method(request, *_READ_METHODS)
        return await self._assets.respond(request, file)

    # -- sign-in -------------------------------------------------------------------------------

    def _render(self, request: web.Request) -> str:
        if self._access.is_signed_in(request):
            has_sign_out = self._access.has_password
            return render_page(self._name, self._folder, has_sign_out=has_sign_out)
        return render_sign_in(self._name, self._folder)

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        fields = parse_form(await self._read_body(request)) if _is_form(request) else {}
        password = fields.get("password", [""])[-1]
        address = self._access.client(request).address
        # No `await` between the check and the count: concurrent attempts are all counted.
        seconds = self._limiter.retry_after_seconds(address)
        if seconds:
            if not _accepts_html(request):
                raise RateLimited("Too many failed sign-ins", retry_after_seconds=seconds)
            return self._sign_in_error(
                f"Too many attempts. Try again in {seconds} s.", 429, seconds
            )
        if not self._access.verify_password(password):
            self._limiter.record_failure(address)
            logger.warning("operator sign-in failed from %s", address)
            self._record(request, "sign_in", "failure")
            return self._sign_in_error("Wrong password.", 401)
        self._limiter.reset(address)
        logger.info("operator signed in from %s", address)
        self._record(request, "sign_in")
        return self._redirect(self._access.sign_in_cookie(request))

    def _sign_out(self, request: web.Request) -> web.StreamResponse:
        if self._access.is_signed_in(request):
            self._record(request, "sign_out")
        return self._redirect(self._access.sign_out_cookie(request))

    def _redirect(self, cookie: str) -> web.StreamResponse:
        headers = {"Location": f"../{self._folder}", "Set-Cookie": cookie, **_NO_STORE}
        return web.Response(status=303, headers=headers)

    def _sign_in_error(
        self, problem: str, status: int, retry_after_seconds: int = 0
    ) -> web.StreamResponse:
        response = _html(render_sign_in(self._name, self._folder, problem, is_below=True), status)
        if retry_after_seconds:
            response.headers["Retry-After"] = str(retry_after_seconds)
        return response

    # -- requests of the page ------------------------------------------------------------------

    async def _overview(self, request: web.Request) -> Any:
        return await self._views.overview.snapshot(_parse_int(request.query.get("since")) or 0)

    async def _jobs(self, request: web.Request) -> Any:
        query = request.query
        before = _parse_int(query.get("before"))
        return await self._views.jobs(query.get("state", ""), query.get("queue") or None, before)

    async def _job(self, request: web.Request) -> Any:
        return await self._views.job(request.query.get("id", ""))

    def _change_one(self, operation: str) -> Callable[[web.Request], Awaitable[Any]]:
        async def change(request: web.Request) -> Any:
            id = (await self._read_json(request)).get("id")
            if not isinstance(id, str):
                raise InvalidInput("Missing required param: id", key="id")
            await self._views.change(operation, id)
            logger.info("operator: %s job %r", operation, id)
            self._record(request, f"tasks.{operation}", jobs=[id])
            return {"id": id}

        return change

    def _change_dead(self, operation: str) -> Callable[[web.Request], Awaitable[Any]]:
        async def change(request: web.Request) -> Any:
            body = await self._read_json(request)
            queue, before = body.get("queue"), body.get("before")
            if not (queue is None or isinstance(queue, str)):
                raise InvalidInput("Must be the name of a queue, or null for all", key="queue")
            if not (before is None or (type(before) is int and abs(before) < 2**63)):
                raise InvalidInput("Must be the value of `next`, or null", key="before")
            result = await self._views.change_dead(operation, queue, before)
            scope = "all queues" if queue is None else f"queue {queue!r}"
            logger.info("operator: %s %d dead letters of %s", operation, result["count"], scope)
            facts = {"jobs": "all", "queue": queue, "count": result["count"]}
            self._record(request, f"tasks.{operation}", **facts)
            return result

        return change

    def _record(
        self, request: web.Request, event: str, outcome: str = "success", **details: Any
    ) -> None:
        """Record an event of the page in the audit log."""
        self._audit.record(
            event,
            outcome,
            source=self._connection(request),
            method="operator_password" if self._access.has_password else "operator",
            details={"page": self._folder, **details},
        )

    def _connection(self, request: web.Request) -> Connection:
        return Connection("web", self._access.client(request).address, raw=request)

    async def _read_body(self, request: web.Request) -> bytes:
        return await self._body_reader.read(request, BODY_LIMIT_BYTES)

    async def _read_json(self, request: web.Request) -> dict[str, Any]:
        body = loads(await self._read_body(request))
        if not isinstance(body, dict):
            raise MalformedRequest("the body must be a JSON object")
        return body


def _check_method(request: web.Request, *methods: str) -> None:
    if request.method not in methods:
        raise web.HTTPMethodNotAllowed(request.method, methods)


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=_NO_STORE)


def _json(value: Any) -> web.Response:
    response = web.Response(body=dumps(value), content_type="application/json", headers=_NO_STORE)
    response.enable_compression()
    return response


def _parse_int(text: str | None) -> int | None:
    if text is None or text == "":
        return None
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 19):
        raise InvalidInput("Must be an integer", value=text)
    return int(text)


def _is_form(request: web.Request) -> bool:
    return media_type_of(request.headers.get("Content-Type")) is MediaType.FORM


def _accepts_html(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")
