"""The routes of the console, and its page `ConsolePage`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actionhero import Connection, Link, TypedError
from actionhero_console.access import Throttled, session_middleware
from actionhero_console.console import console_for
from actionhero_console.dispatch import Dispatcher
from actionhero_console.operators import Operator
from actionhero_web import OperatorPage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero import Application
    from actionhero_console.console import Console
    from actionhero_console.panels import PanelContext

logger = logging.getLogger("actionhero.console")

ASSETS: Final = Path(__file__).parent / "assets"
_ERROR_HEADERS: Final = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
_HEADERS: Final = {
    **_ERROR_HEADERS,
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routes_for(app: Application) -> list[web.AbstractRouteDef]:
    """Return the routes of the console; none if no client could see it."""
    console = console_for(app)
    if console is None:
        return []
    page, path = ConsolePage(app, console), console.settings.path
    # All methods and all paths, so that clients without access cannot discover the console.
    return [web.route("*", path, page.handle), web.route("*", path + "/{path:.*}", page.handle)]


def links_for(app: Application, origin: str) -> list[Link]:
    """Return the URL of the console; none if no client could see it."""
    console = console_for(app)
    return [] if console is None else [Link("Console", origin + console.settings.path)]


class ConsolePage(OperatorPage[Operator]):
    """The page of the console.

    Args:
        app: The application.
        console: The console.
    """

    headers = _HEADERS
    error_headers = _ERROR_HEADERS

    def __init__(self, app: Application, console: Console) -> None:
        panels = {name: loaded.panel.assets for name, loaded in console.panels.items()}
        super().__init__(
            app,
            console.access.requests,
            path=console.settings.path,
            title="Console",
            assets=ASSETS,
            panels={name: folder for name, folder in panels.items() if folder is not None},
            operator=console.access.only_account,
            style="console.css",
        )
        self._console = console
        self._access = console.access
        self._dispatcher = Dispatcher(app, console)
        self._session_middleware = session_middleware(console.access)
        self.can_sign_in = self._access.has_accounts

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Return the response to a request, with the session of the operator."""
        # Errors pass through the middleware, which cannot save a session in one that is written.
        response: web.StreamResponse = await self._session_middleware(request, super().respond)
        return response

    async def operator_of(self, request: web.Request) -> Operator | None:
        """Return the operator of a request."""
        operator = await self._access.operator_of(request)
        if operator is None and not self.can_sign_in:
            raise web.HTTPNotFound
        return operator

    def may_see(self, operator: Operator, panel: str) -> bool:
        """Whether a panel is for the role of an operator."""
        loaded = self._console.panels.get(panel)
        return loaded is not None and operator.role.includes(loaded.role)

    def can_sign_out(self, operator: Operator) -> bool:
        """Whether an operator has signed in with a password."""
        return operator.method == "password"

    def describe(self, request: web.Request, operator: Operator) -> dict[str, Any]:
        """Return the parts of the console that an operator may see."""
        return self._dispatcher.describe(self._context(request, operator))

    async def read(
        self, request: web.Request, operator: Operator, name: str, inputs: Mapping[str, Any]
    ) -> Any:
        """Return the result of a query of a panel."""
        return await self._dispatcher.read(name, inputs, self._context(request, operator))

    async def change(
        self, request: web.Request, operator: Operator, name: str, inputs: Mapping[str, Any]
    ) -> Any:
        """Make a change of a panel."""
        return await self._dispatcher.change(name, inputs, self._context(request, operator))

    async def submit(
        self, request: web.Request, operator: Operator | None, path: str
    ) -> web.StreamResponse:
        """Handle a request that changes something; a refusal is recorded in the audit log."""
        try:
            return await super().submit(request, operator, path)
        except TypedError as error:
            name = path.removeprefix("api/")
            await self._dispatcher.record_refusal(error, operator, self._connection(request), name)
            raise

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Sign in an operator with the form, and return the response.

        Raises:
            RateLimited: There were too many failures, and the client is no browser.
            ServiceUnavailable: It cannot be recorded.
        """
        fields = await self.form.fields(request)
        name = fields.get("username", "")[:100]
        connection, trail = self._connection(request), self._console.trail
        result = await self._access.sign_in(request, name, fields.get("password", ""))
        if isinstance(result, Throttled):
            logger.warning("a sign-in to the console was delayed, from %s", connection.remote)
            if result.is_first:
                facts = {"name": name, "reason": "too many failures"}
                await trail.note("sign_in", "failure", None, connection, facts)
            return self.form.too_many_attempts(request, result.retry_after_seconds)
        if result is None:
            logger.warning("sign-in to the console failed from %s", connection.remote)
            await trail.note("sign_in", "failure", None, connection, {"name": name})
            # The form asks for the name if there are several.
            has_name = self._access.only_account is None
            problem = "Wrong name or password." if has_name else "Wrong password."
            return self.form.error(problem, 401)
        act = await trail.begin("sign_in", result, connection, {})
        await act.succeeded()
        return self.form.redirect()

    async def sign_out(self, request: web.Request, operator: Operator | None) -> web.StreamResponse:
        """End the session of a request, and return the response."""
        await self._access.sign_out(request)
        if operator is not None:
            connection = self._connection(request)
            await self._console.trail.note("sign_out", "success", operator, connection, {})
        return self.form.redirect()

    def _context(self, request: web.Request, operator: Operator) -> Callable[[str], PanelContext]:
        connection = self._connection(request)
        return lambda panel: self._dispatcher.context(panel, operator, connection)

    def _connection(self, request: web.Request) -> Connection:
        return Connection("web", self._access.requests.client(request).address, raw=request)
