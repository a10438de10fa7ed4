"""`SignInPages`: the sign-in form, and the responses of signing in and out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from aiohttp import web

from actionhero import RateLimited
from actionhero.settings import AppSettings
from actionhero_console.access import Throttled
from actionhero_console.templates import render_page, render_sign_in
from actionhero_web import BodyReader, MediaType, WebSettings, media_type_of, parse_form

if TYPE_CHECKING:
    from actionhero import Application, Connection
    from actionhero_console.console import Console
    from actionhero_console.operators import Operator

logger = logging.getLogger("actionhero.console")

#: The largest sign-in form.
_FORM_LIMIT_BYTES: Final = 16 * 1024


def accepts_html(request: web.Request) -> bool:
    """Return whether the client is a browser that shows the response."""
    return "text/html" in request.headers.get("Accept", "")


class SignInPages:
    """Signs operators in and out.

    Args:
        app: The application.
        console: The console.
    """

    def __init__(self, app: Application, console: Console) -> None:
        self._console = console
        self._access = console.access
        self._name = app.get(AppSettings).name
        self._folder = console.settings.path.rpartition("/")[2]
        self._body_reader = BodyReader(app.get(WebSettings))

    def render(self, operator: Operator | None) -> str:
        """Return the console, or the sign-in form without an operator."""
        if operator is None:
            return render_sign_in(self._name, self._folder, operator=self._access.only_account)
        return render_page(self._name, self._folder, has_sign_out=operator.method == "password")

    async def sign_in(self, request: web.Request, connection: Connection) -> web.StreamResponse:
        """Sign in an operator with the form, and return the response.

        Raises:
            RateLimited: There were too many failures, and the client is no browser.
            ServiceUnavailable: It cannot be recorded.
        """
        fields: dict[str, list[str]] = {}
        if media_type_of(request.headers.get("Content-Type")) is MediaType.FORM:
            fields = parse_form(await self._body_reader.read(request, _FORM_LIMIT_BYTES))
        name = fields.get("username", [self._access.only_account or ""])[-1][:100]
        password = fields.get("password", [""])[-1]
        trail = self._console.trail
        result = await self._access.sign_in(request, name, password)
        if isinstance(result, Throttled):
            seconds = result.retry_after_seconds
            logger.warning("a sign-in to the console was delayed, from %s", connection.remote)
            if not accepts_html(request):
                raise RateLimited("Too many failed sign-ins", retry_after_seconds=seconds)
            response = self.error_page(f"Too many attempts. Try again in {seconds} s.", 429)
            response.headers["Retry-After"] = str(seconds)
            return response
        if result is None:
            logger.warning("sign-in to the console failed from %s", connection.remote)
            await trail.note("sign_in", "failure", None, connection, {"name": name})
            return self.error_page("Wrong name or password.", 401)
        act = await trail.begin("sign_in", result, connection, {})
        await act.succeeded()
        return self.redirect()

    async def sign_out(
        self, request: web.Request, operator: Operator | None, connection: Connection
    ) -> web.StreamResponse:
        """End the session of a request, and return the response."""
        await self._access.sign_out(request)
        if operator is not None:
            await self._console.trail.note("sign_out", "success", operator, connection, {})
        return self.redirect()

    def redirect(self) -> web.StreamResponse:
        """Return the response that leads from the path of a form to the console."""
        return web.Response(status=303, headers={"Location": f"../{self._folder}"})

    def error_page(self, problem: str, status: int) -> web.StreamResponse:
        """Return the sign-in form with an error, for the path of a form."""
        text = render_sign_in(
            self._name, self._folder, problem, operator=self._access.only_account, is_below=True
        )
        return web.Response(text=text, status=status, content_type="text/html")
