"""The routes of the page, and what answers there."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actionhero import InvalidInput, MalformedRequest, RateLimited, TypedError
from actionhero.settings import AppSettings
from actionhero.transport import dumps, loads
from actionhero_tasks.page.access import Access
from actionhero_tasks.page.documents import page_text, sign_in_text
from actionhero_tasks.page.job_views import JobViews
from actionhero_tasks.page.throttle import Throttle
from actionhero_tasks.settings import TasksSettings
from actionhero_web import (
    REQUEST_HANDLER,
    BodyReader,
    Media,
    StaticFiles,
    WebSettings,
    kind,
    parse_form,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import Application

logger = logging.getLogger("actionhero.tasks")

ASSETS: Final = Path(__file__).parent / "assets"
#: More than a password, or an id and a queue, take.
BODY_LIMIT_BYTES: Final = 64 * 1024
_READING: Final = ("GET", "HEAD")
_NOT_KEPT: Final = {"Cache-Control": "no-store"}


def routes_for(app: Application) -> list[web.AbstractRouteDef]:
    """Return the routes of the page; none where nobody could be let in."""
    settings = app.get(TasksSettings)
    is_open = settings.operator_password is not None or app.environment == "development"
    if not settings.page or not is_open:
        return []
    page = Page(app)
    app.provide(Page, page)
    # All methods, and all below: who may not see the page does not learn what would be there.
    return [web.route("*", settings.page, page.answer),
            web.route("*", settings.page + "/{below:.*}", page.answer)]  # fmt: skip


def close_with(application: web.Application, app: Application) -> None:
    """See to it that the page is closed when the server that shows it is."""

    async def close(_: web.Application) -> None:
        await asyncio.to_thread(app.get(Page).close)

    if app.has(Page):
        application.on_cleanup.append(close)


class Page:
    """Answers requests for the page, and those that it makes.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        settings = app.get(TasksSettings)
        self._name = app.get(AppSettings).name
        self._folder = settings.page.rpartition("/")[2]
        self._assets = StaticFiles(ASSETS, max_age_seconds=0)
        self._access = Access(app)
        self._throttle = Throttle()
        self._desk = JobViews(app)
        idle_seconds = app.get(WebSettings).body_idle_timeout.total_seconds()
        self._body = BodyReader(BODY_LIMIT_BYTES, idle_seconds)
        self._reads: dict[str, Callable[[web.Request], Awaitable[Any]]] = {
            "api/overview": self._overview,
            "api/jobs": self._jobs,
            "api/job": self._job,
        }
        self._changes: dict[str, Callable[[web.Request], Awaitable[Any]]] = {
            "api/retry": self._change_one("retry"),
            "api/discard": self._change_one("discard"),
            "api/cancel": self._change_one("cancel"),
            "api/dead/retry": self._change_dead("retry"),
            "api/dead/discard": self._change_dead("discard"),
        }

    async def answer(self, request: web.Request) -> Any:
        """Answer a request.

        Raises:
            HTTPException: There is nothing there, as far as who asks may know.
        """
        if self._access.is_hidden(request):
            raise web.HTTPNotFound
        below: str | None = request.match_info.get("below")
        try:
            return await self._answer(request, below)
        except TypedError as error:
            more = tuple(_NOT_KEPT.items())
            return await request.config_dict[REQUEST_HANDLER].tell(request, error, more)

    def close(self) -> None:
        """Close what is open."""
        self._desk.close()

    async def _answer(self, request: web.Request, below: str | None) -> web.StreamResponse:
        if below is None:
            _allow(request, *_READING)
            return _html(self._document(request))
        if below == "":
            # What the page links to is relative to a path without a slash at its end.
            return web.Response(status=308, headers={"Location": f"../{self._folder}"})
        if below in self._reads:
            _allow(request, *_READING)
            self._access.check_reading(request)
            return _json(await self._reads[below](request))
        if below in self._changes:
            _allow(request, "POST")
            self._access.check_changing(request)
            return _json(await self._changes[below](request))
        if below in ("sign-in", "sign-out") and self._access.passes is not None:
            _allow(request, "POST")
            self._access.check_origin(request)
            return await self._sign_in(request) if below == "sign-in" else self._sign_out(request)
        file = await self._assets.find(f"/{below}")
        if file is None:
            raise web.HTTPNotFound
        _allow(request, *_READING)
        return await self._assets.respond(request, file)

    # -- who looks -----------------------------------------------------------------------------

    def _document(self, request: web.Request) -> str:
        if self._access.is_signed_in(request):
            has_password = self._access.passes is not None
            return page_text(self._name, self._folder, has_password=has_password)
        return sign_in_text(self._name, self._folder)

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        passes = self._access.passes
        assert passes is not None  # noqa: S101 - nobody gets here without
        fields = parse_form(await self._body.read(request)) if _is_form(request) else {}
        given = fields.get("password", [""])[-1]
        peer = self._access.client(request).address
        # From here to the count nothing waits: who asks many times at once gains nothing.
        seconds = self._throttle.wait_seconds(peer)
        if seconds:
            if not _takes_html(request):
                raise RateLimited("Too many wrong passwords", retry_after_seconds=seconds)
            return self._refused(f"Too many attempts. Try again in {seconds} s.", 429, seconds)
        if not passes.is_password(given):
            self._throttle.failed(peer)
            logger.warning("a wrong operator password from %s", peer)
            return self._refused("That is not the password.", 401)
        self._throttle.passed(peer)
        logger.info("an operator signed in from %s", peer)
        cookie = self._access.cookie(request, passes.give(), passes.ttl_seconds)
        return self._lead(cookie)

    def _sign_out(self, request: web.Request) -> web.StreamResponse:
        return self._lead(self._access.cookie(request, "", 0))

    def _lead(self, cookie: str) -> web.StreamResponse:
        headers = {"Location": f"../{self._folder}", "Set-Cookie": cookie, **_NOT_KEPT}
        return web.Response(status=303, headers=headers)

    def _refused(self, problem: str, status: int, wait_seconds: int = 0) -> web.StreamResponse:
        response = _html(sign_in_text(self._name, self._folder, problem, is_below=True), status)
        if wait_seconds:
            response.headers["Retry-After"] = str(wait_seconds)
        return response

    # -- what the page asks for ----------------------------------------------------------------

    async def _overview(self, request: web.Request) -> Any:
        return await self._desk.overview.told(_number(request.query.get("since")) or 0)

    async def _jobs(self, request: web.Request) -> Any:
        query = request.query
        before = _number(query.get("before"))
        return await self._desk.jobs(query.get("state", ""), query.get("queue") or None, before)

    async def _job(self, request: web.Request) -> Any:
        return await self._desk.job(request.query.get("id", ""))

    def _change_one(self, verb: str) -> Callable[[web.Request], Awaitable[Any]]:
        async def change(request: web.Request) -> Any:
            id = (await self._asked(request)).get("id")
            if not isinstance(id, str):
                raise InvalidInput("Missing required param: id", key="id")
            await self._desk.change(verb, id)
            logger.info("an operator: %s job %r", verb, id)
            return {"id": id}

        return change

    def _change_dead(self, verb: str) -> Callable[[web.Request], Awaitable[Any]]:
        async def change(request: web.Request) -> Any:
            asked = await self._asked(request)
            queue, before = asked.get("queue"), asked.get("before")
            if not (queue is None or isinstance(queue, str)):
                raise InvalidInput("It is the name of a queue, or null for all", key="queue")
            if not (before is None or (type(before) is int and abs(before) < 2**63)):
                raise InvalidInput("It is what was told as next, or null", key="before")
            told = await self._desk.change_dead(verb, queue, before)
            where = "all queues" if queue is None else f"queue {queue!r}"
            logger.info("an operator: %s %d dead letters of %s", verb, told["count"], where)
            return told

        return change

    async def _asked(self, request: web.Request) -> dict[str, Any]:
        asked = loads(await self._body.read(request))
        if not isinstance(asked, dict):
            raise MalformedRequest("the body is no JSON object")
        return asked


def _allow(request: web.Request, *methods: str) -> None:
    if request.method not in methods:
        raise web.HTTPMethodNotAllowed(request.method, methods)


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=_NOT_KEPT)


def _json(told: Any) -> web.Response:
    response = web.Response(body=dumps(told), content_type="application/json", headers=_NOT_KEPT)
    response.enable_compression()
    return response


def _number(text: str | None) -> int | None:
    if text is None or text == "":
        return None
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 19):
        raise InvalidInput("It is a whole number", value=text)
    return int(text)


def _is_form(request: web.Request) -> bool:
    return kind(request.headers.get("Content-Type")) is Media.FORM


def _takes_html(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")
