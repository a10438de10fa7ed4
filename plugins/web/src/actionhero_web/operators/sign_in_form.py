"""`SignInForm`: the form by which operators sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from actionhero import RateLimited
from actionhero.settings import AppSettings
from actionhero_web.bodies.body import BodyReader
from actionhero_web.bodies.media import MediaType, media_type_of, parse_form
from actionhero_web.operators.templates import render_sign_in
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application

#: The largest form.
FORM_LIMIT_BYTES: Final = 16 * 1024


class SignInForm:
    """The form, the fields that a browser sends, and the responses to them.

    Args:
        app: The application.
        title: The title of the page.
        folder: The last part of the path of the page.
        operator: The name of the only operator; `None`: the form asks for the name.
    """

    def __init__(self, app: Application, title: str, folder: str, operator: str | None) -> None:
        self._names = (app.get(AppSettings).name, title, folder)
        self._folder = folder
        self._operator = operator
        self._body_reader = BodyReader(app.get(WebSettings))

    def render(self) -> str:
        """Return the HTML of the form, at the path of the page."""
        return render_sign_in(*self._names, operator=self._operator)

    async def fields(self, request: web.Request) -> dict[str, str]:
        """Return the fields in a request; none of another body."""
        if media_type_of(request.headers.get("Content-Type")) is not MediaType.FORM:
            return {}
        fields = parse_form(await self._body_reader.read(request, FORM_LIMIT_BYTES))
        return {"username": self._operator or "", **{key: fields[key][-1] for key in fields}}

    def is_shown(self, request: web.Request) -> bool:
        """Whether a browser has sent the form, and shows the response."""
        return request.match_info.get("path") == "sign-in" and _accepts_html(request)

    def error(
        self, problem: str, status: int, headers: Mapping[str, str] | None = None
    ) -> web.StreamResponse:
        """Return the form with an error, at the path to which it is sent."""
        text = render_sign_in(*self._names, problem, operator=self._operator, is_below=True)
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    def too_many_attempts(self, request: web.Request, seconds: int) -> web.StreamResponse:
        """Return the form with the time to wait, in seconds.

        Raises:
            RateLimited: The client is no browser.
        """
        if not _accepts_html(request):
            raise RateLimited("Too many failed sign-ins", retry_after_seconds=seconds)
        problem = f"Too many attempts. Try again in {seconds} s."
        return self.error(problem, 429, {"Retry-After": str(seconds)})

    def redirect(self) -> web.StreamResponse:
        """Return the redirect from the form to the page."""
        return web.Response(status=303, headers={"Location": f"../{self._folder}"})


def _accepts_html(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")
