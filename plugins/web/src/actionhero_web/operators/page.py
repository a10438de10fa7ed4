"""`OperatorPage`: the requests for a page of operators, and those that its scripts send."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

from aiohttp import web

from actionhero import MalformedRequest, NotFound, SignInRequired, TypedError
from actionhero.settings import AppSettings
from actionhero.transport import dumps, loads, request_id
from actionhero_web.application import REQUEST_HANDLER
from actionhero_web.bodies.body import BodyReader
from actionhero_web.operators.page_files import PageFiles, panel_of
from actionhero_web.operators.queries import read_all
from actionhero_web.operators.sign_in_form import SignInForm
from actionhero_web.operators.templates import render_page
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from actionhero import Application
    from actionhero_web.operators.access import OperatorAccess

OperatorT = TypeVar("OperatorT")

#: The largest body: the inputs of an action.
BODY_LIMIT_BYTES: Final = 1024 * 1024
_READ_METHODS: Final = ("GET", "HEAD")
_NO_STORE: Final = {"Cache-Control": "no-store"}
_FORMS: Final = ("sign-in", "sign-out")


class OperatorPage(ABC, Generic[OperatorT]):
    """A page of panels, whose scripts read and change data, and its sign-in form.

    The scripts of the page, `kit/`, show the panels that `describe` returns. Each is a class in
    `panels/NAME/panel.js`, which imports from `../../kit/`.

    Args:
        app: The application.
        access: The origin of requests.
        path: The path of the page.
        title: Its title.
        assets: The folder of `icon.svg`, and of `style`.
        panels: The folders of the panels, by name.
        operator: The name of the only operator, which need not be entered.
        style: The style sheet of the panels; empty: each has its own.
    """

    #: The headers of responses without errors; those of errors are those of all responses.
    headers: ClassVar[Mapping[str, str]] = _NO_STORE
    error_headers: ClassVar[Mapping[str, str]] = _NO_STORE
    #: Whether operators can sign in with a password.
    can_sign_in: bool

    def __init__(
        self,
        app: Application,
        access: OperatorAccess,
        *,
        path: str,
        title: str,
        assets: Path,
        panels: Mapping[str, Path],
        operator: str | None,
        style: str = "",
    ) -> None:
        self.folder = path.rpartition("/")[2]
        self._app = app
        self._requests = access
        self._names = (app.get(AppSettings).name, title, self.folder)
        self._style = style
        self.form = SignInForm(app, title, self.folder, operator)
        self._body_reader = BodyReader(app.get(WebSettings))
        self._files = PageFiles(assets, panels)
        self._has_navigation = len(panels) > 1

    # -- the parts of a page -------------------------------------------------------------------

    @abstractmethod
    async def operator_of(self, request: web.Request) -> OperatorT | None:
        """Return the operator of a request; `None`: the client may sign in.

        Raises:
            HTTPNotFound: The page is hidden from this client.
        """

    @abstractmethod
    def can_sign_out(self, operator: OperatorT) -> bool:
        """Whether an operator has signed in on this page."""

    @abstractmethod
    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Sign in an operator with the fields of the form; see `form`."""

    @abstractmethod
    async def sign_out(
        self, request: web.Request, operator: OperatorT | None
    ) -> web.StreamResponse:
        """End the session of a request."""

    @abstractmethod
    def describe(self, request: web.Request, operator: OperatorT) -> dict[str, Any]:
        """Return the application, the operator, and the panels with their changes."""

    @abstractmethod
    async def read(
        self, request: web.Request, operator: OperatorT, name: str, inputs: Mapping[str, Any]
    ) -> Any:
        """Return the result of a query, by `panel.read`."""

    @abstractmethod
    async def change(
        self, request: web.Request, operator: OperatorT, name: str, inputs: Mapping[str, Any]
    ) -> Any:
        """Make a change, by `panel/change`, and return its result."""

    def may_see(self, operator: OperatorT, panel: str) -> bool:
        """Whether an operator gets the scripts of a panel."""
        return True

    # -- requests ------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> Any:
        """Return the response to a request, which may be an error.

        Raises:
            HTTPException: The path does not exist, or the page is hidden from this client.
        """
        web_handler = request.config_dict[REQUEST_HANDLER]
        # For the log and the audit log.
        id = web_handler.clients.request_id(request)
        token = request_id.set(id)
        try:
            try:
                response = await self.respond(request)
            except TypedError as error:
                headers = tuple(self.error_headers.items())
                failure = await web_handler.native.error_response(request, error, headers)
                if not self.form.is_shown(request):
                    return failure
                response = self.form.error(error.message, failure.status)
            # Static files may be revalidated.
            for name, value in (*self.headers.items(), ("X-Request-Id", id)):
                response.headers.setdefault(name, value)
            return response
        finally:
            request_id.reset(token)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Return the response to a request.

        Raises:
            HTTPException: The path does not exist, or the page is hidden from this client.
            TypedError: The request is refused or invalid.
        """
        operator = await self.operator_of(request)
        path: str | None = request.match_info.get("path")
        if path is None:
            _check_method(request, *_READ_METHODS)
            return web.Response(text=self._render(operator), content_type="text/html")
        if path == "":
            # The links of the page are relative to a path without a trailing slash.
            return web.Response(status=308, headers={"Location": f"../{self.folder}"})
        if path in ("api/console", "api/read"):
            is_query = path == "api/read"
            _check_method(request, *_READ_METHODS, *(["POST"] if is_query else []))
            self._requests.check_read(request)
            operator = _signed_in(operator)
            if not is_query:
                return _json(dumps(self.describe(request, operator)))
            read = partial(self.read, request, operator)
            return _json(await read_all(self._app, await self._queries(request), read))
        is_form = path in _FORMS and self.can_sign_in
        if is_form and request.method in _READ_METHODS:
            # The address of the form after a failed attempt, loaded again.
            return self.form.redirect()
        if is_form or path.startswith("api/change/"):
            _check_method(request, "POST")
            return await self.submit(request, operator, path)
        if path.startswith("api/"):
            raise NotFound("There is no such part of the page")
        panel = panel_of(path)
        if panel is not None and not (operator is not None and self.may_see(operator, panel)):
            raise web.HTTPNotFound
        return await self._files.respond(request, path)

    async def submit(
        self, request: web.Request, operator: OperatorT | None, path: str
    ) -> web.StreamResponse:
        """Handle a request that changes something.

        Raises:
            TypedError: The request is refused or invalid.
        """
        self._requests.check_change(request)
        if path == "sign-in":
            return await self.sign_in(request)
        if path == "sign-out":
            return await self.sign_out(request, operator)
        operator = _signed_in(operator)
        body = await self._body(request)
        result = await self.change(request, operator, path.removeprefix("api/change/"), body)
        return _json(dumps({"value": result}))

    async def _queries(self, request: web.Request) -> Mapping[str, str]:
        """Return the inputs of each query as JSON: in the body, as those of a log may be long."""
        if request.method != "POST":
            return request.query
        body = await self._body(request)
        return {name: dumps(inputs).decode() for name, inputs in body.items()}

    async def _body(self, request: web.Request) -> dict[str, Any]:
        self._requests.check_json(request)
        body = loads(await self._body_reader.read(request, BODY_LIMIT_BYTES))
        if not isinstance(body, dict):
            raise MalformedRequest("the body must be a JSON object")
        return body

    def _render(self, operator: OperatorT | None) -> str:
        if operator is None:
            return self.form.render()
        return render_page(
            *self._names,
            style=self._style,
            has_sign_out=self.can_sign_out(operator),
            has_navigation=self._has_navigation,
        )


def _signed_in(operator: OperatorT | None) -> OperatorT:
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
